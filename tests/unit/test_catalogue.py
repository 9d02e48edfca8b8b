"""The criteria that ship with seatrial: they say what the plans say, and keep the rules at the head of each file."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from seatrial.catalogue import __main__ as catalogue_page
from seatrial.criteria import SECONDS, Criterion, How, Limit, Profile, load_catalogue
from seatrial.errors import ConfigError, ExitCode

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "src" / "seatrial" / "catalogue"
CATALOGUE = load_catalogue()
PLANS: dict[str, dict[str, str]] = YAML(typ="safe").load(Path(__file__).with_name("data").joinpath("plans.yaml"))

REWORDED = {
    # names the product of one application
    "M1-DF-06": {"with Uvicorn bound to": "with the server (Uvicorn in the reference application) bound to"},
    "M4-PERF-01": {"on todo endpoints": "on the load profile's endpoints (the todo ones)"},
    # says a figure twice
    "M1-IMG-02": {"(200,000,000 bytes)": "(1 MB = 1,000,000 bytes)"},
    "M3-INST-04": {"Three install": "3 install", "(3/3 = 100 %)": "(3/3)"},
    # a figure without its unit
    "M4-HPA-01": {"between 50 and 90 %": "between 50 % and 90 %"},
    "M5-KAG-06": {"15 healthy minutes": "15 min of healthy running"},
    # a window that the plans leave unsaid
    "M4-HPA-03": {"Sustained load that": "Sustained load (180 s) that"},
    "M4-PERF-04": {"the load run no pod": "the load run (5 min) no pod"},
}
"""Where a condition differs from the plans' words: id -> theirs -> ours."""

RETITLED = {
    "M1-PORT-01",
    "M1-IMG-02",
    "M1-IMG-03",
    "M1-IMG-04",
    "M1-RUN-02",
    "M2-SVC-02",
    "M2-DB-01",
    "M3-INST-02",
    "M4-ING-02",
}
"""Titles that named a figure or parameter, which titles cannot take from a limit."""

FEATURES = {
    "frontend",
    "backend",
    "database",
    "ingress",
    "tls",
    "hpa",
    "pdb",
    "network-policy",
    "quota",
    "chart",
    "dockerfiles",
    "auth",
    "chat",
    "test-hook",
    "config",
    "secrets",
    "serving",
    "program",
    "upgrade",
}

OF_THE_APPLICATION = {
    "namespace": "todo-app",
    "release": "todo-app",
    "host": "todo.local",
    "uid": 1001,
    "image_prefix": "todo-chatbot",
    "backend_port": 8001,
    "frontend_service_port": 80,
    "database_port": 5432,
    "database_image": "postgres:16-alpine",
    "live_path": "/health",
    "ready_path": "/ready",
    "frontend_health_path": "/api/health",
}

DIMENSIONS = {**dict.fromkeys(SECONDS, "time"), **dict.fromkeys(("MB", "GB", "MiB", "GiB"), "size")}

NOT_FIGURES = re.compile(
    r"""
      \{\w+\}                                     # a limit or window
    | \bM[1-5](-[A-Z]+-\d\d)?\b                   # a milestone, a criterion
    | \b[Mm]ilestones?\ \d(-\d|\ and\ \d)?        # milestones by number
    | \b0\ (?!s\b|min\b|%)[A-Za-z]                # "0 hits": none
    | \bscaled\ to\ 0 | >\ 0\b | runAsUser\ 0     # switched off, not empty, the root user
    | \b100\ %\ (of|pass)                         # all
    | \bexit(s|ed)?\ (code\ )?0(\ or\ 143)? | SIGKILL\ \(137\)
    | \b[2-5]\d\d(/\d\d\d)?(?!\ (m?s|min|[MG]i?B|requests|messages)\b|,?\d) | \b[45]xx     # HTTP statuses
    | \bISO-8601 | \bbase64 | \bp9[59]\b | \bPID\ 1 | /proc/1/ | 0\.0\.0\.0 | \bPhase\ III
    | \b(autoscaling/|policy/|k8s\.io/|apiVersion\ )v\d
    | \bNext\ 14 | 1\ MB\ =\ 1,000,000\ bytes | upgrade\ 1\ ->\ 2 | revision\ 1\b
    """,
    re.VERBOSE,
)


