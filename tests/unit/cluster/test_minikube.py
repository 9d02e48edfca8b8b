from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from seatrial.cluster import addons, images, keeper, minikube, oci, proving
from seatrial.cluster.canary import CAPABILITIES, Canary
from seatrial.cluster.kubeconfig import write_certificates
from seatrial.cluster.minikube import BAKED, OFFICIAL, MinikubeCluster, MinikubeProvider
from seatrial.cluster.node_image import NodeImage
from seatrial.cluster.provider import Capability, ClusterRequest, Step
from seatrial.cluster.sweep import Home
from seatrial.errors import ClusterError, ProcessError, ProcessTimeout
from seatrial.process import Completed
from seatrial.toolchain.engine import Engine
from seatrial.toolchain.model import Source, Tool, Ways

ENGINE = Engine(
    "unix:///run/x.sock", "26.1.5", True, Path("/data"), Path("/usr/bin/docker"), {"DOCKER_HOST": "unix:///run/x.sock"}
)
IMAGE = NodeImage("seatrial-node:abc", "v1.34.4", {"kubelet": "1.34.4"}, ())


class FakePrograms:
    """Every tool is there; nothing can be reached."""

    def __init__(self, open: bool = False) -> None:
        self.open = open

    def tool(self, name: str) -> Tool:
        return Tool(name, Path("/tools") / name, "1.0", Source.BUILT, "0", "lock")

    def ways(self) -> Ways:
        return Ways(self.open, self.open, True, True, True, True)


def request(tmp_path: Path, **more: Any) -> ClusterRequest:
    return ClusterRequest(
        "r1", more.pop("toolchain", FakePrograms()), tmp_path / "work", tmp_path / "cache", engine=ENGINE, **more
    )


def cluster(tmp_path: Path, image: NodeImage | None = IMAGE, **more: Any) -> MinikubeCluster:
    ports = minikube._choose_ports(BAKED if image else OFFICIAL)
    return MinikubeCluster(request(tmp_path, **more), "seatrial-r1", ports, image, 0.0, [])


def test_the_request_becomes_the_start_of_minikube(tmp_path: Path) -> None:
    subject = cluster(tmp_path, cpus=4, memory=6000)
    options = subject._options("seatrial-node:seatrial-r1")
    assert (options.profile, options.network, options.kubernetes) == ("seatrial-r1", "seatrial-r1", "v1.34.4")
    assert (options.cpus, options.memory, options.cni, options.addons) == (4, 6000, "false", ())
    assert {8443, 30080, 30443} <= set(options.ports)


def test_without_a_node_image_minikube_brings_everything_itself(tmp_path: Path) -> None:
    options = cluster(tmp_path, image=None)._options("")
    assert options.cni == "calico" and "ingress" in options.addons and "metrics-server" in options.addons
    assert {80, 443} <= set(options.ports) and options.base_image == ""


def test_the_ingress_controller_follows_its_image(tmp_path: Path) -> None:
    assert addons.INGRESS in cluster(tmp_path)._first_addons()
    late = NodeImage("x", "v1.34.4", {"kube-router": "2.2.1"}, (images.INGRESS,))
    assert addons.INGRESS not in cluster(tmp_path, image=late)._first_addons()
    assert addons.POLICY in cluster(tmp_path, image=late)._first_addons()
    assert cluster(tmp_path, image=None)._first_addons() == cluster(tmp_path, reuse="seatrial-r1")._first_addons() == []
    assert minikube._versions(late)["kube_router"] == "2.2.1"


def test_the_edge_is_on_loopback(tmp_path: Path) -> None:
    subject = cluster(tmp_path)
    assert subject.edge.http == f"127.0.0.1:{subject.ports[30080]}"
    assert subject.edge.https == f"127.0.0.1:{subject.ports[30443]}"
    assert set(subject.edge.node_ports) == set(minikube.SPARE_PORTS)
    assert len(set(subject.ports.values())) == len(subject.ports)


def test_official_images_only_where_both_ways_are_open(tmp_path: Path) -> None:
    assert not minikube.official(FakePrograms())  # type: ignore[arg-type]
    assert minikube.official(FakePrograms(open=True))  # type: ignore[arg-type]


def test_everything_that_has_to_be_built_is_asked_for_at_once() -> None:
    assert MinikubeProvider().programs(FakePrograms(open=True)) == ("minikube", "kubectl")  # type: ignore[arg-type]
    built = MinikubeProvider().programs(FakePrograms())  # type: ignore[arg-type]
    assert {"kubelet", "kube-apiserver", "coredns", "traefik"} < set(built)


def test_no_engine_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="needs a Docker engine"):
        MinikubeProvider().sweep(ClusterRequest("r", FakePrograms(), tmp_path, tmp_path))  # type: ignore[arg-type]


