"""Charts whose subcharts are not in ``charts/``: a copy is completed from folders beside it and from chart repositories."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import yaml

from seatrial import process
from seatrial.check.rule import Outcome, Rule
from seatrial.discovery.charts import CHART, Dependency, FoundChart, read_chart
from seatrial.discovery.tree import text_of
from seatrial.errors import Place, ProcessTimeout
from seatrial.tools.helmfaults import MAX_WORDS, own_words
from seatrial.wiring.finding import Finding, Group

FETCH_SECONDS = 30.0
"""How long chart repositories may take, all of one chart's together."""
MAX_COPY = 50_000_000
"""Bytes that a chart may have to be copied; Helm itself takes no chart that is packed larger than a Secret of 1 MB."""
MAX_DEPTH = 5
"""How deep charts beside charts may refer to each other."""

MISSING = Rule(
    "C-SUBCHART",
    Group.WILL_BREAK,
    "Every subchart can be had",
    "A subchart that Chart.yaml names is neither in charts/ nor where its repository says.",
    "Helm refuses the chart until somebody puts the subchart there.",
    '# Chart.yaml\ndependencies: [{name: common, version: 1.x, repository: "file://../gone"}]',
    "Run `helm dependency update` in the chart, and commit Chart.lock; check name and repository where that fails.",
    "M3-CHART-03",
)
UNLOCKED = Rule(
    "C-SUBCHART-LOCK",
    Group.HYGIENE,
    "Subcharts from elsewhere are pinned by Chart.lock",
    "A range in Chart.yaml is whatever is newest on the day of the install.",
    "The same commit installs another subchart tomorrow.",
    '# no Chart.lock\ndependencies: [{name: redis, version: ">=18", repository: https://charts.example.com}]',
    "Run `helm dependency update` and commit Chart.lock.",
    "M3-CHART-03",
)
TWICE = Rule(
    "C-SUBCHART-TWICE",
    Group.WILL_BREAK,
    "No subchart is in charts/ twice",
    "A folder and an archive of the same subchart: mostly the archive that `helm dependency update` made of the folder, and that "
    "nobody made again since.",
    "Helm renders of each template now the one, now the other: an install may bring back what was mended.",
    "# charts/: redis/, redis-1.0.0.tgz",
    "Remove the archive, or the folder.",
    "M3-CHART-03",
)
RULES = (MISSING, UNLOCKED, TWICE)
_UNREACHED = re.compile(
    r"no such host|connection refused|i/o timeout|no route to host|network is unreachable|context deadline exceeded|Forbidden|"
    r"server misbehaving|TLS handshake timeout|proxyconnect|certificate signed by unknown authority|Too Many Requests|"
    r"Service Unavailable|Bad Gateway|temporary failure in name resolution|connection reset by peer|\bEOF\b",
    re.IGNORECASE,
)
"""What Helm says where it is not the chart's fault: another machine may well get the subchart."""
_HOST = re.compile(r"(?:https?|oci)://([\w.-]+)")


@dataclass(frozen=True)
class Completed:
    """A chart in which Helm finds every subchart, as far as they can be had.

    Attributes:
        folder: the chart's own where nothing is missing, else a copy.
        homes: folder in the copy -> the folder in the repository that it was copied from.
        outcome: what is to be told.
        lacking: subcharts that could not be had; the chart is rendered without them.
    """

    folder: Path
    homes: Mapping[Path, Path]
    outcome: Outcome
    lacking: tuple[Dependency, ...] = ()


def complete(program: Path, chart: FoundChart, scratch: Path) -> Completed:
    """Make a chart complete.

    Args:
        program: Helm.
        chart: as it lies in the repository.
        scratch: an empty folder for the copy.
    """
    outcome = Outcome(passing=bool(chart.missing))
    remote = [each for each in chart.dependencies if each.repository and not each.repository.startswith("file://")]
    if remote and not chart.locked:
        names = ", ".join(each.name for each in remote)
        outcome.found(
            [UNLOCKED.at(Place(chart.folder / CHART, remote[0].line), f"chart {chart.name}", f"no Chart.lock pins {names}")]
        )
    folder = scratch / chart.folder.name
    archives = _twice(chart)
    if archives:
        listed = ", ".join(path.name for path in archives)
        what = f"charts/ holds {listed} beside {'a folder' if len(archives) == 1 else 'folders'} of the same chart"
        outcome.found([TWICE.at(Place(chart.folder / CHART, 1), f"chart {chart.name}", what)])
    if not chart.missing and (not archives or not _copy(chart, folder)):
        return Completed(chart.folder, {}, outcome)
    if not chart.missing:
        for archive in archives:  # what people edit is the folder
            (folder / archive.relative_to(chart.folder)).unlink(missing_ok=True)
        return Completed(folder, {folder: chart.folder}, outcome)
    if not _copy(chart, folder):
        outcome.found([_missing(chart, chart.missing, f"and the chart is larger than {MAX_COPY} bytes")])
        return Completed(chart.folder, {}, outcome)
    homes = {folder: chart.folder}
    lacking = _from_beside(chart, folder, homes, MAX_DEPTH)
    gone = [each for each in lacking if each.repository.startswith("file://")]
    wanted = [each for each in lacking if each.repository and each not in gone]
    trouble, unreachable = _fetch(program, wanted, folder, scratch / "fetch")
    left = [each for each in lacking if not any((folder / "charts").glob(f"{each.name}-*.tgz"))]
    if left:
        names = ", ".join(dict.fromkeys(each.name for each in left))
        for each in gone:
            path = each.repository.removeprefix("file://")
            outcome.found([_missing(chart, [each], f"and no chart can be taken from {path}, which Chart.yaml names")])
        nowhere = [each for each in left if each not in gone and (not each.repository or not unreachable)]
        if nowhere:
            outcome.found([_missing(chart, nowhere, trouble if nowhere[0].repository else "and no repository is named for it")])
        why = f": {trouble}" if unreachable else ""
        outcome.notes.append(f"chart {chart.name} was judged without {names}{why}.")
        _forget(folder, {each.name for each in left})
    fetched = ", ".join(each.name for each in lacking if each not in left)
    if fetched:
        outcome.notes.append(f"chart {chart.name}: {fetched} came from the repository that Chart.yaml names.")
    return Completed(folder, homes, outcome, tuple(left))


