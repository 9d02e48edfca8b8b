"""How long `seatrial check` takes, against checkov on the same files and the same machine: ``python benchmarks/check.py``.

Every ratio comes from one run: the two sides take turns, and the medians are compared, so that other work on the machine meets
both. It prints one line for each goal, and ends with 1 where one is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from seatrial.chart.objects import ChartObject, parse
from seatrial.check.charts import render_all
from seatrial.check.objects import Schemas, judge_object
from seatrial.check.scanners import Judged
from seatrial.check.scanners import scan as scan_all
from seatrial.discovery.holdings import discover
from seatrial.discovery.tree import walk
from seatrial.sabotage.runner import copy_application
from seatrial.toolchain import Toolchain
from seatrial.tools.helm import Helm
from seatrial.wiring.given import Given, Rendering
from seatrial.wiring.judge import judge
from seatrial.wiring.places import Places
from seatrial.wiring.shelf import Shelf

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from seatrial.cli import main; main()"]
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}-%(part)s"}
spec:
  selector: {app.kubernetes.io/instance: "{{ .Release.Name }}", part: %(part)s}
  ports: [{name: http, port: 80, targetPort: http}]
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}-%(part)s"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app.kubernetes.io/instance: "{{ .Release.Name }}", part: %(part)s}}
  template:
    metadata: {labels: {app.kubernetes.io/instance: "{{ .Release.Name }}", part: %(part)s}}
    spec:
      containers:
        - name: %(part)s
          image: example.com/%(part)s:1.0.0
          ports: [{name: http, containerPort: 8080}]
          envFrom: [{configMapRef: {name: "{{ .Release.Name }}-%(part)s"}}]
          readinessProbe: {httpGet: {path: /ready, port: http}}
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}}
"""
SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-%(part)s"}
data: {API_URL: "http://{{ .Release.Name }}-%(other)s"}
"""
PARTS = ("web", "api")


@dataclass(frozen=True)
class Line:
    """One goal: what, its limit, and what was seen in the same unit."""

    what: str
    limit: float
    unit: str
    seen: float
    how: str

    def __str__(self) -> str:
        mark = "met" if self.seen <= self.limit else "MISSED"
        return f"{self.what:48} goal {self.limit:4.1f} {self.unit:9} seen {self.seen:5.2f}  {mark:6} {self.how}"


@dataclass(frozen=True)
class Taken:
    """What one piece of work took: seconds on the clock, and of the processor, its children's included."""

    clock: float
    processor: float


def taken_by(work: Callable[[], object]) -> Taken:
    """Do it, and say what it took."""
    began, used = time.perf_counter(), _processor()
    work()
    return Taken(time.perf_counter() - began, _processor() - used)


def _processor() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def middle(taken: Sequence[Taken]) -> Taken:
    """The medians of several rounds."""
    return Taken(statistics.median(each.clock for each in taken), statistics.median(each.processor for each in taken))


def against(one: Taken, other: Taken) -> str:
    """Both sides of a ratio, for the line that tells it."""
    return f"{one.clock:.1f} s against {other.clock:.1f} s; processor {one.processor:.1f} s against {other.processor:.1f} s"


def check(folder: Path) -> None:
    """`seatrial check` as a user calls it; faults in what is judged are no fault here."""
    done = subprocess.run([*COMMAND, "check", str(folder), "--format", "json"], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"check ended with {done.returncode}: {done.stderr[-300:]}")


def rendered(folder: Path, helm: Helm, namespace: str, values: Sequence[Path] = ()) -> list[ChartObject]:
    """What a chart renders."""
    text = helm.template(folder, release=namespace, namespace=namespace, values=values, kube_version="1.34.4")
    return list(parse(text, chart=folder))


def scanner(toolchain: Toolchain, folder: Path, objects: Sequence[ChartObject]) -> Callable[[], object]:
    """checkov alone, on the Dockerfiles of a folder and on objects, as `check` calls it."""
    program = toolchain.tool("checkov").path
    found = discover(walk(folder)).dockerfiles
    judged = [Judged(item, item.subject, "", Places({}, {})) for item in objects]
    return lambda: scan_all(program, found, judged, {each.path: each.path.name for each in found})


def forms(toolchain: Toolchain, scratch: Path) -> list[ChartObject]:
    """All objects of our repository in every form that they take under some values file: what `check` lets checkov read."""
    with ThreadPoolExecutor() as pool:
        helm, place = Helm(toolchain.tool("helm").path), scratch / "forms"
        place.mkdir()
        benches = render_all(discover(walk(ROOT)), helm, "1.34.4", place, pool)
        return [judged.item for bench in benches for judged in bench.forms()]