def test_a_profile_of_the_same_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minikube, "sweep", lambda docker, home: [])
    monkeypatch.setattr(minikube, "listing", lambda docker: [])
    (tmp_path / "cache/minikube/.minikube/profiles/seatrial-r1").mkdir(parents=True)
    with pytest.raises(ClusterError, match="seatrial-r1 exists and is in use"):
        MinikubeProvider().start(request(tmp_path))


def test_reusing_what_was_not_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="not a kept cluster"):
        MinikubeProvider().start(request(tmp_path, reuse="seatrial-x"))


def test_a_taken_port_is_tried_again_with_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[dict[int, int]] = []

    def up(self: MinikubeCluster) -> None:
        tried.append(self.ports)
        if len(tried) == 1:
            raise ClusterError("minikube could not start: Bind for 127.0.0.1:41000 failed: port is already allocated")

    monkeypatch.setattr(minikube, "sweep", lambda docker, home: [])
    monkeypatch.setattr(minikube, "listing", lambda docker: [])
    monkeypatch.setattr(minikube, "_node_image", lambda request: IMAGE)
    for name, value in {"up": up, "destroy": lambda self: None, "collect_logs": lambda self: None}.items():
        monkeypatch.setattr(MinikubeCluster, name, value)
    subject = MinikubeProvider().start(request(tmp_path))
    assert len(tried) == 2 and subject.ports == tried[1] != tried[0]


def test_subnets_that_the_engine_refuses_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = cluster(tmp_path)
    asked: list[str] = []

    def docker(*argv: str, **settings: Any) -> Completed:
        asked.append(next(part for part in argv if part.startswith("--subnet")))
        taken = len(asked) < 3
        return Completed(argv, int(taken), "", "Pool overlaps with other one on this address space" if taken else "", 0.1)

    monkeypatch.setattr(subject, "_docker", docker)
    assert f"--subnet={subject._make_network({})}" == asked[-1]
    assert len(asked) == 3 and len(set(asked)) == 3


def test_another_refusal_of_the_network_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = cluster(tmp_path)
    monkeypatch.setattr(subject, "_docker", lambda *argv, **settings: Completed(argv, 1, "", "permission denied", 0.1))
    with pytest.raises(ProcessError, match="permission denied"):
        subject._make_network({})


@pytest.mark.parametrize(
    ("said", "times"), [("exec failed: waiting for init preliminary setup: read init-p", 2), ("no such process", 1)]
)
def test_a_program_that_never_began_is_asked_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, times: int
) -> None:
    subject = cluster(tmp_path)
    asked: list[tuple[str, ...]] = []

    def docker(*argv: str, **settings: Any) -> Completed:
        asked.append(argv)
        return Completed(argv, 1 if len(asked) == 1 else 0, "", said if len(asked) == 1 else "", 0.1)

    monkeypatch.setattr(subject, "_docker", docker)
    assert subject.node_exec(["kill", "-KILL", "7"], 5).returncode == (0 if times == 2 else 1)
    assert asked == [("exec", subject.name, "kill", "-KILL", "7")] * times


def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_node: str) -> MinikubeCluster:
    subject = cluster(tmp_path)

    class Docker:
        def save(self, names: list[str], archive: Path) -> None:
            archive.parent.mkdir(parents=True, exist_ok=True)
            archive.write_text("tar")

        def __call__(self, *argv: str, **settings: Any) -> Completed:
            return Completed(argv, 0, in_node if "crictl" in argv else "", "", 0.1)

    monkeypatch.setattr(subject, "_docker", Docker())
    monkeypatch.setattr(oci, "image_ids", lambda archive: {"todo:1": "sha256:abc"})
    return subject


def test_the_id_in_the_node_must_be_that_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = '{"images": [{"id": "sha256:%s", "repoTags": ["docker.io/library/todo:1"], "repoDigests": [], "size": "1"}]}'
    subject = load(tmp_path, monkeypatch, listed % "abc")
    assert subject.load_image("todo:1") == "sha256:abc"
    assert not list(subject.request.workdir.glob("*.tar"))
    with pytest.raises(ClusterError, match="as sha256:old, and the engine as sha256:abc"):
        load(tmp_path, monkeypatch, listed % "old").load_image("todo:1")
    with pytest.raises(ClusterError, match="as nothing"):
        load(tmp_path, monkeypatch, '{"images": []}').load_image("todo:1")


def test_a_node_that_lists_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="cannot be listed"):
        load(tmp_path, monkeypatch, "connection refused").node_images()