def _twice(chart: FoundChart) -> list[Path]:
    """Archives of subcharts that lie in ``charts/`` as folders, too."""
    folders = {path.parent.name for path in (chart.folder / "charts").glob(f"*/{CHART}")}
    archives = sorted((chart.folder / "charts").glob("*.tgz"))
    return [path for path in archives if re.sub(r"-v?\d+\.\d+.*$", "", path.name) in folders]


def _forget(folder: Path, names: Set[str]) -> None:
    """Take dependencies out of the copy, so that Helm renders the rest."""
    for file in (folder / CHART, folder / "requirements.yaml"):
        data = yaml.safe_load(text_of(file) or "") if file.is_file() else None
        if isinstance(data, dict) and isinstance(data.get("dependencies"), list):
            kept = [each for each in data["dependencies"] if not (isinstance(each, dict) and each.get("name") in names)]
            file.write_text(yaml.safe_dump({**data, "dependencies": kept}))


def _missing(chart: FoundChart, missing: Sequence[Dependency], why: str) -> Finding:
    names = ", ".join(dict.fromkeys(each.name for each in missing))
    several = f"{names} are" if len(missing) > 1 else f"{names} is"
    return MISSING.at(Place(chart.folder / CHART, missing[0].line), f"chart {chart.name}", f"{several} not in charts/, {why}")


def _copy(chart: FoundChart, folder: Path) -> bool:
    """Copy what Helm would load; False where that is too much."""
    if sum(path.stat().st_size for path in chart.files) > MAX_COPY:
        return False
    for path in chart.files:
        target = folder / path.relative_to(chart.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (folder / "charts").mkdir(parents=True, exist_ok=True)
    return True


def _from_beside(chart: FoundChart, folder: Path, homes: dict[Path, Path], depth: int) -> list[Dependency]:
    """Copy subcharts that lie beside the chart, and theirs; what is still missing."""
    lacking: list[Dependency] = []
    for each in chart.missing:
        beside = (chart.folder / each.repository.removeprefix("file://")).resolve()
        if each.repository.startswith("file://") and (beside / CHART).is_file() and depth > 0:
            subchart = read_chart(beside)
            target = folder / "charts" / each.name
            if _copy(subchart, target):
                homes[target] = beside
                lacking += _from_beside(subchart, target, homes, depth - 1)
                continue
        lacking.append(each)
    return lacking


def _fetch(program: Path, wanted: Sequence[Dependency], folder: Path, scratch: Path) -> tuple[str, bool]:
    """Let Helm get subcharts into ``charts/``.

    Returns:
        why it could not, empty where it could; and whether that is because no repository could be reached from here.
    """
    if not wanted:
        return "", False
    scratch.mkdir(parents=True)
    once = {(each.name, each.version, each.repository) for each in wanted}  # one chart may be there under several aliases
    listed = [{"name": name, "version": version, "repository": repository} for name, version, repository in sorted(once)]
    (scratch / CHART).write_text(
        yaml.safe_dump({"apiVersion": "v2", "name": "fetch", "version": "0.0.0", "dependencies": listed})
    )
    env = process.environment(KUBECONFIG=os.devnull)
    try:
        done = process.run([program, "dependency", "update", scratch], timeout=FETCH_SECONDS, env=env, check=False)
    except ProcessTimeout:
        return f"no repository answered within {FETCH_SECONDS:.0f} s", True
    for archive in sorted((scratch / "charts").glob("*.tgz")) if done.returncode == 0 else ():
        shutil.move(archive, folder / "charts" / archive.name)
    if done.returncode == 0:
        return "", False
    if told := _UNREACHED.search(done.output):
        where = _HOST.search(done.output)
        return f"the repository{f' at {where[1]}' if where else ''} cannot be reached from here ({told[0]})", True
    return f"and could not be fetched: {' '.join(own_words(done.stderr).split())[:MAX_WORDS]}", False