def own_repository(toolchain: Toolchain, scratch: Path, rounds: int) -> list[Line]:
    """Our repository: the first time against checkov alone, and again while nothing changes."""
    checkov = scanner(toolchain, ROOT, forms(toolchain, scratch))
    first, again, alone = [], [], []
    for number in range(rounds):
        folder = scratch / f"own-{number}" / "main"  # nothing is remembered of a folder that is new
        copy_application(ROOT, folder)
        first.append(taken_by(lambda folder=folder: check(folder)))  # type: ignore[misc]
        again.append(taken_by(lambda folder=folder: check(folder)))  # type: ignore[misc]
        alone.append(taken_by(checkov))
    whole, only, still = middle(first), middle(alone), middle(again)
    return [
        Line("our repository, against checkov alone", 1.1, "times", whole.clock / only.clock, against(whole, only)),
        Line("our repository, unchanged", 1.0, "s", still.clock, f"processor {still.processor:.2f} s"),
    ]


def write_chart(folder: Path, name: str) -> None:
    """A chart of two parts that call each other."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text("replicas: 2\n")
    for part, other in zip(PARTS, reversed(PARTS), strict=True):
        text = "---\n".join(template % {"part": part, "other": other} for template in (SERVICE, DEPLOYMENT, SETTINGS))
        (folder / "templates" / f"{part}.yaml").write_text(text)


def many_charts(toolchain: Toolchain, helm: Helm, scratch: Path, count: int, rounds: int) -> Line:
    """A repository of many charts, against one call of checkov over all that they render."""
    objects: list[ChartObject] = []
    for number in range(count):
        write_chart(scratch / "charts" / f"c{number:03}", f"c{number:03}")
        objects += rendered(scratch / "charts" / f"c{number:03}", helm, f"c{number:03}")
    checkov = scanner(toolchain, scratch / "charts", objects)
    whole, only = [], []
    for number in range(rounds):
        folder = scratch / f"many-{number}" / "charts"
        shutil.copytree(scratch / "charts", folder)
        whole.append(taken_by(lambda folder=folder: check(folder)))  # type: ignore[misc]
        only.append(taken_by(checkov))
    one, other = middle(whole), middle(only)
    how = f"{against(one, other)}; {len(objects)} objects"
    return Line(f"{count} charts, against one call of checkov", 2.0, "times", one.clock / other.clock, how)


def many_objects(helm: Helm, scratch: Path, count: int, rounds: int) -> Line:
    """Our own checks and the graph on many objects of one release; processor time, what other work takes is not in it."""
    write_chart(scratch / "one", "one")
    texts = [item.raw for item in rendered(scratch / "one", helm, "one")]
    streams = [
        yaml.safe_dump_all(texts).replace("one-", f"r{number}-").replace(": one\n", f": r{number}\n")
        for number in range(count // 6)
    ]
    objects = list(
        parse("---\n".join(f"# Source: one/templates/r{n}.yaml\n{s}" for n, s in enumerate(streams)), chart=scratch / "one")
    )
    schemas = Schemas("1.34.4")
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        rendering = Rendering("one", "one", objects)
        shelf, places = Shelf(rendering), Places({}, {})
        for item in objects:
            list(judge_object(item, shelf.title(item), places, schemas))
        wiring = judge(Given(rendering))
        taken.append(time.process_time() - began)
    edges = sum(len(each) for each in wiring.graph.edges.values())
    grave = [finding for finding in wiring.findings if finding.group.rank < 2]
    if len(objects) < count - 6 or edges < count or grave:
        raise SystemExit(f"{len(objects)} objects, {edges} references, {len(grave)} grave findings: that is not what was meant")
    how = f"processor time, {len(objects)} objects, {edges} references"
    return Line(f"own checks and graph on {count} objects", 1.0, "s", statistics.median(taken), how)


def help_text(rounds: int) -> Line:
    """How long the command takes to say what it can do."""
    program = shutil.which("seatrial", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    argv = [program, "--help"] if program else [*COMMAND, "--help"]
    taken = middle([taken_by(lambda: subprocess.run(argv, capture_output=True, check=True)) for _ in range(rounds)])
    return Line("seatrial --help", 0.3, "s", taken.clock, f"processor {taken.processor:.2f} s")


def main() -> int:
    """Measure, and print; 1 where a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured (default: 3)")
    parser.add_argument("--charts", type=int, default=100, help="how many charts one repository has (default: 100)")
    parser.add_argument("--objects", type=int, default=1000, help="how many objects one release has (default: 1000)")
    options = parser.parse_args()
    toolchain = Toolchain()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as folder:
        scratch, helm = Path(folder).resolve(), Helm(toolchain.tool("helm").path)
        lines = [help_text(options.rounds), many_objects(helm, scratch, options.objects, options.rounds)]
        print(*lines, sep="\n", flush=True)
        own = own_repository(toolchain, scratch, options.rounds)
        print(*own, sep="\n", flush=True)
        many = many_charts(toolchain, helm, scratch, options.charts, max(1, options.rounds // 3))
        print(many, flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    return int(any(line.seen > line.limit for line in [*lines, *own, many]))


if __name__ == "__main__":
    raise SystemExit(main())