def behind(criterion: Criterion) -> set[str]:
    """Everything that a criterion needs, directly or through others."""
    return set(criterion.needs).union(*(behind(CATALOGUE[need]) for need in criterion.needs))


def only(found: dict[str, Any]) -> dict[str, Any]:
    """The entries that hold something: what breaks a rule, by criterion."""
    return {criterion_id: faults for criterion_id, faults in found.items() if faults}


# what the plans ask for


def test_every_criterion_of_the_plans_is_there_in_their_order() -> None:
    assert [criterion.id for criterion in CATALOGUE] == list(PLANS)
    assert [len(milestone.criteria) for milestone in CATALOGUE.milestones] == [32, 36, 20, 32, 40]
    names = ["environment", "infrastructure", "packaging", "advanced", "complete"]
    assert [milestone.name for milestone in CATALOGUE.milestones] == names


def test_conditions_read_as_the_plans_wrote_them() -> None:
    theirs = {criterion_id: " ".join(plan["pass"].split()) for criterion_id, plan in PLANS.items()}
    for criterion_id, changes in REWORDED.items():
        for words, ours in changes.items():
            assert words in theirs[criterion_id]
            theirs[criterion_id] = theirs[criterion_id].replace(words, ours)
    assert {criterion.id: criterion.condition(Profile.SIGNOFF) for criterion in CATALOGUE} == theirs


def test_titles_read_as_the_plans_wrote_them() -> None:
    assert {criterion.id for criterion in CATALOGUE if criterion.title != PLANS[criterion.id]["title"]} == RETITLED


def test_titles_hold_no_figure() -> None:
    assert [criterion.title for criterion in CATALOGUE if re.search(r"\d{2}|five minutes|todo\.local", criterion.title)] == []


def test_no_item_of_the_plans_is_lost() -> None:
    items = {seed for criterion in CATALOGUE for seed in criterion.seeds}
    assert Counter(item.split(":")[0] for item in items) == {"000": 48, "001": 48, "002": 81, "003": 44, "004": 53}
    assert {f"000:PHASE4-{number:03}" for number in range(1, 31)} <= items
    steps = {"F": 6, "B": 6, "H": 8, "K": 6, "A": 7, "D": 5}
    assert {f"001:{part}{number}" for part, last in steps.items() for number in range(1, last + 1)} <= items


def test_every_criterion_comes_from_the_plans() -> None:
    assert [criterion.id for criterion in CATALOGUE if not criterion.seeds] == []
    odd = re.compile(r"(?!00[0-4]:[A-Z0-9][A-Za-z0-9.-]*$)")
    assert only({criterion.id: [seed for seed in criterion.seeds if odd.match(seed)] for criterion in CATALOGUE}) == {}
    assert [criterion.id for criterion in CATALOGUE if len(set(criterion.seeds)) < len(criterion.seeds)] == []


# figures


def test_no_figure_is_left_in_the_text() -> None:
    left = {criterion.id: re.findall(r"\S*\d\S*", NOT_FIGURES.sub("", criterion.passes)) for criterion in CATALOGUE}
    assert only(left) == {}


@pytest.mark.parametrize(
    "text",
    ["< 60 s", "200 MB", "300 s later", "200 requests", "500 ms", "0 s", "8001", "5/5", ">= 2 replicas", "1Gi", "100 % less"],
)
def test_the_search_for_figures_finds_figures(text: str) -> None:
    assert re.search(r"\d", NOT_FIGURES.sub("", text))


def test_every_figure_is_used() -> None:
    unused = {}
    for criterion in CATALOGUE:
        named = set(re.findall(r"\{(\w+)\}", criterion.passes))
        given = {*criterion.limits, *criterion.windows.get(Profile.SIGNOFF, {})}
        unused[criterion.id] = {name.removeprefix("lenient_") for name in given} - named
    assert only(unused) == {}


