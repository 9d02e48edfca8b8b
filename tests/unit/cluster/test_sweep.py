"""Sweeping, on rows as `docker ps|network ls|volume ls|images --format '{{json .}}'` of engine 26.1 printed them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from seatrial.cluster import sweep as module
from seatrial.cluster.ownership import Owner, this_host
from seatrial.cluster.sweep import PROFILE_LABEL, Home, Thing, orphans, profile_of, read_row, remove, sweep
from seatrial.errors import ClusterError, ProcessError

DEAD = Owner(2**22 + 1, 1795176440, this_host())  # above the largest pid of Linux


def labels(profile: str, owner: Owner | None = None) -> str:
    marks = f"created_by.minikube.sigs.k8s.io=true,{PROFILE_LABEL}={profile},role.minikube.sigs.k8s.io="
    return marks + (f",seatrial.host={owner.host},seatrial.owner={owner.pid}:{owner.started},seatrial.run=r" if owner else "")


def row(kind: str, profile: str, owner: Owner | None = None, name: str = "") -> dict[str, str]:
    name = name or profile
    if kind == "container":
        return {
            "Command": '"/sbin/init"',
            "ID": "9081",
            "Image": "x",
            "Labels": labels(profile, owner),
            "Names": name,
            "Size": "100kB",
        }
    return {"Driver": "bridge", "ID": "e513", "Labels": labels(profile, owner), "Name": name, "Scope": "local"}


class FakeDocker:
    """An engine that holds rows, and forgets what is removed."""

    def __init__(self, rows: dict[str, list[dict[str, str]]], images: dict[str, dict[str, str]] | None = None) -> None:
        self.rows: dict[str, list[dict[str, str]]] = {"container": [], "network": [], "volume": []} | rows
        self.image_labels = images or {}
        self.refuses = False

    def containers(self, label: str) -> list[dict[str, str]]:
        return self.rows["container"]

    def networks(self, label: str) -> list[dict[str, str]]:
        return self.rows["network"]

    def volumes(self, label: str) -> list[dict[str, str]]:
        return self.rows["volume"]

    def images(self, label: str) -> list[dict[str, str]]:
        return [
            {"ID": name, "Repository": name.partition(":")[0], "Tag": name.partition(":")[2] or "<none>"}
            for name in self.image_labels
        ]

    def image(self, name: str) -> dict[str, Any] | None:
        return {"Config": {"Labels": self.image_labels[name]}} if name in self.image_labels else None

    def remove(self, names: list[str]) -> None:
        self._forget("container", names)

    def remove_networks(self, names: list[str]) -> None:
        if self.refuses and names:
            raise ProcessError(("docker", "network", "rm"), 1, "has active endpoints", 0.1)
        self._forget("network", names)

    def remove_volumes(self, names: list[str]) -> None:
        self._forget("volume", names)

    def remove_images(self, names: list[str]) -> None:
        for name in names:
            del self.image_labels[name]

    def _forget(self, kind: str, names: list[str]) -> None:
        self.rows[kind] = [row for row in self.rows[kind] if (row.get("Names") or row["Name"]) not in names]


def everything(profile: str, owner: Owner | None) -> FakeDocker:
    image_labels = (
        {PROFILE_LABEL: profile, "seatrial.owner": f"{owner.pid}:{owner.started}", "seatrial.host": owner.host} if owner else {}
    )
    rows = {kind: [row(kind, profile, owner)] for kind in ("container", "network", "volume")}
    return FakeDocker(rows, {f"seatrial-node:{profile}": image_labels} if owner else {})


def profile_folders(home: Path, profile: str) -> list[Path]:
    folders = [home / ".minikube" / part / profile for part in ("profiles", "machines")]
    for folder in folders:
        folder.mkdir(parents=True)
    return folders


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    docker, folders = everything("seatrial-r", DEAD), profile_folders(tmp_path, "seatrial-r")
    removed = sweep(docker, Home(tmp_path))  # type: ignore[arg-type]
    assert removed[:4] == ["container seatrial-r", "network seatrial-r", "volume seatrial-r", "image seatrial-node:seatrial-r"]
    assert not any(docker.rows.values()) and not docker.image_labels
    assert not any(folder.exists() for folder in folders)


def test_what_a_live_run_uses_is_left_alone(tmp_path: Path) -> None:
    docker, folders = everything("seatrial-r", Owner.current()), profile_folders(tmp_path, "seatrial-r")
    assert sweep(docker, Home(tmp_path)) == []  # type: ignore[arg-type]
    assert all(docker.rows.values()) and all(folder.exists() for folder in folders)


def test_a_part_without_owner_belongs_to_the_owner_of_the_rest(tmp_path: Path) -> None:
    sidecar = row("container", "seatrial-r", None, "seatrial-r-preload-sidecar")
    docker = FakeDocker({"container": [sidecar], "network": [row("network", "seatrial-r", Owner.current())]})
    assert sweep(docker, Home(tmp_path)) == []  # type: ignore[arg-type]
    docker.rows["network"] = []
    assert sweep(docker, Home(tmp_path)) == ["container seatrial-r-preload-sidecar"]  # type: ignore[arg-type]


def test_a_kept_cluster_is_left_until_its_container_is_gone(tmp_path: Path) -> None:
    docker, home = everything("seatrial-r", DEAD), Home(tmp_path)
    profile_folders(tmp_path, "seatrial-r")
    home.keep("seatrial-r", {"ports": {"8443": 1}})
    assert sweep(docker, home) == []  # type: ignore[arg-type]
    assert home.facts("seatrial-r") == {"ports": {"8443": 1}}
    docker.rows["container"] = []
    assert "volume seatrial-r" in sweep(docker, home)  # type: ignore[arg-type]


@pytest.mark.parametrize(("owner", "left"), [(DEAD, 0), (Owner.current(), 1)])
def test_containers_of_checks_go_with_their_owner(tmp_path: Path, owner: Owner, left: int) -> None:
    labels = ",".join(f"{key}={value}" for key, value in owner.labels("r").items())
    rows = {
        "container": [{"Names": "seatrial-local-db", "Labels": labels}],
        "network": [{"Name": "seatrial-local", "Labels": labels}],
    }
    docker = FakeDocker(rows)
    assert len(sweep(docker, Home(tmp_path))) == 2 * (1 - left)  # type: ignore[arg-type]
    assert [len(docker.rows[kind]) for kind in rows] == [left, left]


def test_folders_that_the_engine_knows_nothing_of_are_removed(tmp_path: Path) -> None:
    folders = profile_folders(tmp_path, "seatrial-r")
    assert sweep(FakeDocker({}), Home(tmp_path)) == [f"folder {folder}" for folder in folders]  # type: ignore[arg-type]


def test_profiles_of_others_are_never_touched(tmp_path: Path) -> None:
    docker, folders = everything("minikube", DEAD), profile_folders(tmp_path, "minikube")
    assert sweep(docker, Home(tmp_path)) == []  # type: ignore[arg-type]
    assert all(folder.exists() for folder in folders)


def test_what_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    docker = everything("seatrial-r", DEAD)
    docker.refuses = True
    with pytest.raises(ClusterError, match="active endpoints"):
        remove(docker, Home(tmp_path), "seatrial-r")  # type: ignore[arg-type]


def test_asking_for_a_cluster_that_nobody_kept(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="not a kept cluster"):
        Home(tmp_path).facts("seatrial-x")


def test_a_row_is_read_with_all_its_labels() -> None:
    thing = read_row("container", row("container", "seatrial-r", DEAD))
    assert (thing.kind, thing.name, profile_of(thing)) == ("container", "seatrial-r", "seatrial-r")
    assert Owner.parse(thing.labels) == DEAD
    assert thing.labels["role.minikube.sigs.k8s.io"] == ""


def test_one_live_owner_among_dead_ones_is_enough() -> None:
    things = [
        Thing(kind, "x", {PROFILE_LABEL: "seatrial-r", **owner.labels("r")})
        for kind, owner in (("volume", DEAD), ("network", Owner.current()))
    ]
    assert orphans(things, [], []) == []
    assert orphans(things[:1], [], []) == ["seatrial-r"]


def test_a_minikube_that_outlived_its_run_is_ended_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Program:
        def __init__(self, pid: int, *cmdline: str) -> None:
            self.pid, self.info, self.killed = pid, {"cmdline": list(cmdline)}, False

        def children(self, recursive: bool) -> list[Program]:
            return []

        def kill(self) -> None:
            self.killed = True

    programs = [
        Program(1, "/cache/tools/minikube", "start", "--profile=seatrial-r"),
        Program(2, "/cache/tools/minikube", "start", "--profile=seatrial-rr"),
        Program(3, "/usr/bin/vi", "--profile=seatrial-r"),
        Program(4),
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda fields: programs)
    monkeypatch.setattr(psutil, "wait_procs", lambda family, timeout: ([], []))
    assert module.end_programs("seatrial-r") == ["process 1"]
    assert [program.killed for program in programs] == [True, False, False, False]


def test_this_process_is_not_taken_for_a_minikube() -> None:
    assert module.end_programs(f"seatrial-none-{os.getpid()}") == []
