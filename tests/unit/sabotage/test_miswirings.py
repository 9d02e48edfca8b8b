"""Faults between files: they fit the application, name rules that exist, and are rendered together as Helm renders each alone."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from seatrial.check import registry
from seatrial.check.report import Report, Reported
from seatrial.errors import ExitCode, Place
from seatrial.sabotage import runner
from seatrial.sabotage.checked import Checked, Healthy, held_against, unknown_rules
from seatrial.sabotage.foretold import Call, Recording, composed, render_together, split, templates_of
from seatrial.sabotage.miswirings import load
from seatrial.sabotage.model import Edit, Miswiring, SabotageError, chosen
from seatrial.tools.helmfaults import ChartError
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.rules import RULES

ROOT = Path(__file__).parents[3]
FAULTS = load()
TRIAL = Call("todo-app", "todo-app", ("helm-chart/values-test.yaml",), "{}", "1.34.4")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_fits_the_reference_application(fault: Miswiring, tmp_path: Path):
    for edit in fault.edits:
        (tmp_path / edit.file).parent.mkdir(parents=True, exist_ok=True)
        if edit.old:
            shutil.copy(ROOT / edit.file, tmp_path / edit.file)
    fault.apply(tmp_path)
    assert all(not edit.old or (tmp_path / edit.file).read_bytes() != (ROOT / edit.file).read_bytes() for edit in fault.edits)


def test_every_rule_of_the_wiring_has_faults_in_several_shapes():
    shapes = Counter(fault.rule for fault in FAULTS)
    assert unknown_rules(FAULTS) == [] and len({fault.name for fault in FAULTS}) == len(FAULTS)
    for rule in RULES:
        assert shapes[rule.id] >= 2, rule.id


WITHOUT = {
    "C-ENDLESS": "it takes as long as Helm is waited for",
    "C-LINT": "what linters find is left to the healthy application",
    "C-SUBCHART-LOCK": "the application has no subchart",
    "C-SUBCHART-TWICE": "the application has no subchart",
    "D-EXECUTABLE": "a fault changes no file's mode",
    "M-TWICE": "the application has no manifests of its own",
    "M-YAML": "the application has no manifests of its own",
    "V-NO-EFFECT": "the application's schema refuses such a value",
    "V-UNREAD": "the application's templates hand their values on as a whole",
}
"""Rules for which unit tests alone stand, and why."""


def test_every_rule_has_a_fault():
    assert {rule.id for rule in registry.RULES} - {fault.rule for fault in FAULTS} == WITHOUT.keys()


def test_faults_are_chosen_by_their_rule_too():
    assert {fault.rule for fault in chosen(FAULTS, static=True, only=["W-SERVICE-PORT"])} == {"W-SERVICE-PORT"}
    [one] = chosen(FAULTS, static=True, only=["W-SERVICE-PORT/by-number"])
    assert one.shape == "by number"


def fault(*edits: Edit, **fields: object) -> Miswiring:
    return Miswiring("f", edits, **{"rule": "W-SERVICE-PORT", "shape": "f", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("c/templates/a/b.yaml", ("templates/a/b.yaml",)),
        ("docker/Dockerfile", ()),
        ("c/templates/_helpers.tpl", None),
        ("c/values.yaml", None),
        ("c/Chart.yaml", None),
        ("c/templates/NOTES.txt", None),
    ],
)
def test_only_what_templates_alone_change_is_rendered_together(file: str, told: tuple[str, ...] | None):
    assert templates_of(fault(Edit(file, "a", "b")), "c") == told


def test_a_stream_is_put_together_from_its_templates():
    stream = "---\n# Source: c/templates/a.yaml\nx: 1\n---\n# Source: c/templates/b.yaml\ny: 1\n---\n# Source: c/templates/a.yaml\nz: 1\n"
    assert list(split(stream)) == ["templates/a.yaml", "templates/b.yaml"]
    new = composed(stream, {"templates/a.yaml": "---\n# Source: c/templates/a.yaml\nx: 2\n"})
    assert new == "---\n# Source: c/templates/a.yaml\nx: 2\n---\n# Source: c/templates/b.yaml\ny: 1\n"
    assert composed(stream, {"templates/b.yaml": ""}).count("Source") == 2


def rendered(helm: Path, root: Path) -> str:
    values = [root / name for name in TRIAL.values]
    asked = Recording(helm, root)
    return asked.template(root / "helm-chart", release="todo-app", namespace="todo-app", values=values, kube_version="1.34.4")


def test_rendered_together_is_what_helm_renders_of_each_alone(helm_program: Path, tmp_path: Path):
    shown = [each for each in FAULTS if not each.rule.startswith("W-NAME")]  # a fixed name shows under another release only
    faults = [each for each in shown if templates_of(each, "helm-chart")][::12]
    healthy = rendered(helm_program, ROOT)
    refused = Call("todo-app", "todo-app", (), "{}", "1.34.4")
    said = {TRIAL: healthy, refused: ChartError("it asks for a value", todo="")}
    (tmp_path / "together").mkdir()
    told = render_together(helm_program, ROOT, "helm-chart", said, faults, tmp_path / "together")
    for number, (each, own) in enumerate(zip(faults, told, strict=True)):
        alone = tmp_path / str(number)
        shutil.copytree(ROOT / "helm-chart", alone / "helm-chart")
        each.apply(alone)
        assert own.keys() == said.keys() and own[refused] is said[refused]
        expected = split(rendered(helm_program, alone))
        assert split(str(own[TRIAL])) == expected, each.name
        assert expected != split(healthy), each.name


def test_a_fault_that_breaks_the_rendering_is_told(helm_program: Path, tmp_path: Path):
    bad = fault(Edit("helm-chart/templates/limitrange.yaml", "kind: LimitRange", "kind: {{ nothing }}"))
    with pytest.raises(SabotageError, match="a sabotage breaks the rendering"):
        render_together(helm_program, ROOT, "helm-chart", {TRIAL: rendered(helm_program, ROOT)}, [bad], tmp_path)


def test_an_answer_that_is_known_is_not_asked_for_again(tmp_path: Path):
    asked = Recording(tmp_path / "no-such-program", tmp_path)
    call = asked.call("r", "n", [tmp_path / "a.yaml"], None, "1.34.4")
    asked.said[call] = "stream"
    arguments = {"release": "r", "namespace": "n", "values": [tmp_path / "a.yaml"], "kube_version": "1.34.4"}
    assert asked.template(tmp_path, **arguments) == "stream"
    asked.said[call] = ChartError("refused", todo="")
    with pytest.raises(ChartError, match="refused"):
        asked.template(tmp_path, **arguments)


def report(*found: tuple[str, str]) -> Report:
    findings = [Finding(id, None, Group.BREAKS, "Pod a", Place(Path("a.yaml"), 1), None, what, "", "") for id, what in found]
    return Report(Path("/"), tuple(Reported(each) for each in findings), {"objects": 1})


SEEN = fault(Edit("a", "b", "c"), says="8000", consequences=("W-NP-CUT",))


def test_a_fault_that_is_found_with_its_consequences_is_found():
    found = held_against(report(("K-OLD", "x")), SEEN, report(("K-OLD", "x"), ("W-SERVICE-PORT", "port 8000"), ("W-NP-CUT", "y")))
    assert (found.problems, found.rules) == ((), ("W-NP-CUT",))


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ([("W-NP-CUT", "y")], "nobody saw the fault: W-NP-CUT was found"),
        ([("W-SERVICE-PORT", "port 9"), ("W-NP-CUT", "y")], "was found for another reason: port 9"),
        ([("W-SERVICE-PORT", "port 8000")], "W-NP-CUT is named as a consequence and was not found"),
        ([("W-SERVICE-PORT", "port 8000"), ("W-NP-CUT", "y"), ("K-OTHER", "z")], "It is no named consequence"),
    ],
)
def test_what_is_found_otherwise_is_a_problem(after: list[tuple[str, str]], says: str):
    assert any(says in problem for problem in held_against(report(), SEEN, report(*after)).problems)


def test_a_check_that_did_not_end_is_a_problem():
    assert held_against(report(), SEEN, "no Helm").problems == ("the check ended with: no Helm",)


@pytest.mark.parametrize(
    ("problems", "unwell", "code", "says"),
    [
        ((), (), ExitCode.OK, "1 of 1 faults found by 1 rules; nothing grave in the healthy application (1 objects)"),
        (("nobody saw it",), (), ExitCode.UNMET, "W-SERVICE-PORT/by-number: nobody saw it"),
        ((), ("it is ill",), ExitCode.UNMET, "the healthy application: it is ill"),
    ],
)
def test_what_is_found_between_files_decides_the_exit_code(
    problems: tuple[str, ...],
    unwell: tuple[str, ...],
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def judged(root: Path, faults: list[Miswiring], copy: object) -> tuple[Healthy, list[Checked]]:
        return Healthy(report(), unwell), [Checked(each, problems, ("W-NP-CUT",)) for each in faults]

    monkeypatch.setattr(runner, "judge_all", judged)
    assert runner.run_sabotages(ROOT, static=True, only=["W-SERVICE-PORT/by-number"]) == code
    printed = " ".join(capsys.readouterr().out.split())
    assert says in printed and "│ W-SERVICE-PORT │ by number │ W-NP-CUT │" in printed.replace("  ", " ")