def test_a_name_means_the_same_everywhere() -> None:
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for criterion in CATALOGUE:
        for name, limit in _figures(criterion):
            kinds[name].add(DIMENSIONS.get(limit.unit, limit.unit))
    assert {name: kind for name, kind in kinds.items() if len(kind) > 1} == {}


def test_units_are_known() -> None:
    units = {limit.unit for criterion in CATALOGUE for _, limit in _figures(criterion)}
    assert units <= {"", "%", "x", "characters", "messages", "requests", "requests/s", *DIMENSIONS}


@pytest.mark.parametrize(("name", "value"), OF_THE_APPLICATION.items())
def test_what_belongs_to_the_application_is_the_same_everywhere(name: str, value: str | int) -> None:
    given = [criterion.limit(name) for criterion in CATALOGUE if name in criterion.limits]
    assert given == [value] * len(given)
    assert given
    assert name in (FOLDER / "m1.yaml").read_text(encoding="utf-8").partition("number:")[0], "the head of the file lists it"


@pytest.mark.parametrize(
    ("criterion_id", "name", "seconds"),
    [
        ("M1-RUN-05", "together", (30, 300)),
        ("M2-DEP-01", "settled", (10, 60)),
        ("M3-INST-04", "cycles", (1, 3)),
        ("M4-HPA-04", "stabilisation", (15, 300)),
        ("M4-PERF-01", "load", (60, 300)),
        ("M5-INT-02", "soak", (300, 1800)),
        ("M5-LOG-03", "idle", (60, 600)),
        ("M5-MON-01", "steady", (120, 900)),
    ],
)
def test_windows_of_the_plans(criterion_id: str, name: str, seconds: tuple[int, int]) -> None:
    criterion = CATALOGUE[criterion_id]
    assert (criterion.window(name, Profile.GATE), criterion.window(name, Profile.SIGNOFF)) == seconds
    assert criterion.is_short(Profile.GATE)
    assert not criterion.is_short(Profile.SIGNOFF)


def test_the_gate_profile_is_shorter() -> None:
    pairs = [
        (criterion.id, criterion.window(name, Profile.GATE), criterion.window(name, Profile.SIGNOFF))
        for criterion in CATALOGUE
        for name in criterion.windows.get(Profile.GATE, {})
    ]
    assert len(pairs) > 15
    assert [pair for pair in pairs if not 0 < pair[1] < pair[2]] == []


def _figures(criterion: Criterion) -> list[tuple[str, Limit]]:
    windows = [item for window in criterion.windows.values() for item in window.items()]
    return [*criterion.limits.items(), *windows]


# prerequisites and scope


def test_needs_are_direct() -> None:
    through_others = {
        criterion.id: [need for need in criterion.needs if any(need in behind(CATALOGUE[other]) for other in criterion.needs)]
        for criterion in CATALOGUE
    }
    assert only(through_others) == {}


def test_a_generic_criterion_needs_nothing_of_the_reference_application() -> None:
    generic = [criterion for criterion in CATALOGUE if criterion.scope == "generic"]
    assert [(criterion.id, need) for criterion in generic for need in criterion.needs if CATALOGUE[need].scope != "generic"] == []


def test_what_is_live_needs_a_cluster_that_answers() -> None:
    """Except the cluster's own criteria, the review of Dockerfiles, and what is left when the cluster has gone."""
    alone = [c.id for c in CATALOGUE if c.how is How.LIVE and "M2-CLUSTER-02" not in behind(c)]
    assert alone == ["M2-CLUSTER-01", "M2-CLUSTER-02", "M5-AI-01", "M5-CLEAN-01"]


def test_a_small_machine_blocks_nothing() -> None:
    """Fewer CPUs than asked for leave M1-HOST-01 and M2-CLUSTER-01 unmet; everything else still runs (design, rule 4)."""
    assert [criterion.id for criterion in CATALOGUE if {"M1-HOST-01", "M2-CLUSTER-01"} & set(criterion.needs)] == []


