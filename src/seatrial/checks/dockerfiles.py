"""Dockerfiles as they are written (M1-DF-01, M1-DF-02), and what linters say of them (M5-AI-01's fallback)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packaging.version import Version

from seatrial.app import Role
from seatrial.checks.builds import Rebuild, rebuild_after_edit
from seatrial.errors import Place
from seatrial.images.dockerfile import Dockerfile, Instruction, Stage, read_dockerfile
from seatrial.tools import hadolint
from seatrial.tools.hadolint import Finding, Level
from seatrial.verdict import Evidence, Fault, Verdict, failed, inconclusive, judge
from seatrial.world import World

NODE_ALPINE = re.compile(r"^(?:docker\.io/)?(?:library/)?node:(?P<version>\d+(?:\.\d+)*)-alpine[\d.]*(?:@sha256:[0-9a-f]{64})?$")
PYTHON_SLIM = re.compile(
    r"^(?:docker\.io/)?(?:library/)?python:(?P<version>\d+(?:\.\d+)*)-slim(?:-\w+)?(?:@sha256:[0-9a-f]{64})?$"
)
NODE_INSTALL = re.compile(r"\b(?:npm (?:ci|install|i)|yarn(?: install)?|pnpm (?:install|i|fetch)|bun install)\b")
PYTHON_INSTALL = re.compile(r"\b(?:pip3?|uv pip|poetry|pdm|pipenv)\b[^|;&]*\b(?:install|sync)\b|\buv sync\b")
ISOLATED = re.compile(r"\bvenv\b|virtualenv|--prefix[= ]|--target[= ]|\buv sync\b|--user\b")
COMPILERS = re.compile(r"\b(?:gcc|g\+\+|clang|make|cmake|build-essential|musl-dev|[a-z0-9.+]+-dev(?:el)?)\b")
LOCKFILES = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lockb", "bun.lock")
MANIFESTS = ("package.json", "tsconfig.json", *LOCKFILES)
SOURCE_SUFFIXES = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".vue", ".svelte", ".css")


@dataclass(frozen=True)
class Written:
    """One component's Dockerfile.

    Attributes:
        component: whose it is.
        file: parsed, with its default build arguments.
        findings: hadolint's.
        rebuild: what an edit of a source file did to the install step; None where that was not tried or could not be.
    """

    component: str
    file: Dockerfile
    findings: tuple[Finding, ...]
    rebuild: Rebuild | None = None


def observe_frontend(world: World) -> tuple[list[Written], int, str]:
    """Frontend Dockerfiles, least number of stages, least version of Node; each is built again after an edit."""
    found = []
    for written in _read(world, "frontend"):
        install = _install(written.file, NODE_INSTALL)
        matched = NODE_INSTALL.search(install[1].value) if install else None
        rebuild = rebuild_after_edit(world, written.component, matched[0], SOURCE_SUFFIXES) if matched else None
        found.append(Written(written.component, written.file, written.findings, rebuild))
    return found, int(world.limit("M1-DF-01", "stages")), str(world.limit("M1-DF-01", "node_minimum"))


def observe_backend(world: World) -> tuple[list[Written], int, str]:
    """Backend Dockerfiles, least number of stages, version of Python."""
    return _read(world, "backend"), int(world.limit("M1-DF-02", "stages")), str(world.limit("M1-DF-02", "python"))


def _read(world: World, role: Role) -> list[Written]:
    built = {name: part for name, part in world.app.built().items() if part.role == role}
    paths = {name: _path(world, name) for name in built}
    findings = lint_all(world, paths.values())
    return [
        Written(name, read_dockerfile(path), tuple(finding for finding in findings if finding.place.path == path))
        for name, path in paths.items()
    ]


def _path(world: World, component: str) -> Path:
    image = world.app.components[component].image
    assert image.context is not None
    return world.app.path(image.context) / image.dockerfile


def lint_all(world: World, paths: Iterable[Path]) -> tuple[Finding, ...]:
    """hadolint on Dockerfiles, in one call; none for none."""
    files = list(paths)
    return hadolint.lint(world.toolchain.tool("hadolint").path, files) if files else ()


def judge_frontend(seen: tuple[list[Written], int, str]) -> Verdict:
    """M1-DF-01: three stages on Node Alpine, dependencies before sources, only output in the runner, a cached install."""
    written, stages, minimum = seen
    faults: list[Fault] = []
    unknown: list[str] = []
    for each in written:
        faults += _stage_faults(each.file, stages)
        faults += _base_faults(each.file, NODE_ALPINE, f"an official node:<version>-alpine, Node >= {minimum}", minimum)
        faults += _install_first_faults(each.file)
        faults += _runner_faults(each.file)
        if each.rebuild is None:
            unknown.append(f"{each.component}: its build showed no install step, or it has no source file, to try a rebuild with")
        elif not each.rebuild.cached:
            found = f"editing {each.rebuild.edited} ran the install step again"
            mend = "Copy manifest and lock file first, install, then copy the sources"
            faults.append(Fault(f"the Dockerfile of {each.component}", found, "it cached", mend, Place(each.file.path)))
    return judge(len(written), "Dockerfiles", faults, evidence=_told(written), unknown=unknown)


def judge_backend(seen: tuple[list[Written], int, str]) -> Verdict:
    """M1-DF-02: two stages on Python slim, packages isolated and copied, no compiler in the last stage."""
    written, stages, python = seen
    faults: list[Fault] = []
    for each in written:
        faults += _stage_faults(each.file, stages)
        faults += _base_faults(each.file, PYTHON_SLIM, f"an official python:{python}-slim", python, exactly=True)
        faults += _isolation_faults(each.file)
        faults += _compiler_faults(each.file)
    return judge(len(written), "Dockerfiles", faults, evidence=_told(written))


def _told(written: list[Written]) -> list[Evidence]:
    told = []
    for each in written:
        names = ", ".join(f"{stage.name or index} on {stage.base}" for index, stage in enumerate(each.file.stages))
        told.append(Evidence(f"{each.component}: stages {names}", place=Place(each.file.path)))
        if each.rebuild is not None and each.rebuild.cached:
            told.append(
                Evidence(f"{each.component}: after an edit of {each.rebuild.edited} the install step came from the cache")
            )
        told.append(Evidence(f"{each.component}: hadolint finds {len(each.findings)} things"))
        told += [Evidence(str(finding), place=finding.place) for finding in each.findings]
    return told


def _stage_faults(file: Dockerfile, least: int) -> list[Fault]:
    count = len(file.stages)
    return (
        []
        if count >= least
        else [_fault(file, 1, f"{count} stages", f">= {least}", "Install, build and run in stages of their own")]
    )


def _base_faults(file: Dockerfile, pattern: re.Pattern[str], wanted: str, version: str, *, exactly: bool = False) -> list[Fault]:
    faults = []
    for base, line in file.bases().items():
        match = pattern.match(base)
        fits = match is not None and _fits(match["version"], version, exactly=exactly)
        if not fits:
            faults.append(_fault(file, line, f"the base {base}", wanted, "Change the image, or the default of its ARG"))
    return faults


def _fits(version: str, wanted: str, *, exactly: bool) -> bool:
    """``exactly`` compares as far as ``wanted`` goes; otherwise a tag such as ``22`` stands for the newest 22."""
    if exactly:
        return version.split(".")[: len(wanted.split("."))] == wanted.split(".")
    parts = version.split(".")
    return Version(version) >= Version(wanted) or (len(parts) == 1 and int(parts[0]) >= int(wanted.split(".")[0]))


def _install(file: Dockerfile, pattern: re.Pattern[str]) -> tuple[Stage, Instruction] | None:
    """The first instruction that installs dependencies, and its stage."""
    return next(((stage, each) for stage in file.stages for each in stage.all("RUN") if pattern.search(each.value)), None)


def _install_first_faults(file: Dockerfile) -> list[Fault]:
    found = _install(file, NODE_INSTALL)
    if found is None:
        return [_fault(file, 1, "no step that installs dependencies", "one, such as npm ci", "Add it to a stage of its own")]
    stage, install = found
    before = [each for each in stage.all("COPY") if each.line < install.line]
    names = {PurePosixPath(name).name for each in before for name in _copied(each)}
    faults = []
    if "package.json" not in names and not any(name.startswith("package") and "*" in name for name in names):
        faults.append(
            _fault(file, install.line, "no package.json before the install", "it copied first", "COPY package.json and lock")
        )
    if not names & set(LOCKFILES) and not any("*" in name for name in names):
        faults.append(_fault(file, install.line, "no lock file before the install", "it copied first", "COPY the lock file too"))
    early = [each for each in before if {".", "./", "src", "app"} & set(_copied(each))]
    if early:
        mend = "COPY the sources after the install"
        faults.append(_fault(file, early[0].line, "sources are copied before the install", "dependencies first", mend))
    return faults


def _runner_faults(file: Dockerfile) -> list[Fault]:
    """The last stage takes output of earlier stages; of the context only assets and single files that run."""
    faults = []
    for each in file.stages[-1].all("COPY") + file.stages[-1].all("ADD"):
        from_stage = any(name == "from" for name, _ in each.flags)
        for source in _copied(each):
            name = PurePosixPath(source).name
            if from_stage and (name == "node_modules" or source.rstrip("/") in ("", ".", "/app", "/build", "/src")):
                faults.append(
                    _fault(file, each.line, f"{source} is copied whole", "build output only", "Copy .next/standalone and assets")
                )
            elif not from_stage and not _is_asset(source):
                faults.append(
                    _fault(file, each.line, f"{source} comes from the context", "build output only", "Build it in a stage")
                )
    return faults


def _is_asset(source: str) -> bool:
    path = PurePosixPath(source)
    return path.parts[:1] == ("public",) or (bool(path.suffix) and path.name not in MANIFESTS)


def _isolation_faults(file: Dockerfile) -> list[Fault]:
    found = _install(file, PYTHON_INSTALL)
    if found is None:
        return [_fault(file, 1, "no step that installs packages", "one in a build stage", "Install into a venv there")]
    stage, install = found
    faults = []
    last = file.stages[-1]
    if stage is last:
        mend = "Install in a build stage and COPY --from it"
        faults.append(_fault(file, install.line, "packages are installed in the last stage", "a build stage", mend))
    elif stage.name is None or not any(("from", stage.name) in each.flags for each in last.all("COPY")):
        faults.append(_fault(file, last.line, "nothing is copied from the build stage", "its packages", "COPY --from its venv"))
    setup = " ".join(each.value for each in stage.instructions)
    if not ISOLATED.search(setup):
        faults.append(_fault(file, install.line, "packages go into the system's Python", "a venv or prefix", "Make a venv first"))
    return faults


def _compiler_faults(file: Dockerfile) -> list[Fault]:
    faults = []
    for stage in file.ancestry():
        for each in stage.all("RUN"):
            match = COMPILERS.search(each.value)
            if match:
                faults.append(
                    _fault(file, each.line, f"{match[0]} in the stage that runs", "it in the build stage only", "Move it")
                )
    return faults


def _copied(instruction: Instruction) -> list[str]:
    """What COPY or ADD takes: all words but the last."""
    words = instruction.exec_form or instruction.value.split("\n", 1)[0].split()
    return words[:-1]


def _fault(file: Dockerfile, line: int, found: str, wanted: str, mend: str) -> Fault:
    return Fault("the Dockerfile", found, wanted, mend, Place(file.path, line))


# what assistants and linters say


@dataclass(frozen=True)
class Review:
    """Who reviewed the Dockerfiles.

    Attributes:
        assistant: what ``docker ai version`` printed; None where there is no such thing.
        refusal: why there is none.
        files: Dockerfiles that the linter read.
        findings: the linter's.
    """

    assistant: str | None
    refusal: str
    files: tuple[Path, ...]
    findings: tuple[Finding, ...]


def observe_review(world: World) -> Review:
    """Ask for Docker AI; lint all Dockerfiles."""
    files = tuple(_path(world, name) for name in world.app.built())
    asked = world.docker("ai", "version", timeout=60, check=False)
    words = " ".join(asked.output.split())[:200]
    available = asked.returncode == 0
    return Review(words if available else None, "" if available else words, files, lint_all(world, files))


def judge_review(seen: Review) -> Verdict:
    """M5-AI-01: Docker AI is not available, which is on record, and the fallback linter finds no error."""
    if not seen.files:
        return failed("No Dockerfile is built here", judged=0, of_what="Dockerfiles")
    if seen.assistant is not None:
        return inconclusive(
            f"Docker AI is available ({seen.assistant}), and none of its answers is on record. Ask it about each Dockerfile"
        )
    errors = [finding for finding in seen.findings if finding.level is Level.ERROR]
    faults = [Fault("hadolint", f"{finding.code}: {finding.message}", "no error", "Mend it", finding.place) for finding in errors]
    told = [Evidence(f"Docker AI is not available: {seen.refusal}"), Evidence(_counted(seen))]
    told += [Evidence(str(finding), place=finding.place) for finding in seen.findings if finding.level is not Level.ERROR]
    return judge(len(seen.files), "Dockerfiles", faults, evidence=told)


def _counted(seen: Review) -> str:
    counts: Mapping[Level, int] = {level: sum(finding.level is level for finding in seen.findings) for level in Level}
    return f"the fallback hadolint read {len(seen.files)} Dockerfiles: " + ", ".join(
        f"{count} {level}" for level, count in counts.items()
    )
