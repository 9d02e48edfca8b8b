"""The program ``minikube``: what is passed to it, and what it says of a profile. It never sees the user's own ``~/.minikube``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.errors import ClusterError
from seatrial.process import Background, Completed, environment, run

START_SECONDS = 600.0
SHORT_SECONDS = 120.0
"""Time limits of one call of ``minikube start`` and of any other."""


@dataclass(frozen=True)
class StartOptions:
    """What a cluster is asked to be.

    Attributes:
        profile: its name.
        kubernetes: version with its v.
        cpus, memory: cores and MiB of the node.
        ports: port inside the node -> port on 127.0.0.1.
        base_image: local node image with everything baked in; "" takes minikube's own image and its downloads.
        network: Docker network that exists already.
        cni: network plug-in by minikube; "false" where the node image brings its own.
        addons: minikube's own addons to enable.
        extra_config: ``component.key=value``.
    """

    profile: str
    kubernetes: str
    cpus: int
    memory: int
    ports: Mapping[int, int]
    network: str
    base_image: str = ""
    cni: str = "false"
    addons: tuple[str, ...] = ()
    extra_config: tuple[str, ...] = field(default=())


def start_arguments(options: StartOptions, *, root: bool) -> list[str]:
    """Arguments of ``minikube start``. It waits for nothing: readiness is proven by canaries.

    Args:
        root: the caller is uid 0, which the docker driver accepts only with ``--force``.
    """
    arguments = [
        "start",
        f"--profile={options.profile}",
        "--driver=docker",
        "--container-runtime=containerd",
        f"--kubernetes-version={options.kubernetes}",
        f"--cpus={options.cpus}",
        f"--memory={options.memory}m",
        f"--network={options.network}",
        f"--cni={options.cni}",
        "--wait=none",
        "--embed-certs=true",
        "--interactive=false",
        "--auto-update-drivers=false",
        "--disable-coredns-log",
        *(f"--ports=127.0.0.1:{host}:{node}" for node, host in sorted(options.ports.items())),
        *(f"--extra-config={setting}" for setting in options.extra_config),
        *(f"--addons={addon}" for addon in options.addons),
    ]
    if options.base_image:
        # Everything is in the image: nothing to download, to cache or to install.
        arguments += [f"--base-image={options.base_image}", "--preload=false", "--cache-images=false", "--install-addons=false"]
    return arguments + (["--force"] if root else [])


def restart_arguments(profile: str, *, baked: bool, root: bool) -> list[str]:
    """Arguments of ``minikube start`` for a stopped profile; its settings are kept in the profile."""
    arguments = ["start", f"--profile={profile}", "--wait=none", "--interactive=false"]
    if baked:
        arguments += ["--preload=false", "--cache-images=false", "--install-addons=false"]
    return arguments + (["--force"] if root else [])


@dataclass(frozen=True)
class ProfileStatus:
    """``minikube status``: each of ``Running``, ``Stopped``, ``Nonexistent``, ``Configured`` ... as minikube says it."""

    host: str
    kubelet: str
    apiserver: str
    kubeconfig: str


@dataclass(frozen=True)
class ProfileConfig:
    """What minikube keeps of a profile; ``memory`` in MiB."""

    name: str
    driver: str
    runtime: str
    kubernetes: str
    cpus: int
    memory: int


def parse_status(text: str) -> ProfileStatus:
    """Read ``minikube status --output=json``; ClusterError where it is something else."""
    try:
        data = json.loads(text)
        node = data[0] if isinstance(data, list) else data
        return ProfileStatus(node["Host"], node["Kubelet"], node["APIServer"], node["Kubeconfig"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ClusterError(f"minikube status said something unexpected: {text.strip()[:200] or 'nothing'}") from error


def parse_config(text: str) -> ProfileConfig:
    """Read a profile's config.json; ClusterError where it is not one."""
    try:
        data = json.loads(text)
        kubernetes = data["KubernetesConfig"]
        return ProfileConfig(
            data["Name"],
            data["Driver"],
            kubernetes["ContainerRuntime"],
            kubernetes["KubernetesVersion"],
            int(data["CPUs"]),
            int(data["Memory"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(
            "the profile's config.json is not what minikube writes", todo="Remove the profile and start anew."
        ) from error


def complaint(log: str) -> str:
    """Why ``minikube start`` failed, from its output: its sentences to the user (``X ...``, ``! ...``), not its log lines."""
    said = [line[2:].strip() for line in log.splitlines() if line.startswith(("X ", "! ")) and "--force" not in line]
    if said:
        return " | ".join(said[-3:])
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


class Minikube:
    """Calls of the program in an environment of its own.

    Args:
        path: the program.
        home: becomes MINIKUBE_HOME.
        kubeconfig: the file that minikube writes its context into; not the user's.
        engine_env: environment that leads to the Docker engine.
        programs: folders with ``docker`` and ``kubectl``, put in front of PATH.
    """

    def __init__(
        self, path: Path, *, home: Path, kubeconfig: Path, engine_env: Mapping[str, str], programs: tuple[Path, ...]
    ) -> None:
        self.path = path
        self.home = home
        self.kubeconfig = kubeconfig
        temporary = home / "tmp"  # of all runs: minikube keeps there the locks by which they stay out of each other's way
        temporary.mkdir(parents=True, exist_ok=True)
        self.env = {
            **environment(),
            **engine_env,
            "PATH": os.pathsep.join([*(str(folder) for folder in programs), os.environ.get("PATH", os.defpath)]),
            "MINIKUBE_HOME": str(home),
            "TMPDIR": str(temporary),
            "KUBECONFIG": str(kubeconfig),
            "MINIKUBE_IN_STYLE": "false",
            "MINIKUBE_WANTUPDATENOTIFICATION": "false",
            "MINIKUBE_SUPPRESS_DOCKER_PERFORMANCE": "true",
        }

    def profile_folder(self, profile: str) -> Path:
        return self.home / ".minikube" / "profiles" / profile

    def client_files(self, profile: str) -> tuple[Path, Path, Path]:
        """CA certificate, client certificate and client key, in this order."""
        folder = self.profile_folder(profile)
        return self.home / ".minikube" / "ca.crt", folder / "client.crt", folder / "client.key"

    def start(self, options: StartOptions, log: Path) -> Background:
        """``minikube start`` beside the caller: it goes on for some seconds after the API answers."""
        return Background([self.path, *start_arguments(options, root=is_root()), "--alsologtostderr"], log=log, env=self.env)

    def restart(self, profile: str, *, baked: bool) -> Completed:
        """Start a stopped profile. Raises ProcessError with minikube's last lines where it fails."""
        return self._run(restart_arguments(profile, baked=baked, root=is_root()), START_SECONDS)

    def stop(self, profile: str) -> Completed:
        return self._run(["stop", f"--profile={profile}"], SHORT_SECONDS)

    def status(self, profile: str) -> ProfileStatus:
        """What is up. Exit codes of ``minikube status`` are bits, not failures."""
        done = run(
            [self.path, "status", f"--profile={profile}", "--output=json"], timeout=SHORT_SECONDS, env=self.env, check=False
        )
        return parse_status(done.stdout)

    def config(self, profile: str) -> ProfileConfig:
        file = self.profile_folder(profile) / "config.json"
        try:
            return parse_config(file.read_text())
        except FileNotFoundError:
            raise ClusterError(
                f"there is no profile {profile}", todo="`seatrial run --keep-cluster` leaves one to be used again."
            ) from None

    def _run(self, arguments: list[str], timeout: float) -> Completed:
        return run([self.path, *arguments], timeout=timeout, env=self.env)


def is_root() -> bool:
    """Whether this process is uid 0 (never on Windows)."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
