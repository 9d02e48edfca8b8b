from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from seatrial.process import Completed
from seatrial.sabotage.answers import Answers


class World:
    """Two copies of a chart, and a Helm that counts how often it is asked."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.answers = Answers(self.ask)
        for name in ("well", "ill"):
            (folder / name / "chart" / "templates").mkdir(parents=True)
            (folder / name / "chart" / "templates" / "web.yaml").write_text("kind: Service\n")
            (folder / name / "values.yaml").write_text("a: 1\n")
        self.folder = folder

    def ask(self, argv: Any, **how: Any) -> Completed:
        command = tuple(map(str, argv))
        self.asked.append(command[0])
        return Completed(command, 0, f"{len(self.asked)}: {command[2]}", "", 0.1)

    def says(self, name: str, program: str = "/bin/helm", command: str = "template", **how: Any) -> str:
        argv = [program, command, self.folder / name / "chart", "--values", self.folder / name / "values.yaml"]
        return self.answers.run(argv, timeout=1, **how).stdout


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_was_said_of_the_same_bytes_is_said_again_of_where_they_lie_now(world: World):
    world.says("well")
    world.answers.answering = True
    assert world.says("ill") == f"1: {world.folder / 'ill' / 'chart'}"
    assert len(world.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda ill: (ill / "chart" / "templates" / "web.yaml").write_text("kind: Ingress\n"),
        lambda ill: (ill / "chart" / "templates" / "more.yaml").write_text(""),
        lambda ill: (ill / "chart" / "templates" / "web.yaml").rename(ill / "chart" / "templates" / "api.yaml"),
        lambda ill: (ill / "values.yaml").write_text("a: 2\n"),
    ],
    ids=["other bytes", "one file more", "another name", "other values"],
)
def test_what_differs_is_asked_again(world: World, change: Any):
    world.says("well")
    world.answers.answering = True
    change(world.folder / "ill")
    assert world.says("ill").startswith("2: ") and len(world.asked) == 2


def test_input_and_environment_belong_to_the_question_but_not_what_pytest_writes_there(world: World):
    world.says("well", input="a", env={"HOME": "/", "PYTEST_CURRENT_TEST": "one"})
    world.answers.answering = True
    assert world.says("ill", input="a", env={"HOME": "/", "PYTEST_CURRENT_TEST": "two"}).startswith("1: ")
    assert world.says("ill", input="b", env={"HOME": "/"}).startswith("2: ")
    assert world.says("ill", input="a", env={"HOME": "/root"}).startswith("3: ")


@pytest.mark.parametrize(
    ("program", "command", "how"),
    [("/bin/git", "template", {}), ("/bin/helm", "package", {}), ("/bin/helm", "template", {"cwd": Path("/")})],
)
def test_who_may_do_more_than_read_is_always_asked(world: World, program: str, command: str, how: dict[str, Any]):
    world.says("well", program, command, **how)
    world.answers.answering = True
    assert world.says("ill", program, command, **how).startswith("2: ")


def test_of_a_packaged_chart_what_is_in_it_counts_and_not_when_it_was_packed(world: World):
    def packed(name: str, when: int) -> Path:
        archive = world.folder / name / "shop-1.0.0.tgz"
        chart = world.folder / name / "chart"
        for path in (chart / "templates" / "web.yaml", chart / "templates", chart):
            os.utime(path, (when, when))
        with tarfile.open(archive, "w:gz") as opened:
            opened.add(chart, "shop")
        return archive

    well, ill = packed("well", 1_000_000_000), packed("ill", 1_500_000_000)
    assert well.read_bytes() != ill.read_bytes()
    world.answers.run(["/bin/helm", "lint", well], timeout=1)
    world.answers.answering = True
    assert world.answers.run(["/bin/helm", "lint", ill], timeout=1).stdout == f"1: {ill}"
    (world.folder / "ill" / "chart" / "templates" / "web.yaml").write_text("kind: Ingress\n")
    assert world.answers.run(["/bin/helm", "lint", packed("ill", 1_000_000_000)], timeout=1).stdout == f"2: {ill}"


def test_the_healthy_copy_is_asked_each_time_so_that_two_answers_can_differ(world: World):
    assert world.says("well") != world.says("well") and len(world.asked) == 2


def test_a_program_of_pythons_is_known_by_its_module(tmp_path: Path):
    asked: list[Any] = []
    answers = Answers(lambda argv, **how: asked.append(argv) or Completed(tuple(map(str, argv)), 0, "", "", 0.1))
    answers.run(["/bin/python", "-m", "yamllint", "a.yaml"], timeout=1)
    answers.run(["/bin/python", "-m", "pip", "list"], timeout=1)
    answers.answering = True
    answers.run(["/bin/python", "-m", "yamllint", "a.yaml"], timeout=1)
    answers.run(["/bin/python", "-m", "pip", "list"], timeout=1)
    assert [argv[2] for argv in asked] == ["yamllint", "pip", "pip"]
