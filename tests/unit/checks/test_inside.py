from __future__ import annotations

from typing import Any

import pytest

from seatrial.checks.inside import SENTINEL, NoShell, inside
from seatrial.process import Completed


class FakeDocker:
    """An engine with one container that answers ``answers`` by command."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.started: dict[str, Any] = {}
        self.removed: list[str] = []

    def start(self, image: str, *argv: str, name: str, labels: dict[str, str], options: list[str]) -> str:
        self.started = {"image": image, "name": name, "labels": labels, "options": options}
        return "c1"

    def exec(self, container: str, *argv: str, check: bool) -> Completed:
        line = argv[-1]
        assert argv[:2] == ("/bin/sh", "-c") and container == "c1" and not check
        code = 0 if line in self.answers else 127
        return Completed(argv, code, self.answers.get(line, ""), "not found" if code else "", 0.0)

    def remove(self, names: list[str]) -> None:
        self.removed += names


def test_testinfra_asks_the_engines_container_and_it_is_gone_afterwards():
    docker = FakeDocker({f"echo {SENTINEL}": f"{SENTINEL}\n", "id -u": "1001\n"})
    with inside(docker, "shop:1", labels={"seatrial.run": "r1"}) as host:  # type: ignore[arg-type]
        assert host.check_output("id -u") == "1001"
        with pytest.raises(AssertionError):
            host.check_output("id -g")
    assert docker.started["labels"] == {"seatrial.run": "r1"} and "--network=none" in docker.started["options"]
    assert docker.removed == [docker.started["name"]]


def test_without_a_shell_nothing_is_read_as_an_answer():
    docker = FakeDocker({})
    with pytest.raises(NoShell, match="no shell answers in shop:1"), inside(docker, "shop:1", labels={}):  # type: ignore[arg-type]
        pass
    assert docker.removed == [docker.started["name"]]
