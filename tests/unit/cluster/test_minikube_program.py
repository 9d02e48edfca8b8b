from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.errors import ClusterError
from seatrial.tools.kubectl import Kubectl
from seatrial.tools.minikube import (
    Minikube,
    StartOptions,
    complaint,
    parse_config,
    parse_status,
    restart_arguments,
    start_arguments,
)

OPTIONS = StartOptions(
    profile="seatrial-r", kubernetes="v1.34.4", cpus=2, memory=8192, ports={30080: 41001, 8443: 41000}, network="seatrial-r",
    base_image="seatrial-node:seatrial-r",
)  # fmt: skip
STATUS = (
    '{"Name":"seatrial-r","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured","Worker":false}'
)
CONFIG = {"Name": "seatrial-r", "Driver": "docker", "CPUs": 2, "Memory": 8192, "KubernetesConfig": {"KubernetesVersion": "v1.34.4", "ContainerRuntime": "containerd"}}  # fmt: skip


def test_a_baked_node_needs_no_download() -> None:
    arguments = start_arguments(OPTIONS, root=False)
    assert {"--base-image=seatrial-node:seatrial-r", "--preload=false", "--cache-images=false", "--install-addons=false"} <= set(
        arguments
    )
    assert {"--profile=seatrial-r", "--driver=docker", "--container-runtime=containerd", "--cpus=2", "--memory=8192m"} <= set(
        arguments
    )
    assert "--wait=none" in arguments and "--network=seatrial-r" in arguments and "--cni=false" in arguments


def test_every_port_is_published_on_loopback_only() -> None:
    ports = [argument for argument in start_arguments(OPTIONS, root=False) if argument.startswith("--ports=")]
    assert ports == ["--ports=127.0.0.1:41000:8443", "--ports=127.0.0.1:41001:30080"]


def test_force_only_as_root() -> None:
    assert "--force" in start_arguments(OPTIONS, root=True)
    assert "--force" not in start_arguments(OPTIONS, root=False)
    assert "--force" not in restart_arguments("p", baked=True, root=False)


def test_the_official_way_enables_minikubes_own_addons() -> None:
    official = StartOptions(
        "p", "v1.34.4", 4, 8192, {}, "p", cni="calico", addons=("ingress", "metrics-server"), extra_config=("kubelet.x=1",)
    )
    arguments = start_arguments(official, root=False)
    assert {"--cni=calico", "--addons=ingress", "--addons=metrics-server", "--extra-config=kubelet.x=1"} <= set(arguments)
    assert not any(
        argument.startswith(("--base-image", "--preload", "--cache-images", "--install-addons")) for argument in arguments
    )


def test_status_and_config_are_read() -> None:
    assert parse_status(STATUS).apiserver == "Running"
    assert parse_status(f"[{STATUS}]").host == "Running"
    config = parse_config(json.dumps(CONFIG))
    assert (config.cpus, config.memory, config.kubernetes, config.driver, config.runtime) == (
        2,
        8192,
        "v1.34.4",
        "docker",
        "containerd",
    )


@pytest.mark.parametrize("text", ["", "not json", "{}", "[]", "3"])
def test_something_else_is_an_error(text: str) -> None:
    with pytest.raises(ClusterError):
        parse_status(text)
    with pytest.raises(ClusterError):
        parse_config(text)


def test_minikube_has_an_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/somebody/.kube/config")
    minikube = Minikube(tmp_path / "minikube", home=tmp_path / "home", kubeconfig=tmp_path / "own", engine_env={"DOCKER_HOST": "unix:///x"}, programs=(tmp_path / "bin",))  # fmt: skip
    assert minikube.env["KUBECONFIG"] == str(tmp_path / "own")
    assert minikube.env["MINIKUBE_HOME"] == str(tmp_path / "home")
    assert minikube.env["DOCKER_HOST"] == "unix:///x"
    assert Path(minikube.env["TMPDIR"]).parent == tmp_path / "home", "its locks are for all runs"
    assert Path(minikube.env["TMPDIR"]).is_dir()
    assert minikube.env["PATH"].startswith(str(tmp_path / "bin"))
    with pytest.raises(ClusterError, match="no profile"):
        minikube.config("seatrial-x")


def test_the_reason_of_a_failed_start_is_minikubes_own_sentence() -> None:
    log = "I1120 12:00:17 noise\n! skips validations when --force is given\nX Exiting due to GUEST_PROVISION: no space left\nI1120 more noise\n"
    assert complaint(log) == "Exiting due to GUEST_PROVISION: no space left"
    assert complaint("one\ntwo\n") == "two"
    assert complaint("") == "it said nothing"


def test_kubectl_always_names_file_and_context() -> None:
    kubectl = Kubectl(Path("/bin/kubectl"), Path("/run/kubeconfig"), "seatrial-r")
    assert kubectl.argv(["get", "pods"]) == [
        "/bin/kubectl",
        "--kubeconfig=/run/kubeconfig",
        "--context=seatrial-r",
        "get",
        "pods",
    ]
    assert kubectl.env["NO_PROXY"] == "*"


def test_kubectl_exec_passes_the_command_after_a_separator(tmp_path: Path) -> None:
    program = tmp_path / "kubectl"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    done = Kubectl(program, tmp_path / "config", "c").exec("ns", "pod", ["sh", "-c", "echo -n"], container="main", input="")
    assert done.stdout.splitlines()[2:] == [
        "exec",
        "--namespace=ns",
        "pod",
        "--container=main",
        "--stdin",
        "--",
        "sh",
        "-c",
        "echo -n",
    ]
