"""Runs the suite on sabotaged copies of the application, and holds the verdicts against those of a healthy one.

A fault that shows in files has a copy of its own; live ones of one round share theirs, for it has to be installed. Faults between
files are judged by ``seatrial check``, all together: see :mod:`seatrial.sabotage.checked`.

A fault is seen if its criterion fails for the right reason, and every other criterion says what it says of the healthy copy, is
blocked by the fault's criterion, or is named as a consequence.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from seatrial import process
from seatrial.errors import ExitCode, SeatrialError
from seatrial.gate import from_data
from seatrial.journal import replay
from seatrial.run import commit_of
from seatrial.sabotage import forks, miswirings, tables
from seatrial.sabotage.checked import judge_all
from seatrial.sabotage.live import LIVE
from seatrial.sabotage.model import Fault, Miswiring, Sabotage, SabotageError, Upset, chosen
from seatrial.sabotage.static import STATIC
from seatrial.sabotage.upsets import upset
from seatrial.verdict import Outcome, Verdict, worst

CATALOGUE: tuple[Sabotage, ...] = (*STATIC, *LIVE)
WIRING = miswirings.load()
SLOW = {"M3-RENDER-04": "test_every_value_can_be_overridden"}
"""Static criteria that take longer than all others together, with their test: judged only with faults that are about them."""
LIVE_SECONDS, SWEEP_SECONDS = 1800.0, 300.0
GOAL_SECONDS = 45 * 60.0
"""What all rounds together may take on 2 cores."""
LONGEST = 4
"""Of a run's steps that are told with its time; many of them go side by side."""
STANDS = ("M2-CLUSTER-02",)
"""What is judged where a cluster is wanted, and nothing else yet: one that is kept comes up whole."""
HEALTHY = "healthy"
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".tox", "node_modules", "reports", "__pycache__", ".*_cache")
"""Of a folder that is in no git repository."""


@dataclass(frozen=True)
class Result:
    """What a run on one copy came to.

    Attributes:
        verdicts: criterion -> the worst of its verdicts.
        seconds: wall time.
        cluster: that it was judged on; empty for files alone.
        trouble: why there are none; empty where the run ended as it should.
    """

    verdicts: Mapping[str, Verdict]
    seconds: float
    cluster: str = ""
    trouble: str = ""


NOT_RUN = Result({}, 0.0, trouble="it was not run: there was no cluster for it")


@dataclass(frozen=True)
class Finding:
    """How a fault was seen.

    Attributes:
        problems: sentences; none where it was seen as it should be.
        blocked, consequences: criteria that it blocked or turned red with it.
    """

    fault: Sabotage
    result: Result
    problems: tuple[str, ...]
    blocked: tuple[str, ...]
    consequences: tuple[str, ...]


def run_sabotages(
    path: Path,
    *,
    static: bool = False,
    live: bool = False,
    only: Iterable[str] = (),
    reuse_cluster: str | None = None,
    against: Path | None = None,
) -> int:
    """Prove that the judges see faults; prints a table.

    Args:
        path: folder of a healthy application, or its seatrial.yaml.
        static, live: only faults that show in files, or only those that show on an engine or a cluster.
        only: names of faults, rounds, criteria or rules; all where there are none.
        reuse_cluster: kept cluster for the faults that need one; None makes one, and removes it in the end.
        against: reports of a run that judged this application on a cluster: no healthy copy is judged there again. Without it
            the latest run's are taken, if it judged this very commit and all that the faults are about.

    Raises:
        SabotageError: a name is unknown, a fault does not fit the application, or ``against`` is about another one.

    Returns:
        0 where every fault was seen, else 1.
    """
    root = (path if path.is_dir() else path.parent).resolve()
    wanted = chosen([*CATALOGUE, *WIRING], static=static, live=live, only=only)
    if not wanted:
        raise SabotageError("no sabotage was chosen", todo="It is of the other kind: leave --static or --live out.")
    faults = [fault for fault in wanted if isinstance(fault, Sabotage)]
    before = judged_before(against, root) if against is not None else _judged_just_now(root, faults)
    known = {f"{HEALTHY}-live": before} if before is not None else {}
    well = _between_files(root, wanted)
    if not faults:
        return ExitCode.OK if well else ExitCode.UNMET
    with tempfile.TemporaryDirectory(prefix="seatrial-sabotage-") as scratch:
        copies = make_copies(root, faults, Path(scratch))
        results = run_all(copies, faults, reuse_cluster, known)
        findings = [
            find(fault, results.get(fault.copy, NOT_RUN), results[_healthy(fault)], _together(fault, faults)) for fault in faults
        ]
        unseen = dict.fromkeys(finding.fault.copy for finding in findings if finding.problems)
        kept = [_keep(copies[name], root) for name in unseen]
    code = _report(findings, [results[name] for name in results if name.startswith(HEALTHY)])
    for folder in filter(None, kept):
        print(f"Its reports: {folder}")
    return code if well else ExitCode.UNMET


