"""Makes the node image where official ones cannot be had: Debian, containerd, the Kubernetes programs, and every image of the
cluster already unpacked. Kept in the engine under a name that is the digest of all that went into it.

Four steps: Debian packages by mmdebstrap (30 s, kept), the bare node by ``docker build`` (9 s, kept), the images as one archive
(5 s), and their unpacking in a container of the bare node, which is then committed (16 s): a build step may not mount.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from seatrial import process
from seatrial.cluster import images
from seatrial.cluster.oci import write_archive
from seatrial.cluster.provider import Programs
from seatrial.cluster.sweep import PREFIX
from seatrial.errors import ClusterError, ProcessError, ToolchainError
from seatrial.toolchain.model import Tool
from seatrial.toolchain.registries import registry_settings
from seatrial.tools.docker import Docker

SUITE = "bookworm"
"""Debian 12: its systemd 252 still runs on hosts with cgroup v1."""

NODE_PACKAGES = (
    "ca-certificates", "conntrack", "containerd", "containernetworking-plugins", "curl", "dbus", "ethtool", "hostname",
    "iproute2", "ipset", "iptables", "kmod", "mount", "openssh-server", "procps", "runc", "socat", "sudo", "systemd",
    "systemd-sysv", "util-linux",
)  # fmt: skip
IMAGE_PACKAGES = ("busybox-static", "ipset", "iptables", "netbase")
NOT_UNPACKED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
PROGRAMS = ("kubelet", "kubeadm", "kubectl", "crictl")
PARTS = (*PROGRAMS, *(plan.tool for plan in images.PLANS), images.INGRESS.tool)
"""Everything that is built for a node image and the clusters on it."""

REPOSITORY = "seatrial-node"
LABEL = "seatrial.node"
"""Label of node images; its value is their digest."""

STARTED_BY = ('ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]', "CMD []", "ENV container=docker", "STOPSIGNAL SIGRTMIN+3")
"""A committed image keeps the settings of its container, which only baked: these say again how a node starts."""

MINUTES = 60.0


@dataclass(frozen=True)
class NodeImage:
    """A node image in the engine.

    Attributes:
        reference: its local name.
        kubernetes: version with its v.
        versions: tool name -> version of what is inside, for the addon manifests.
        lacks: images whose program was not there in time; they are loaded into the running node.
    """

    reference: str
    kubernetes: str
    versions: dict[str, str]
    lacks: tuple[images.Plan, ...]


def ensure(docker: Docker, programs: Programs, cache: Path, progress: Callable[[str], None]) -> NodeImage:
    """The node image for the present recipe and programs, made first where the engine does not have it.

    The ingress controller, the longest build of all, is left out where it is not ready; it is loaded into the running node then.

    Args:
        cache: the user's cache; package trees and archives are kept below ``node``.

    Raises:
        ToolchainError: packages could not be fetched.
        ClusterError: the image could not be put together.
    """
    home = cache / "node"
    home.mkdir(parents=True, exist_ok=True)
    plans = [*images.PLANS, *([images.INGRESS] if _soon(programs, images.INGRESS.tool) else [])]
    lacks = () if images.INGRESS in plans else (images.INGRESS,)
    found = {name: programs.tool(name) for name in sorted({*PROGRAMS, *(plan.tool for plan in plans)})}
    versions = {name: tool.version for name, tool in found.items()}
    digest = recipe(found.values())
    image = NodeImage(f"{REPOSITORY}:{digest}", f"v{versions['kubelet']}", versions, lacks)
    with FileLock(home / "image.lock"):
        if docker.image(image.reference) is None:
            progress("making the node image (about a minute, once)")
            _make(docker, programs, plans, image, digest, home, progress)
            _remove_others(docker, image.reference)
    return image


def recipe(tools: Iterable[Tool]) -> str:
    """Twelve hex digits that change with whatever decides what is in the image: packages, files, code, programs."""
    sums = hashlib.sha256()
    sums.update(json.dumps([SUITE, NODE_PACKAGES, IMAGE_PACKAGES, NOT_UNPACKED, platform.machine()]).encode())
    for file in sorted(_files(sources())):
        sums.update(f"{file.relative_to(sources())} {file.stat().st_mode & 0o111:o}\n".encode() + file.read_bytes())
    sums.update(Path(images.__file__).read_bytes())
    for tool in sorted(tools, key=lambda one: one.name):
        sums.update(f"{tool.name} {tool.version} {tool.sha256}\n".encode())
    return sums.hexdigest()[:12]


def sources() -> Path:
    """The folder with the node's Dockerfile: in the wheel beside this module, in a checkout under ``docker/node``."""
    packaged = Path(__file__).with_name("node")
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "docker" / "node"


def packages(cache: Path, programs: Programs) -> Path:
    """Debian's packages for the small images, unpacked but not configured, as a tar file in the cache."""
    return _debootstrap(cache / "node", programs, "extract", IMAGE_PACKAGES)


