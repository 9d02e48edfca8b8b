from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial import process
from seatrial.chart.render import render
from seatrial.criteria import load_catalogue
from seatrial.sabotage.model import Edit, Sabotage, SabotageError, chosen
from seatrial.sabotage.runner import CATALOGUE, copy_application, make_copies
from seatrial.tools.helm import Helm

ROOT = Path(__file__).parents[3]


def fault(*edits: Edit, name: str = "f", live: bool = False) -> Sabotage:
    return Sabotage(name, edits, 1, "It breaks.", "M1-PORT-01", "", live=live)


def test_a_fault_changes_its_text(tmp_path: Path):
    (tmp_path / "a").write_text("x: 1\ny: 1\n")
    fault(Edit("a", "x: 1", "x: 2"), Edit("a", "x: 2", "x: 3")).apply(tmp_path)
    assert (tmp_path / "a").read_text() == "x: 3\ny: 1\n"


@pytest.mark.parametrize(
    ("file", "old", "says"),
    [("a", "z", "0 times"), ("a", "1", "2 times"), ("b", "x", "no such file"), ("a", "", "the file")],
)
def test_a_fault_that_does_not_fit_is_an_error(tmp_path: Path, file: str, old: str, says: str):
    (tmp_path / "a").write_text("x: 1\ny: 1\n")
    with pytest.raises(SabotageError, match=says):
        fault(Edit(file, old, "new")).apply(tmp_path)
    assert (tmp_path / "a").read_text() == "x: 1\ny: 1\n"


@pytest.mark.parametrize(("new", "bytes_"), [("é", b"\xc3\xa9"), (b"\xff", b"\xff")])
def test_a_fault_may_bring_a_file_of_its_own(tmp_path: Path, new: str | bytes, bytes_: bytes):
    fault(Edit("c/d", "", new)).apply(tmp_path)
    assert (tmp_path / "c/d").read_bytes() == bytes_


def test_faults_are_chosen_by_name_and_kind():
    faults = [fault(name="a"), fault(name="b", live=True), fault(name="c")]
    assert [each.name for each in chosen(faults, static=True)] == ["a", "c"]
    assert [each.name for each in chosen(faults, live=True)] == ["b"]
    assert [each.name for each in chosen(faults, only=["c", "b"])] == ["b", "c"]
    with pytest.raises(SabotageError, match="there is no sabotage z"):
        chosen(faults, only=["z"])


def test_the_catalogue_speaks_of_criteria_that_exist_under_names_of_their_own():
    criteria = load_catalogue()
    assert len({each.name for each in CATALOGUE}) == len(CATALOGUE)
    for each in CATALOGUE:
        assert criteria[each.criterion].milestone == each.milestone
        assert all(consequence in criteria for consequence in each.consequences)
    assert {each.milestone for each in CATALOGUE if not each.live} >= {1, 2, 3, 4}


@pytest.mark.parametrize("each", CATALOGUE, ids=lambda each: each.name)
def test_every_fault_fits_the_reference_application(each: Sabotage, tmp_path: Path):
    for edit in each.edits:
        (tmp_path / edit.file).parent.mkdir(parents=True, exist_ok=True)
        if edit.old:
            shutil.copy(ROOT / edit.file, tmp_path / edit.file)
    each.apply(tmp_path)
    changed = any((tmp_path / edit.file).read_text() != (ROOT / edit.file).read_text() for edit in each.edits)
    assert changed or each.upsets


ROUNDS = sorted({each.round for each in CATALOGUE if each.round})


@pytest.mark.parametrize("name", ROUNDS)
def test_the_faults_of_a_round_fit_together_and_are_about_different_criteria(name: str, tmp_path: Path):
    faults = [each for each in CATALOGUE if each.round == name]
    assert all(each.live for each in faults)
    about = [criterion for each in faults for criterion in each.about]
    assert len(about) == len(set(about))
    for file in {edit.file for each in faults for edit in each.edits if edit.old}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    for each in faults:
        each.apply(tmp_path)


@pytest.mark.parametrize("name", ROUNDS)
def test_no_fault_of_a_round_blocks_the_criterion_of_another(name: str):
    criteria = load_catalogue()

    def needed(criterion: str) -> set[str]:
        return {above for need in criteria[criterion].needs for above in (need, *needed(need))}

    faults = [each for each in CATALOGUE if each.round == name]
    blocked = {
        (each.name, other.name)
        for each in faults
        for other in faults
        if other is not each and needed(each.criterion) & other.about
    }
    assert not blocked


@pytest.mark.parametrize("name", ROUNDS)
def test_the_chart_of_a_round_renders(name: str, tmp_path: Path, helm_program: Path):
    for folder in ("helm-chart", "docker", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__", ".*cache"))
    shutil.copy(ROOT / "seatrial.yaml", tmp_path)
    for each in CATALOGUE:
        if each.round == name:
            each.apply(tmp_path)
    rendered = render(
        Helm(helm_program),
        tmp_path / "helm-chart",
        release="todo-app",
        namespace="todo-app",
        values=[tmp_path / "helm-chart" / "values-test.yaml"],
        kube_version="1.34.4",
    )
    assert rendered.of_kind("Deployment")


def test_every_live_fault_of_the_catalogue_is_in_a_round():
    assert all(each.round for each in CATALOGUE if each.live)


def test_a_round_is_chosen_by_its_name():
    one, two = (replace(fault(name=name, live=True), round="r") for name in "ab")
    assert chosen([one, two, fault(name="c")], only=["r"]) == [one, two]


def test_there_is_one_healthy_copy_and_one_for_each_fault(tmp_path: Path):
    source = tmp_path / "app"
    source.mkdir()
    (source / "a").write_text("x")
    (source / "node_modules").mkdir()
    copies = make_copies(
        source, [fault(Edit("a", "x", "1"), name="one"), fault(Edit("a", "x", "2"), name="two")], tmp_path / "copies"
    )
    assert {name: (copy / "a").read_text() for name, copy in copies.items()} == {"healthy-static": "x", "one": "1", "two": "2"}
    assert not (copies["one"] / "node_modules").exists() and (source / "a").read_text() == "x"


def test_a_copy_of_a_repository_holds_what_git_would_and_is_one_itself(tmp_path: Path):
    git = shutil.which("git")
    if git is None:
        pytest.skip("no git")
    source, target = tmp_path / "app", tmp_path / "copy"
    source.mkdir()
    for name, text in (("kept", ""), ("new", ""), ("ignored.log", ""), (".gitignore", "*.log\n")):
        (source / name).write_text(text)
    process.run([git, "-C", source, "init", "--quiet"], timeout=10)
    process.run([git, "-C", source, "add", "kept"], timeout=10)
    copy_application(source, target)
    assert {path.name for path in target.iterdir()} == {"kept", "new", ".gitignore", ".git"}
    listed = process.run([git, "-C", target, "ls-files"], timeout=10).stdout.split()
    assert sorted(listed) == [".gitignore", "kept", "new"]