def _between_files(root: Path, wanted: Iterable[Fault]) -> bool:
    """Judge and tell the faults that ``check`` must find; whether all is well."""
    faults = [fault for fault in wanted if isinstance(fault, Miswiring)]
    if not faults:
        return True
    began = time.monotonic()
    healthy, found = judge_all(root, faults, copy_application)
    well = tables.show(_console(), healthy, found)
    print(f"[{time.monotonic() - began:6.1f} s] between files: judged", flush=True)
    return well


def judged_before(reports: Path, root: Path) -> Result:
    """What a run of this application, as it is now, came to on a cluster.

    Raises:
        SabotageError: it is no such run.
    """
    records = {record.kind: record.data for record in replay(reports / "journal") if record.kind in ("run", "cluster")}
    of, now = records.get("run", {}), commit_of(root)
    wrong = ""
    if not records:
        wrong = "holds no run"
    elif "cluster" not in records:
        wrong = "is of a run without a cluster"
    elif Path(of["root"]) != root or of["commit"] != now:
        wrong = f"is of {of['root']} at {of['commit']}, not of {root} at {now}"
    if wrong:
        raise SabotageError(f"{reports} {wrong}", todo="Name the reports of `seatrial run` on this application, as it is now.")
    return Result(read_run(reports / "journal")[0], 0.0)


def _judged_just_now(root: Path, faults: Iterable[Sabotage]) -> Result | None:
    """What the latest run came to, where it spares the healthy copy its judgement."""
    wanted = frozenset().union(*(fault.judged for fault in faults if fault.live))
    commit = commit_of(root)
    if not wanted or commit is None or commit.endswith("+"):
        return None
    reports = root / "reports" / "latest"
    try:
        result = judged_before(reports, root)
    except SabotageError:
        return None
    if not wanted <= result.verdicts.keys():
        return None
    print(f"{HEALTHY}-live: judged already, see {reports}", flush=True)
    return result


def _together(fault: Sabotage, faults: Iterable[Sabotage]) -> list[Sabotage]:
    """The other faults of its copy."""
    return [each for each in faults if each.copy == fault.copy and each is not fault]


def _keep(copy: Path, root: Path) -> Path | None:
    """Bring the reports of a run that did not see its fault to where they outlive the copy."""
    made, kept = _reports(copy), root / "reports" / "sabotage" / copy.parent.name
    if not made.is_dir():
        return None
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(made, kept, symlinks=True)
    return kept


def make_copies(root: Path, faults: Iterable[Sabotage], folder: Path) -> dict[str, Path]:
    """A healthy copy of the application, and one for each fault or round.

    Raises:
        SabotageError: a fault does not fit.
    """
    copies: dict[str, Path] = {}
    for fault in faults:
        healthy = _healthy(fault)
        if healthy not in copies:
            copies[healthy] = folder / healthy / root.name
            copy_application(root, copies[healthy])
        if fault.copy not in copies:
            copies[fault.copy] = folder / fault.copy / root.name
            copies[fault.copy].parent.mkdir(parents=True)
            # with what git has made of it: to have all files added anew for each takes three times as long
            process.run(["cp", "-a", copies[healthy], copies[fault.copy]], timeout=60)
        fault.apply(copies[fault.copy])
    return copies


def _healthy(fault: Sabotage) -> str:
    return f"{HEALTHY}-{'live' if fault.live else 'static'}"


def copy_application(root: Path, target: Path) -> None:
    """Copy what git tracks and what it would: not what it ignores. Without git: all but what tools leave behind."""
    git = shutil.which("git")
    listed = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "."]
    done = process.run([git, "-C", root, *listed], timeout=60, check=False) if git else None
    if done is None or done.returncode != 0:
        shutil.copytree(root, target, ignore=NOT_COPIED, symlinks=True)
        return
    for name in done.stdout.split("\0"):
        source = root / name
        if name and (source.is_file() or source.is_symlink()):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    # The copy is a checkout too: judges ask git which files belong to it.
    process.run([str(git), "-C", target, "init", "--quiet"], timeout=30)
    process.run([str(git), "-C", target, "add", "--all"], timeout=60)


