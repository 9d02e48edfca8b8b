"""Packaging the chart (M3-CHART-03) and its values for other environments (M3-CHART-05)."""

from __future__ import annotations

import fnmatch
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial import yamlfile
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import references
from seatrial.checks.rendering import chart_path, render_again, render_defaults, secrets_only, shipped_values, static_helm
from seatrial.errors import Place
from seatrial.tools.helm import Lint
from seatrial.tools.helmfaults import ChartError
from seatrial.verdict import Evidence, Fault, Verdict, failed, judge
from seatrial.world import World

UNWANTED = (".git/config", "notes.bak", ".env")
"""Files that must never get into an archive; planted into a copy of the chart."""


@dataclass(frozen=True)
class Package:
    """What came of ``helm package`` on a copy of the chart with files planted that do not belong into it.

    Attributes:
        chart: its folder.
        trouble: why it cannot be packaged; empty where it can.
        planted: files that must not be in the archive, relative to the chart.
        members: files of the archive, relative to the chart.
        dependencies: of Chart.yaml.
        resolved: names of those that the archive holds.
        locked: name -> version in Chart.lock; None without one.
        lint_folder, lint_archive: ``helm lint --strict`` of both; None where it could not be packaged.
    """

    chart: Path
    trouble: str
    planted: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    dependencies: tuple[Mapping[str, Any], ...] = ()
    resolved: frozenset[str] = frozenset()
    locked: Mapping[str, str] | None = None
    lint_folder: Lint | None = None
    lint_archive: Lint | None = None


def observe_package(world: World) -> Package:
    """Package a copy of the chart and look into the archive."""
    chart, helm = chart_path(world), static_helm(world)
    with tempfile.TemporaryDirectory(prefix="seatrial-package-") as scratch:
        copy = Path(scratch) / chart.name
        shutil.copytree(chart, copy)
        planted = plant(copy)
        try:
            archive = helm.package(copy, Path(scratch))
        except ChartError as error:
            return Package(chart, trouble=str(error))
        with tarfile.open(archive) as opened:
            members = tuple(sorted(name.partition("/")[2] for name in opened.getnames()))
        overrides = secrets_only(world)
        return Package(
            chart=chart,
            trouble="",
            planted=planted,
            members=members,
            dependencies=tuple(yamlfile.load(chart / "Chart.yaml").get("dependencies") or ()),
            resolved=frozenset(
                Path(name).parts[1] for name in members if name.startswith("charts/") and len(Path(name).parts) > 2
            ),
            locked=_locked(chart / "Chart.lock"),
            lint_folder=helm.lint(chart, namespace=world.app.namespace, overrides=overrides),
            lint_archive=helm.lint(archive, namespace=world.app.namespace, overrides=overrides),
        )


def plant(chart: Path) -> tuple[str, ...]:
    """Put files into a chart's folder: one for each pattern of its .helmignore, and those that nobody wants in an archive."""
    patterns = [line.strip() for line in _lines(chart / ".helmignore") if line.strip() and not line.startswith(("#", "!"))]
    wanted = {*UNWANTED, *(_example(pattern) for pattern in patterns)}
    wanted -= {str(folder) for name in wanted for folder in PurePosixPath(name).parents}
    planted = []
    for name in sorted(wanted):
        path = chart / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("planted\n")
            planted.append(name)
    return tuple(planted)


def _example(pattern: str) -> str:
    """A path that a pattern of .helmignore fits: ``*.tgz`` -> ``planted.tgz``, ``.git/`` -> ``.git/planted``."""
    name = pattern.strip("/").replace("**", "planted").replace("*", "planted").replace("?", "x")
    return f"{name}/planted" if pattern.endswith("/") else name


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _locked(path: Path) -> dict[str, str] | None:
    if not path.is_file():
        return None
    return {entry["name"]: str(entry["version"]) for entry in yamlfile.load(path).get("dependencies") or ()}


def judge_package(seen: Package) -> Verdict:
    """M3-CHART-03: packages, dependencies resolved, nothing in the archive that does not belong there, lint as in the folder."""
    if seen.trouble or seen.lint_folder is None or seen.lint_archive is None:
        return failed(f"helm package fails: {seen.trouble}")
    ignore = Place(seen.chart / ".helmignore")
    inside = set(seen.members)
    faults = [
        Fault("the archive", f"it holds {name}", "nothing that does not belong to the chart", "Name it in .helmignore", ignore)
        for name in seen.planted
        if name in inside
    ]
    faults += [
        Fault("the archive", f"it holds {name}", "no tests of the repository", "Name /tests/ in .helmignore", ignore)
        for name in seen.members
        if name.startswith(("tests/", "test/"))
    ]
    faults += _dependency_faults(seen)
    folder, archive = (_said(lint) for lint in (seen.lint_folder, seen.lint_archive))
    if folder != archive:
        found = "; ".join(sorted(folder ^ archive)) or "another exit code"
        faults.append(Fault("helm lint of the archive", found, "the same as of the folder", "See what .helmignore leaves out"))
    evidence = [
        Evidence(f"{len(seen.members)} files in the archive, {len(seen.planted)} more were planted to see which stay out")
    ]
    return judge(len(seen.members) + len(seen.planted), "files", faults, evidence=evidence)