@pytest.mark.parametrize(
    ("criterion_id", "needs"),
    [
        ("M1-RUN-02", {"M1-IMG-01"}),
        ("M2-DB-01", {"M2-CLUSTER-05", "M3-INST-01"}),
        ("M4-HPA-03", {"M2-CLUSTER-03", "M3-INST-03"}),
        ("M4-ING-03", {"M2-CLUSTER-04", "M3-INST-01"}),
        ("M4-NP-02", {"M2-CLUSTER-07", "M3-INST-01"}),
    ],
)
def test_prerequisites_of_each_family(criterion_id: str, needs: set[str]) -> None:
    assert needs <= behind(CATALOGUE[criterion_id])


def test_no_deadlock_with_the_images_that_run() -> None:
    """What runs is judged on the release, and the release can only be made of images that are in the node: neither waits."""
    assert "M3-INST-01" not in behind(CATALOGUE["M2-IMG-01"])
    assert "M2-IMG-01" not in behind(CATALOGUE["M3-INST-01"])


def test_gates_are_computed_and_wait_for_nothing() -> None:
    gates = [criterion for criterion in CATALOGUE if criterion.how in (How.DERIVED, How.MANUAL)]
    assert len(gates) == 7
    assert [gate.id for gate in gates if gate.needs or gate.limits or gate.windows or gate.applies_when] == []


def test_features_are_known() -> None:
    assert {feature for criterion in CATALOGUE for feature in criterion.applies_when} == FEATURES


def test_what_names_the_reference_application_is_judged_there_only() -> None:
    named = re.compile(r"FastAPI|Next|MCP|todo page|Gordon|kagent|kubectl-ai|Phase III")
    generic = [criterion for criterion in CATALOGUE if criterion.scope == "generic"]
    assert [criterion.id for criterion in generic if named.search(f"{criterion.title} {criterion.passes}")] == []


# the files and the page made of them


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_files_are_written_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > 130 or line != line.rstrip()] == []
    assert "milestone:" not in text, "it is set from the file's number"
    heads = {file.read_text(encoding="utf-8").partition("#\n")[2].partition("number:")[0] for file in FOLDER.glob("*.yaml")}
    assert len(heads) == 1, "the same rules stand in every file"


def test_the_page_is_what_the_catalogue_says() -> None:
    assert catalogue_page.main(["--check", str(REPOSITORY / "docs" / "criteria.md")]) == ExitCode.OK


def test_the_page_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert catalogue_page.main([]) == ExitCode.OK
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| M")]
    assert len(rows) == len(CATALOGUE)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)
    (row,) = (row for row in rows if row.startswith("| M4-HPA-04 "))
    assert "returns to min within 600 s (300 s stabilisation by default)" in row
    assert "`stabilisation` 300 s (gate: 15 s)" in row
    assert "<br>*where there is: hpa*" in row
    assert row.endswith("| live | M4-HPA-03 |")


def test_the_page_escapes_markup() -> None:
    page = catalogue_page.page(CATALOGUE)
    assert "(never &lt;unknown>)" in page
    assert r"(\_\_pycache\_\_, .next), .env\*" in page


def test_a_page_left_behind_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = catalogue_page.page(CATALOGUE)
    old = tmp_path / "criteria.md"
    old.write_text(text.replace("| 8001 |", "| 8000 |").replace("within 60 s", "within 61 s"), encoding="utf-8")
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "within 60 s" in row)
    with pytest.raises(ConfigError, match=f"criteria.md:{line}: is not what the catalogue says. Run"):
        catalogue_page.check(old, text)
    assert catalogue_page.main(["--check", str(tmp_path / "none.md")]) == ExitCode.USAGE
    assert "none.md:1: is not what the catalogue says" in capsys.readouterr().err


def test_contradictions_name_criteria_that_exist() -> None:
    text = (REPOSITORY / "docs" / "contradictions.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (C\d\d) ", text, re.MULTILINE) == [f"C{number:02}" for number in range(1, 36)]
    named = re.findall(r"M\d-[A-Z]+-\d\d", text)
    assert named
    assert [criterion_id for criterion_id in named if criterion_id not in CATALOGUE] == []
