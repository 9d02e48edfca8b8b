from __future__ import annotations

import json
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest

from seatrial.errors import Place, ToolchainError
from seatrial.toolchain import Source, Tool
from seatrial.tools.checkov import Ahead, scan

Row = tuple[str, str, str, int]


def rows(found: tuple[Row, ...], result: dict[str, str]) -> list[dict[str, object]]:
    return [
        {
            "check_id": rule,
            "check_name": "Title",
            "check_result": result,
            "resource": resource,
            "file_abs_path": path,
            "file_line_range": [line, line + 9],
        }
        for rule, resource, path, line in found
    ]


def report(kind: str, passed: int, *failed: Row, skipped: tuple[Row, ...] = (), why: str = "", unread: tuple[str, ...] = ()):
    """The fields of checkov 3.3's report that are read."""
    results = {
        "passed_checks": rows((("CKV_X_1", "x", "/src/passes.yaml", 1),) * passed, {"result": "PASSED"}),
        "failed_checks": rows(failed, {"result": "FAILED"}),
        "skipped_checks": rows(skipped, {"result": "SKIPPED", "suppress_comment": why}),
        "parsing_errors": list(unread),
    }
    return {"check_type": kind, "results": results, "summary": {"passed": passed, "checkov_version": "3.3.30"}}


def program(folder: Path, data: object, code: int = 1) -> Path:
    """A checkov that prints ``data`` and keeps its arguments and environment."""
    (folder / "answer.json").write_text(data if isinstance(data, str) else json.dumps(data, indent=4))
    path = folder / "checkov"
    path.write_text(f'#!/bin/sh\necho "$@" >{folder}/argv\nenv >{folder}/env\ncat {folder}/answer.json\nexit {code}\n')
    path.chmod(0o755)
    return path


def test_reports_of_both_frameworks_are_one_scan(tmp_path: Path):
    dockerfile = report("dockerfile", 30, ("CKV_DOCKER_3", "/src/Dockerfile.", "/src/Dockerfile", 1))
    manifests = report("kubernetes", 60, ("CKV_K8S_16", "Pod.a.b", f"{tmp_path}/rendered.yaml", 7), unread=("broken.yaml",))
    found = scan(
        program(tmp_path, [dockerfile, manifests]), [Path("/src/Dockerfile"), tmp_path / "rendered.yaml"], folder=tmp_path
    )
    assert (found.version, found.passed, found.unread) == ("3.3.30", {"dockerfile": 30, "kubernetes": 60}, ("broken.yaml",))
    assert [finding.place for finding in found.failed] == [Place(Path("/src/Dockerfile"), 1), Place(Path("rendered.yaml"), 7)]
    assert [finding.framework for finding in found.failed] == ["dockerfile", "kubernetes"]
    assert found.read == {Path("/src/Dockerfile"), Path("rendered.yaml"), Path("/src/passes.yaml")}
    said = (tmp_path / "argv").read_text()
    assert "--framework dockerfile kubernetes" in said
    assert "--quiet" not in said, "it would leave out what could not be parsed"


@pytest.mark.parametrize(("why", "reason"), [("it must", "it must"), ("No comment provided", ""), ("", "")])
def test_what_a_file_skips_has_its_reason(tmp_path: Path, why: str, reason: str):
    data = report("dockerfile", 1, skipped=(("CKV_DOCKER_3", "/src/Dockerfile.", "/src/Dockerfile", 1),), why=why)
    found = scan(program(tmp_path, data, 0), [Path("/src/Dockerfile")], folder=tmp_path)
    assert [(each.rule, each.skipped) for each in found.skipped] == [("CKV_DOCKER_3", reason)]
    assert found.failed == ()


def test_a_long_report_is_read_whole(tmp_path: Path):
    found = scan(program(tmp_path, report("kubernetes", 4000), 0), [Path("a.yaml")], folder=tmp_path)
    assert found.passed == {"kubernetes": 4000}


def test_one_report_and_none_at_all(tmp_path: Path):
    assert scan(program(tmp_path, report("kubernetes", 5), 0), [Path("a.yaml")], folder=tmp_path).passed == {"kubernetes": 5}
    nothing = {"passed": 0, "failed": 0, "checkov_version": "3.3.30"}
    assert scan(program(tmp_path, nothing, 0), [Path("a.yaml")], folder=tmp_path).passed == {}


def test_nothing_in_the_environment_leads_to_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BC_API_KEY", "k")
    monkeypatch.setenv("CKV_IGNORE_HIDDEN_DIRECTORIES", "false")
    scan(program(tmp_path, report("kubernetes", 5)), [Path("a.yaml")], folder=tmp_path)
    said = (tmp_path / "env").read_text()
    assert "BC_API_KEY" not in said and "CKV_" not in said


