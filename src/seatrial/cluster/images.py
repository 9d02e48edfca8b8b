"""The images that a node needs and that no registry has to serve: each is one program of the toolchain, alone or on a small base.

The names under ``registry.k8s.io`` are the ones that kubeadm and the kubelet ask for; what seatrial adds itself is named
``seatrial.local``. Every image says in a label that it is a stand-in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from seatrial.cluster.oci import Extract, File, Image, Layer, Link
from seatrial.cluster.provider import Programs

KUBERNETES = "registry.k8s.io"
OWN = "seatrial.local"
LABELS = {"seatrial.stand-in": "true"}
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

KUBEADM_TAGS = {"etcd": "3.6.5-0", "coredns": "v1.12.1", "pause": "3.10.1"}
"""Tags that kubeadm 1.34 asks for (cmd/kubeadm/app/constants). The program inside may be another patch release."""

AGNHOST = f"{KUBERNETES}/e2e-test-images/agnhost:2.56"
"""Probe server and client; its version is that of test/images/agnhost/VERSION in Kubernetes 1.34."""

CYCLONUS_AGNHOST = "k8s.gcr.io/e2e-test-images/agnhost:2.43"
"""The same under the name that cyclonus 0.5 asks for."""

IPTABLES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
SHELL = (
    "sh", "cat", "chmod", "cp", "date", "dd", "df", "echo", "env", "false", "grep", "head", "id", "ls", "mkdir", "mv", "nc",
    "nslookup", "printf", "ps", "rm", "sed", "seq", "sleep", "sync", "tail", "test", "timeout", "touch", "tr", "true",
    "wc", "wget",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Which program goes into which image.

    Attributes:
        tool: name in the toolchain.
        names: image references; ``{version}`` is the tool's version.
        base: layers below the program: "" for none, "shell", or "netfilter" (iptables and ipset).
        env: further environment.
        user: numeric user; "" is root.
        path: where the program lies; ``{tool}`` is its name.
    """

    tool: str
    names: tuple[str, ...]
    base: str = ""
    env: tuple[str, ...] = field(default=())
    user: str = ""
    path: str = "usr/local/bin/{tool}"


PLANS = (
    Plan("pause", (f"{KUBERNETES}/pause:{KUBEADM_TAGS['pause']}",), user="65535:65535"),
    # A cluster that lives for minutes need not survive a power cut: without fsync etcd does not wait for the disk.
    Plan("etcd", (f"{KUBERNETES}/etcd:{KUBEADM_TAGS['etcd']}",), env=("ETCD_UNSAFE_NO_FSYNC=true",)),
    Plan("kube-apiserver", (f"{KUBERNETES}/kube-apiserver:v{{version}}",)),
    Plan("kube-controller-manager", (f"{KUBERNETES}/kube-controller-manager:v{{version}}",)),
    Plan("kube-scheduler", (f"{KUBERNETES}/kube-scheduler:v{{version}}",)),
    Plan("kube-proxy", (f"{KUBERNETES}/kube-proxy:v{{version}}",), base="netfilter"),
    Plan("coredns", (f"{KUBERNETES}/coredns/coredns:{KUBEADM_TAGS['coredns']}",)),
    Plan("kube-router", (f"{OWN}/kube-router:{{version}}",), base="netfilter"),
    Plan("local-path-provisioner", (f"{OWN}/local-path-provisioner:{{version}}",)),
    Plan("metrics-server", (f"{OWN}/metrics-server:{{version}}",)),
    Plan("agnhost", (AGNHOST, CYCLONUS_AGNHOST), base="shell", path="{tool}"),
)
INGRESS = Plan("traefik", (f"{OWN}/traefik:{{version}}",))
"""The longest build of all: it goes into a running node when it is ready, where it was not there in time."""

BUSYBOX = f"{OWN}/busybox:1.35"


def image(plan: Plan, programs: Programs, packages: Path) -> Image:
    """The image of a plan; blocks until the toolchain has its program.

    Args:
        packages: tar archive with Debian's iptables, ipset and busybox-static, unpacked and not configured.
    """
    tool = programs.tool(plan.tool)
    path = plan.path.format(tool=plan.tool)
    layers = (*bases(packages)[plan.base], (File(path, tool.path),))
    names = tuple(name.format(version=tool.version) for name in plan.names)
    return Image(names, layers, (f"/{path}",), env=(PATH, *plan.env), user=plan.user, labels=LABELS)


def busybox(packages: Path) -> Image:
    """A shell and little more, for the helper pods that prepare volumes."""
    return Image((BUSYBOX,), bases(packages)["shell"], ("/bin/sh",), labels=LABELS)


_bases: dict[Path, dict[str, tuple[Layer, ...]]] = {}


def bases(packages: Path) -> dict[str, tuple[Layer, ...]]:
    """Lower layers by name. The same objects for the same archive, so that images share them."""
    if packages not in _bases:
        shell: Layer = (
            Extract(packages, lambda path: path == "bin/busybox"),
            *(Link(f"bin/{name}", "busybox") for name in SHELL),
        )
        netfilter: Layer = (Extract(packages, _netfilter), *(Link(f"usr/sbin/{name}", "xtables-nft-multi") for name in IPTABLES))
        _bases[packages] = {"": (), "shell": (shell,), "netfilter": (netfilter,)}
    return _bases[packages]


def _netfilter(path: str) -> bool:
    """Programs, libraries and protocol names; no documentation, no character sets."""
    if path in ("etc/ethertypes", "etc/protocols", "etc/services"):
        return True
    wanted = path.startswith(("lib/", "lib64/", "usr/lib/", "usr/sbin/xtables", "usr/sbin/ipset", "sbin/"))
    return wanted and "/gconv/" not in path and "/systemd/" not in path