def test_a_kept_cluster_is_left_with_all_that_attaching_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    held: list[str] = []
    monkeypatch.setattr(keeper, "hold", lambda profile, cache, log: held.append(profile))
    subject = cluster(tmp_path, keep=True, progress=said.append)
    subject.kubeconfig.parent.mkdir(parents=True)
    subject.kubeconfig.write_text("kubeconfig")
    subject.minikube.profile_folder("seatrial-r1").mkdir(parents=True)
    assert subject.stays
    subject.close()
    subject.close()  # twice is once
    home = Home(tmp_path / "cache/minikube")
    assert home.kept("seatrial-r1") and home.facts("seatrial-r1")["kubernetes"] == "v1.34.4"
    assert "--reuse-cluster=seatrial-r1" in said[0] and "remove it with" in said[0] and len(said) == 1
    assert held == ["seatrial-r1"], "the private engine outlives the run"


def test_the_runs_kubeconfig_is_for_its_owner_only(tmp_path: Path) -> None:
    for name in ("ca", "crt", "key"):
        (tmp_path / name).write_text(name)
    target = tmp_path / "new" / "kubeconfig"
    write_certificates(
        target, name="c", server="https://127.0.0.1:1", ca=tmp_path / "ca", certificate=tmp_path / "crt", key=tmp_path / "key"
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    content = YAML(typ="safe").load(target)
    assert content["current-context"] == "c" and content["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert content["users"][0]["user"]["client-key-data"] == "a2V5"


class FakeCanary:
    """Proves everything at once, except metrics."""

    stopped = False
    removed = 0

    def stop(self) -> None:
        self.stopped = True

    def remove(self) -> None:
        self.removed += 1


def fail(canary: Canary) -> dict[str, Any]:
    raise ClusterError("metrics did not come: no route")


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> tuple[proving.Proofs, FakeCanary, list[Step]]:
    seen = {name: (lambda canary, name=name: {"seen": str(name)}) for name in CAPABILITIES}
    monkeypatch.setattr(proving, "CAPABILITIES", {**seen, Capability.METRICS: fail})
    steps: list[Step] = []
    return proving.Proofs("c", 0.0, steps), FakeCanary(), steps


def test_each_capability_is_proven_by_itself(proofs: tuple[proving.Proofs, FakeCanary, list[Step]]) -> None:
    subject, canary, steps = proofs
    prepared: list[Capability] = []
    subject.settle(Capability.API, {"server": "x"})
    subject.begin(canary, lambda: None, prepared.append)  # type: ignore[arg-type]
    assert subject.get(Capability.API).detail == {"server": "x"}
    assert subject.get(Capability.DNS).detail == {"seen": "dns"}
    with pytest.raises(ClusterError, match="no route"):
        subject.get(Capability.METRICS)
    assert subject.get(Capability.INGRESS).detail == {"seen": "ingress"}
    subject.stop()
    assert set(prepared) == set(CAPABILITIES) and canary.removed >= 1
    assert "proof of dns" in {step.name for step in steps}


def test_where_the_canary_cannot_be_placed_every_proof_says_why(proofs: tuple[proving.Proofs, FakeCanary, list[Step]]) -> None:
    subject, canary, _ = proofs

    def place() -> None:
        raise ClusterError("namespaces are forbidden")

    subject.begin(canary, place, lambda capability: None)  # type: ignore[arg-type]
    for capability in CAPABILITIES:
        with pytest.raises(ClusterError, match="namespaces are forbidden"):
            subject.get(capability)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"Status": "running"}, ""),
        ({"Status": "restarting"}, ""),
        ({"Status": "paused"}, "is paused"),
        (
            {"Status": "exited", "FinishedAt": "2026-11-22T07:40:12.093197465Z", "ExitCode": 137, "OOMKilled": True},
            "is exited since 2026-11-22T07:40:12 UTC, with code 137, killed for want of memory",
        ),
        (
            {"Status": "exited", "FinishedAt": "2026-11-22T07:40:12Z", "ExitCode": 1, "Error": "no space left"},
            "with code 1, no space left",
        ),
    ],
)
def test_a_node_says_how_it_ended(found: dict[str, Any], said: str) -> None:
    words = minikube.container_end("seatrial-r1", {"State": found})
    assert said in words and bool(words) is bool(said)
    assert "no container seatrial-r1" in minikube.container_end("seatrial-r1", None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ProcessTimeout(("docker", "container"), None, "", 60), ""),
        (ProcessError(("docker", "container"), 1, "Cannot connect to the Docker daemon", 0), "its Docker engine does not answer"),
    ],
)
def test_an_engine_that_takes_its_time_says_nothing_of_the_node(tmp_path: Path, error: ProcessError, said: str) -> None:
    def container(name: str) -> None:
        raise error

    subject = cluster(tmp_path)
    subject._docker.container = container  # type: ignore[method-assign]
    words = subject.ended()
    assert said in words and bool(words) is bool(said)