def run_all(
    copies: Mapping[str, Path], faults: Sequence[Sabotage], reuse_cluster: str | None, known: Mapping[str, Result] | None = None
) -> dict[str, Result]:
    """Static runs side by side, then those that need a cluster one after another on the same one: each wants it for itself.

    Args:
        known: results of healthy copies that need not be judged again.
    """
    judged: dict[str, set[str]] = {}
    changes: dict[str, list[Upset]] = {}
    tests: dict[str, str] = {}
    for fault in faults:
        if fault.live:
            judged.setdefault(fault.copy, set()).update(fault.judged)
            changes.setdefault(fault.copy, []).extend(fault.upsets)
            tests[fault.copy] = fault.alone
    results = {**(known or {}), **_run_static({fault.name: fault for fault in faults if not fault.live}, copies)}
    healthy = f"{HEALTHY}-live"
    if judged and healthy not in results:
        # it comes first: it says whether the cluster is any good
        judged = {healthy: set().union(*judged.values()), **judged}
    made = ""  # the first one brings the cluster up where none is given
    began = time.monotonic()
    try:
        for name, criteria in judged.items():
            cluster = reuse_cluster or made
            if changes.get(name) and not cluster:  # there has to be one before it can be changed
                made = cluster = _run(copies[healthy], ["--keep-cluster", *_only(STANDS)], LIVE_SECONDS).cluster
            option = ["--reuse-cluster", cluster] if cluster else ["--keep-cluster"]
            option += ["-k", test] if (test := tests.get(name)) else []
            try:
                with upset(cluster, changes.get(name, ())):
                    results[name] = _run(copies[name], [*option, *_only(sorted(criteria))], LIVE_SECONDS)
            except SeatrialError as error:
                results[name] = Result({}, 0.0, trouble=f"the cluster could not be changed, or not be changed back: {error}")
            made = made or ("" if reuse_cluster else results[name].cluster)
            if results[name].trouble and not (reuse_cluster or made):
                break  # without a cluster the others have nothing to say; faults that need the engine alone make none
    finally:
        if made:
            _seatrial(["sweep", "--kept", made], SWEEP_SECONDS)
    if judged:
        print(f"[{time.monotonic() - began:6.1f} s] live in all, the cluster and {len(judged)} copies: ", end="")
        print(f"the goal for all rounds is {GOAL_SECONDS:.0f} s", flush=True)
    return results


def _only(criteria: Iterable[str]) -> list[str]:
    """Arguments of ``seatrial run`` for these criteria alone."""
    return [part for criterion in criteria for part in ("--criterion", criterion)]


def _run_static(faults: Mapping[str, Sabotage], copies: Mapping[str, Path]) -> dict[str, Result]:
    """Judge files: a healthy copy, and what the faults make of it."""
    if not faults:
        return {}
    healthy = f"{HEALTHY}-static"
    runs = {healthy: forks.Run(copies[healthy], _reports(copies[healthy]), ("--static",))}
    for name, fault in faults.items():
        left_out = [test for criterion, test in SLOW.items() if criterion not in (fault.criterion, *fault.consequences)]
        selection = ("-k", f"not ({' or '.join(left_out)})") if left_out else ()
        runs[name] = forks.Run(copies[name], _reports(copies[name]), ("--static", *selection), fault)
    ended = forks.run_all(healthy, runs)
    return {
        name: _result(run.reports, ended[name].code, ended[name].seconds, run.log.read_text(errors="replace"))
        for name, run in runs.items()
    }


def _run(copy: Path, arguments: list[str], timeout: float) -> Result:
    """``seatrial run`` on a copy, in a process of its own: as anybody would run it."""
    began = time.monotonic()
    done = _seatrial(["run", copy, "--reports", _reports(copy), *arguments], timeout)
    seconds = time.monotonic() - began
    spent = [f"{name} {took:.0f} s" for journal in _journals(_reports(copy)) for name, took in longest(journal)]
    print(f"[{seconds:6.1f} s] {': '.join((copy.parent.name, ', '.join(spent) or 'judged'))}", flush=True)
    return _result(_reports(copy), done.returncode, seconds, done.output)


def _reports(copy: Path) -> Path:
    return copy.parent / "reports"


def _result(reports: Path, code: int, seconds: float, printed: str) -> Result:
    """What a run that ended came to."""
    journals = _journals(reports)
    verdicts, cluster = read_run(journals[0]) if len(journals) == 1 else ({}, "")
    if code not in (ExitCode.OK, ExitCode.UNMET) or not verdicts:
        said = " ".join(printed.split())[-400:]
        return Result(verdicts, seconds, cluster, f"the run ended with {code}: {said}")
    return Result(verdicts, seconds, cluster)


def _journals(reports: Path) -> list[Path]:
    return [path / "journal" for path in reports.glob("*") if path.is_dir() and not path.is_symlink()]


def longest(journal: Path) -> list[tuple[str, float]]:
    """The steps of a run that took most, with their seconds, the longest first."""
    steps = [record.data for record in replay(journal) if record.kind == "timing"]
    took = [(step["name"].rpartition(".")[2], step["ended"] - step["began"]) for step in steps]
    return sorted(took, key=lambda step: step[1], reverse=True)[:LONGEST]