def architecture() -> str:
    """This machine's, as container images name it."""
    return {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), platform.machine())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _make(
    docker: Docker,
    programs: Programs,
    plans: list[images.Plan],
    image: NodeImage,
    digest: str,
    home: Path,
    progress: Callable[[str], None],
) -> None:
    """Both package trees and the bare node, and beside them the archive of images; then the unpacking."""
    with ThreadPoolExecutor(2) as pool, _folder(home / f"work-{os.getpid()}") as work:
        archive = pool.submit(_archive, work, programs, plans, home)
        progress("node image: Debian packages")
        rootfs = _debootstrap(home, programs, "minbase", NODE_PACKAGES)
        progress("node image: bare node")
        bare = _build_bare(docker, programs, rootfs, work, digest)
        archive.result()
        progress("node image: unpacking the cluster's images")
        _bake(docker, bare, work / "images.tar", image, digest)


def _archive(work: Path, programs: Programs, plans: list[images.Plan], home: Path) -> None:
    tree = _debootstrap(home, programs, "extract", IMAGE_PACKAGES)
    made = [images.image(plan, programs, tree) for plan in plans] + [images.busybox(tree)]
    write_archive(made, work / "images.tar", architecture=architecture())


def _debootstrap(home: Path, programs: Programs, variant: str, packages: tuple[str, ...]) -> Path:
    """A tar file with Debian packages, made where it is not there yet.

    Raises:
        ToolchainError: the packages could not be fetched or unpacked.
    """
    key = hashlib.sha256(json.dumps([SUITE, variant, packages, NOT_UNPACKED, platform.machine()]).encode()).hexdigest()[:12]
    target = home / f"{variant}-{key}.tar"
    with FileLock(home / f"{variant}.lock"):
        if target.is_file():
            return target
        partial = home / f"partial-{target.name}"
        settings = registry_settings()
        with _folder(home / f"apt-{variant}") as work:
            configuration = work / "apt.conf"
            configuration.write_text(settings.apt_conf)
            argv = [
                str(programs.tool("mmdebstrap").path),
                f"--variant={variant}",
                f"--include={','.join(packages)}",
                f"--aptopt={configuration}",
            ]
            argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in NOT_UNPACKED]
            try:
                process.run([*argv, SUITE, partial, *settings.apt_lines(SUITE)], timeout=20 * MINUTES, env=_c_locale())
            except ProcessError as error:
                partial.unlink(missing_ok=True)
                raise ToolchainError(
                    f"Debian packages for the node image could not be had: {settings.hide(error.message)}",
                    todo="Check that the Debian mirror is reachable (`apt-get update`).",
                ) from error
        for old in home.glob(f"{variant}-*.tar"):
            old.unlink()
        partial.rename(target)
    return target


def _c_locale() -> dict[str, str]:
    return process.environment(LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive")


def _build_bare(docker: Docker, programs: Programs, rootfs: Path, work: Path, digest: str) -> str:
    """The node without Kubernetes' images; returns its local name."""
    context = work / "context"
    shutil.copytree(sources(), context)
    _place(rootfs, context / "rootfs.tar")
    (context / "bin").mkdir()
    for name in PROGRAMS:
        _place(programs.tool(name).path, context / "bin" / name)
    name = f"{REPOSITORY}-bare:{digest}"
    try:
        docker("build", "--quiet", f"--tag={name}", context, timeout=10 * MINUTES)
    except ProcessError as error:
        raise ClusterError(f"the node image did not build: {error.message}", todo="Run `seatrial doctor`.") from error
    return name


def _place(source: Path, target: Path) -> None:
    """Link, or copy where both lie on different file systems."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _bake(docker: Docker, bare: str, archive: Path, image: NodeImage, digest: str) -> None:
    """Unpack the images in a container of the bare node and keep it as the node image."""
    name = f"{REPOSITORY}-bake-{digest}"
    script = "/usr/local/libexec/seatrial/bake.sh"
    _remove_bakery(docker, name)
    try:
        docker("volume", "create", f"--label={LABEL}={digest}", name)
        options = (f"--name={name}", f"--label={LABEL}={digest}", "--privileged", f"--volume={name}:/store", "--network=none")
        command = ("-eu", script, "/store/images.tar", "/usr/local/bin", image.kubernetes)
        docker("create", *options, "--entrypoint=/bin/sh", bare, *command)
        docker.copy(archive, f"{name}:/store/images.tar")
        docker("start", "--attach", name, timeout=10 * MINUTES)
        docker.commit(name, image.reference, changes=(*STARTED_BY, f"LABEL {LABEL}={digest}"))
    except ProcessError as error:
        raise ClusterError(f"the cluster's images could not be unpacked into the node image: {error.message}") from error
    finally:
        _remove_bakery(docker, name)


def _remove_bakery(docker: Docker, name: str) -> None:
    docker.remove([name])
    docker.remove_volumes([name])


def _soon(programs: Programs, name: str) -> bool:
    """Whether a program is there, or will be in no time."""
    future = programs.start([name])[name]
    wait([future], timeout=3)
    return future.done() and future.exception() is None


def _remove_others(docker: Docker, reference: str) -> None:
    """Remove node images of former recipes, each 1.4 GB, but the last one: another checkout may be using it by turns with this.

    One that a kept cluster uses is refused by the engine and stays.
    """
    digest = reference.partition(":")[2]
    for repository in (REPOSITORY, f"{REPOSITORY}-bare"):
        tags = [row["Tag"] for row in docker.images() if row["Repository"] == repository]  # newest first
        others = [tag for tag in tags if tag not in (digest, "<none>") and not tag.startswith(PREFIX)]
        for tag in others[1:]:
            docker("rmi", f"{repository}:{tag}", check=False)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A folder that is empty at first and gone afterwards."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