def _dependency_faults(seen: Package) -> list[Fault]:
    place = Place(seen.chart / "Chart.yaml")
    faults = []
    for entry in seen.dependencies:
        name, version = str(entry.get("name")), str(entry.get("version", ""))
        subject = f"dependency {name}"
        if not any(fnmatch.fnmatch(each, f"{name}*") for each in seen.resolved):
            faults.append(Fault(subject, "not in charts/", "it to be there", "Run `helm dependency build`", place))
        if seen.locked is None or name not in seen.locked:
            faults.append(Fault(subject, "not in Chart.lock", "a locked version", "Run `helm dependency update`", place))
        elif version and version[0].isdigit() and "x" not in version and seen.locked[name] != version:
            faults.append(Fault(subject, f"{seen.locked[name]} locked", version, "Run `helm dependency update`", place))
    return faults


def _said(lint: Lint) -> set[str]:
    return {f"{message.severity}: {message.text}" for message in lint.messages} | {f"exit code 0: {lint.passed}"}


@dataclass(frozen=True)
class Environments:
    """What M3-CHART-05 is judged on.

    Attributes:
        installed: as the trial installed it: every workload was ready.
        defaults: with defaults and secrets only, or the sentence why that does not render.
        secrets: Secrets that are made before the install -> keys.
        others: values file that ships with the chart -> rendering, or the sentence why it does not render.
    """

    installed: Rendered
    defaults: Rendered | str
    secrets: Mapping[str, frozenset[str]]
    others: Mapping[str, Rendered | str]


def observe_environments(world: World) -> Environments:
    """Render with defaults and with each values file that ships with the chart."""
    overrides = secrets_only(world)
    return Environments(
        installed=world.release.rendered,
        defaults=_or_sentence(lambda: render_defaults(world)),
        secrets={name: frozenset(keys) for name, keys in world.app.chart.secrets.items()},
        others={
            path.name: _or_sentence(lambda path=path: render_again(world, values=[path], overrides=overrides))
            for path in shipped_values(chart_path(world))
        },
    )


def _or_sentence(render: Any) -> Rendered | str:
    try:
        result: Rendered = render()
        return result
    except ChartError as error:
        return str(error)


def judge_environments(seen: Environments) -> Verdict:
    """M3-CHART-05: the defaults need nothing that the installed release lacked; other environments are a values file away."""
    if isinstance(seen.defaults, str):
        return failed(f"The chart does not render with its defaults and secrets only: {seen.defaults}")
    faults = _beyond_installed(seen.defaults, seen.installed) + _dangling(seen.defaults, seen.secrets)
    extra = ", ".join(_only_in(seen.installed, seen.defaults)) or "nothing"
    told = [Evidence(f"installed and not rendered by the defaults: {extra}")]
    differing = 0
    for name, rendered in seen.others.items():
        if isinstance(rendered, str):
            faults.append(Fault(name, rendered, "a rendering", "Mend the values file"))
            continue
        changed = _changes(seen.defaults, rendered)
        differing += bool(changed)
        told.append(Evidence(f"{name} changes {', '.join(sorted(changed)) or 'nothing that matters'}"))
    if not differing:
        found, mend = "none that changes replicas, resources or host", "Ship a values file such as values-prod.yaml"
        faults.append(Fault("values files of the chart", found, "at least one", mend))
    return judge(1 + len(seen.others), "environments", faults, evidence=told)


def _beyond_installed(defaults: Rendered, installed: Rendered) -> list[Fault]:
    """The release that runs has everything that the defaults render, so that it speaks for them."""
    mend = "Install what the defaults render, or let the defaults render what is installed"
    return [Fault(name, "only with the defaults", "installed in the trial too", mend) for name in _only_in(defaults, installed)]


def _only_in(one: Rendered, other: Rendered) -> list[str]:
    known = {(item.kind, item.name) for item in other.objects}
    return sorted(f"{item.kind} {item.name}" for item in one.objects if (item.kind, item.name) not in known)


def _dangling(rendered: Rendered, secrets: Mapping[str, frozenset[str]]) -> list[Fault]:
    faults = []
    for item in rendered.objects:
        for reference in references(item.raw):
            made = rendered.find(reference.kind, reference.name)
            known = made is not None or (reference.kind == "Secret" and reference.name in secrets)
            default_account = reference.kind == "ServiceAccount" and reference.name == "default"
            if not (known or reference.optional or default_account or reference.kind == "PersistentVolumeClaim"):
                found, wanted = f"it needs {reference.kind} {reference.name}", "only what the chart makes, and the secrets"
                faults.append(Fault(item.subject, found, wanted, "Let the chart make it", item.place(reference.path)))
    return faults


def _changes(defaults: Rendered, other: Rendered) -> set[str]:
    """Which of replicas, resources and host differ between two renderings."""
    changed = set()
    for item in other.objects:
        before = defaults.find(item.kind, item.name)
        if before is None or before.raw == item.raw:
            continue
        spec, old = item.raw.get("spec") or {}, before.raw.get("spec") or {}
        if any(spec.get(key) != old.get(key) for key in ("replicas", "minReplicas", "maxReplicas")):
            changed.add("replicas")
        if _containers(spec) != _containers(old) or spec.get("hard") != old.get("hard"):
            changed.add("resources")
        if item.kind == "Ingress" and spec.get("rules") != old.get("rules"):
            changed.add("host")
    return changed


def _containers(spec: Mapping[str, Any]) -> list[Any]:
    pod = (spec.get("template") or {}).get("spec") or {}
    return [container.get("resources") for container in pod.get("containers") or []]