def _seatrial(arguments: Sequence[str | Path], timeout: float) -> process.Completed:
    command = [sys.executable, "-c", "from seatrial.cli import main; main()", *arguments]
    return process.run(command, timeout=timeout, check=False)


def read_run(journal: Path) -> tuple[dict[str, Verdict], str]:
    """Criterion -> the worst of its verdicts, and the cluster's name (empty where there was none), from a run's journal."""
    said: dict[str, list[Verdict]] = {}
    cluster = ""
    for record in replay(journal):
        if record.kind == "verdict":
            said.setdefault(record.data["criterion"], []).append(from_data(record.data))
        elif record.kind == "cluster":
            cluster = record.data["name"]
    return {criterion: worst(verdicts) for criterion, verdicts in said.items()}, cluster


def find(fault: Sabotage, result: Result, healthy: Result, together: Iterable[Sabotage] = ()) -> Finding:
    """Hold the verdicts on the sabotaged copy against those on the healthy one.

    Args:
        together: other faults in the same copy: what they may turn red says nothing about this one.
    """
    theirs = frozenset().union(*(other.about for other in together)) - fault.about
    problems = [trouble for trouble in (result.trouble, healthy.trouble) if trouble]
    problems += _root_problems(fault, result, healthy)
    blocked, consequences = [], []
    judged = fault.judged if fault.live else healthy.verdicts.keys() - (SLOW.keys() - fault.about)
    for criterion, before in healthy.verdicts.items():
        after = result.verdicts.get(criterion)
        if criterion not in judged or criterion in theirs:
            continue
        if criterion == fault.criterion or (after is not None and after.outcome is before.outcome):
            continue
        if after is None:
            problems.append(f"{criterion} was not judged")
        elif criterion in fault.consequences:
            consequences.append(criterion)
        elif after.outcome is Outcome.BLOCKED and after.blocked_by in theirs:
            continue
        elif after.outcome is Outcome.BLOCKED and after.blocked_by in fault.about:
            blocked.append(criterion)
        else:
            told = f"{criterion} is {after.outcome.says}, without the fault {before.outcome.says}"
            problems.append(f"{told}; it is neither blocked by it nor a named consequence. {after.reason}".strip())
    return Finding(fault, result, tuple(problems), tuple(blocked), tuple(consequences))


def _root_problems(fault: Sabotage, result: Result, healthy: Result) -> list[str]:
    before, after = healthy.verdicts.get(fault.criterion), result.verdicts.get(fault.criterion)
    # What cannot be told of the healthy application may still be told of a fault: the size of an image on a stand-in base, say.
    if before is not None and before.outcome not in (Outcome.PASSED, Outcome.INCONCLUSIVE):
        return [f"{fault.criterion} is {before.outcome.says} without the fault too: {before.reason}"]
    if after is None:
        return [f"{fault.criterion} was not judged"]
    if after.outcome is not Outcome.FAILED:
        return [f"{fault.criterion} is {after.outcome.says}: nobody saw the fault. {after.reason}".strip()]
    # Which of several faults the reason names depends on which test or pod comes first; they are all among the evidence.
    told = (after.reason, *(item.what for item in after.evidence if ": found " in item.what and ", wanted " in item.what))
    if not any(fault.says in text for text in told):
        return [f"{fault.criterion} failed for another reason: {after.reason}"]
    return []


def _report(findings: list[Finding], healthy: list[Result]) -> int:
    console = _console()
    table = Table(title="sabotage", title_justify="left")
    columns: Mapping[str, Callable[[Finding], str]] = {
        "fault": lambda found: ": ".join(filter(None, (found.fault.round, found.fault.name))),
        "must turn red": lambda found: found.fault.criterion,
        "what it said": lambda found: _words(found),
        "with it": lambda found: ", ".join([*found.consequences, *(f"{each} blocked" for each in found.blocked)]) or "nothing",
        "seconds": lambda found: f"{found.result.seconds:.0f}",
        "": lambda found: "NOT SEEN" if found.problems else "seen",
    }
    for heading in columns:
        table.add_column(heading, overflow="fold", ratio=3 if heading == "what it said" else None)
    for finding in findings:
        table.add_row(*(column(finding) for column in columns.values()), style="red" if finding.problems else None)
    console.print(table)
    for finding in findings:
        for problem in finding.problems:
            console.print(f"{finding.fault.name}: {problem}", style="red", markup=False)
    judged = max(len(result.verdicts) for result in healthy)
    seen = sum(not finding.problems for finding in findings)
    console.print(f"{seen} of {len(findings)} faults seen; {judged} criteria judged in each run")
    return ExitCode.OK if seen == len(findings) else ExitCode.UNMET


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)


def _words(finding: Finding) -> str:
    verdict = finding.result.verdicts.get(finding.fault.criterion)
    return verdict.reason if verdict is not None and verdict.outcome is Outcome.FAILED else ""
