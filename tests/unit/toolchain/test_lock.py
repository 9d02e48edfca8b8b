import re
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import ConfigError, ToolchainError
from seatrial.toolchain import lock
from seatrial.toolchain.gobuild import program_of

SHIPPED = lock.data("lock.yaml")


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text()
    assert old in text
    path = tmp_path / "lock.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_shipped_lock_names_what_a_cluster_is_made_of() -> None:
    tools = lock.shipped().tools
    parts = (
        "kubelet kubeadm kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd coredns metrics-server kube-router"
    )
    for name in [*parts.split(), "local-path-provisioner", "traefik", "pause", "agnhost", "crictl"]:
        assert tools[name].node and tools[name].build is not None, name
        assert not tools[name].programs, f"{name} of the host would be of any version"


def test_shipped_lock_says_which_platforms_were_never_tried() -> None:
    assert {name: facts.tried for name, facts in lock.shipped().platforms.items()} == {
        "linux/amd64": True,
        "linux/arm64": False,
        "darwin/arm64": False,
    }


@pytest.mark.parametrize("graph", lock.shipped().graphs)
def test_each_graph_ships_its_modules_and_names_its_packages(graph: str) -> None:
    folder = lock.data("graphs", graph)
    text = (folder / "go.mod").read_text()
    for name in (name for batch in lock.shipped().graphs[graph].batches for name in batch):
        build = lock.shipped().tools[name].build
        assert build is not None
        assert f"tool {build.package}" in text or f"module {build.package}" in text, build.package
        # Two programs of one file name would overwrite each other in the batch's directory.
    names = [
        program_of(build.package) for entry in lock.shipped().tools.values() if (build := entry.build) and build.graph == graph
    ]
    assert len(names) == len(set(names))
    assert "go.sum" in {path.name for path in folder.iterdir()} or "require" not in text


@pytest.mark.parametrize("name", ["checkov.txt", "go.txt", "node.txt"])
def test_python_requirements_are_hashed_and_name_no_registry(name: str) -> None:
    text = lock.data("python", name).read_text()
    pins = re.findall(r"^[\w.\[\]-]+==", text, re.M)
    assert pins and len(pins) <= text.count("--hash=sha256:")
    assert "://" not in text


def test_a_stamp_carries_the_version_of_the_lock() -> None:
    for name, entry in lock.shipped().tools.items():
        stamped = [
            value for key, value in (entry.build.stamp if entry.build else {}).items() if re.search(r"(?i)\bversion$", key)
        ]
        if name != "metrics-server":  # it carries the version of the libraries it was written against
            assert all(value.lstrip("v") == entry.version for value in stamped), name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    minimum: 1.32.0\n", "    minimum: 1.32.0\n    maximum: 2\n", "unknown key tools.minikube.maximum"),
        ("    version: 1.38.1\n", "    version: one\n", "one is not a version"),
        ("    minimum: 1.32.0\n", "    minimum: 1.40.0\n", "version 1.38.1 is not itself >= 1.40.0"),
        (
            "  coredns: {batches: [[coredns]]}",
            "  coredns: {batches: []}",
            "coredns is built in graph coredns, whose batches do not name it",
        ),
        ("[[coredns]]", "[[coredns, ghost]]", "names ghost, which has no build there"),
        ("url: https://get.helm.sh", "url: http://get.helm.sh", "should match pattern"),
        ("schema: 1", "schema: 2", "schema"),
    ],
)
def test_a_wrong_lock_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        lock.load(edited(tmp_path, old, new))
    assert refused.value.place is not None and refused.value.place.line


def entry(**facts: Any) -> lock.Entry:
    return lock.Entry.model_validate({"version": "1.2.3", "minimum": "1.0.0", "programs": ["tool"], **facts})


def test_an_entry_without_any_way_is_refused() -> None:
    with pytest.raises(ValueError, match="has no way to be had"):
        entry(programs=[])


def test_a_locked_checksum_must_be_one() -> None:
    download = {"url": "https://a/b", "checksum_url": "{url}.sha256", "sha256": {"linux/amd64": "abc"}}
    with pytest.raises(ValueError, match="should match pattern"):
        entry(download=download)


def test_the_recipe_changes_with_what_is_made_and_not_with_what_is_accepted() -> None:
    build = {"graph": "pause", "package": "seatrial.build/pause", "seconds": 5}
    first = lock.recipe(entry(build=build))
    assert first == lock.recipe(entry(build={**build, "seconds": 9}, minimum="1.1.0", todo="Do."))
    assert first != lock.recipe(entry(build={**build, "stamp": {"main.version": "2"}}))
    assert first != lock.recipe(entry(build=build, version="1.2.4"))


def test_the_node_is_linux_on_every_machine() -> None:
    assert lock.target(entry(node=True), "darwin/arm64") == "linux/arm64"
    assert lock.target(entry(), "darwin/arm64") == "darwin/arm64"


def test_an_unknown_tool_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ToolchainError, match=r"knows no tool minicube.*minikube"):
        lock.shipped().entry("minicube")


def test_an_unknown_machine_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ToolchainError, match=r"no tools for linux/riscv64.*WSL2"):
        lock.this_platform()


def test_the_quick_reader_reads_what_the_one_with_lines_does():
    assert lock.shipped() == lock.load(lock.data("lock.yaml"))