@pytest.mark.parametrize("said", ["Traceback: no module", "[1, 2]", '{"results": 3}'])
def test_what_is_no_report_is_one_sentence(tmp_path: Path, said: str):
    with pytest.raises(ToolchainError, match="checkov ended with 1 and said"):
        scan(program(tmp_path, said), [Path("a.yaml")], folder=tmp_path)


MODULE = """\
import os, sys
class Checkov:
    def __init__(self, arguments=sys.argv[1:]):
        self.arguments = arguments
    def run(self):
        with open({ran!r}, "a") as file:
            print(os.getcwd(), "script" if sys.argv[0] == {program!r} else "ahead", *self.arguments, file=file)
        print({answer!r})
        return 1
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A checkov as a virtual environment has it: its interpreter beside it, and a module that takes its arguments when loaded."""
    package, program = tmp_path / "modules" / "checkov", tmp_path / "bin" / "checkov"
    for folder in (package, program.parent):
        folder.mkdir(parents=True)
    answer = json.dumps([report("kubernetes", 3)])
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text(MODULE.format(ran=str(tmp_path / "ran"), program=str(program), answer=answer))
    # The waiting one is isolated from the environment, so that this interpreter has to bring the module's folder itself.
    python = program.with_name("python")
    python.write_text(f'#!/bin/sh\n[ "$1" = -I ] && shift\nPYTHONPATH={package.parent} exec {sys.executable} "$@"\n')
    program.write_text(f"#!{python}\nimport sys\nfrom checkov.main import Checkov\nsys.exit(Checkov().run())\n")
    for path in (python, program):
        path.chmod(0o755)
    return program


def there(program: Path) -> Future[Tool]:
    future: Future[Tool] = Future()
    future.set_result(Tool("checkov", program, "1", Source.HOST, "", "host"))
    return future


def waiting(program: Path) -> Ahead:
    ahead = Ahead()
    ahead.expect(there(program))
    return ahead


def runs(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "ran").read_text().splitlines()]


def test_what_was_loaded_ahead_reads_what_it_is_told_later(installed: Path, tmp_path: Path):
    ahead = waiting(installed)
    for _ in range(2):
        assert ahead.scan(installed, [tmp_path / "rendered.yaml"], folder=tmp_path).passed == {"kubernetes": 3}
    (folder, how, *arguments), (again, anew, *same) = runs(tmp_path)
    assert (folder, how) == (again, "ahead") == (str(tmp_path), "ahead") and anew == "script", "one waits; a second is new"
    assert arguments == same and arguments[-2:] == ["--file", str(tmp_path / "rendered.yaml")]


@pytest.mark.parametrize("change", ["raise ImportError\n", "class Checkov:\n    pass\n"], ids=["not so", "otherwise"])
def test_what_cannot_be_loaded_ahead_is_started_when_it_is_needed(installed: Path, tmp_path: Path, change: str):
    module = tmp_path / "modules" / "checkov" / "main.py"
    module.write_text(
        f"import sys\nif sys.argv[0] == '-c':\n    {change.rstrip().replace(chr(10), chr(10) + '    ')}\nelse:\n    exec({module.read_text()!r})\n"
    )
    assert waiting(installed).scan(installed, [tmp_path / "a.yaml"], folder=tmp_path).passed == {"kubernetes": 3}
    assert [how for _, how, *_ in runs(tmp_path)] == ["script"]


def test_one_that_waits_in_another_place_than_the_toolchain_says_is_not_asked(installed: Path, tmp_path: Path):
    other = tmp_path / "bin" / "checkov-2"
    other.write_text(installed.read_text())
    other.chmod(0o755)
    ahead = Ahead(other)
    ahead.expect(there(installed))
    begun = ahead._begun
    assert ahead.scan(installed, [tmp_path / "a.yaml"], folder=tmp_path).passed == {"kubernetes": 3}
    assert [how for _, how, *_ in runs(tmp_path)] == ["script"] and begun is not None and begun.ended


def test_what_waits_in_vain_is_ended(installed: Path, tmp_path: Path):
    tool: Future[Tool] = Future()
    ahead = Ahead(tmp_path / "bin" / "gone")
    ahead.expect(tool)
    ahead.stop()
    tool.set_result(there(installed).result())
    assert ahead._begun is None, "nothing is started for somebody who has gone"
    ahead = waiting(installed)
    begun = ahead._begun
    ahead.stop()
    assert begun is not None and begun.ended
