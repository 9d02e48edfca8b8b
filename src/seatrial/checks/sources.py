"""Frontend and backend as their sources describe them (M1-SRC-01, M1-SRC-02).

``python -m seatrial.checks.sources [PATH]`` writes that description into the document that seatrial.yaml names as
``documents.analysis``, between its two markers.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from seatrial.app import App, Component, load_app
from seatrial.checks.contexts import files_of
from seatrial.errors import ConfigError, ExitCode, Place, SeatrialError
from seatrial.images.dockerfile import Dockerfile, read_dockerfile
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

BEGIN = "<!-- sources: made by python -m seatrial.checks.sources -->"
END = "<!-- end of sources -->"
REQUIREMENTS = ("requirements.in", "requirements.txt")
TESTS = frozenset({"tests", "test", "node_modules", ".next", "dist", "build", ".venv"})
_SETTINGS = re.compile(r".+\.(?:json|toml|ini|cfg|in|lock)|.+\.config\.\w+|Dockerfile|\.dockerignore|requirements.*\.txt")
_OFFICIAL = re.compile(r"(?:.*/)?(?P<name>node|python|postgres):v?(?P<version>\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Source:
    """What the sources of one component say.

    Attributes:
        folder: of the sources, relative to seatrial.yaml.
        names: its files that belong to the repository, relative to the folder.
        dependencies: direct dependency -> wanted version, as it is written; empty where any will do.
        dependency_file: where they stand; None where there is none.
        build: how it is built; None where nothing says.
        start: how the image starts it; None where nothing says.
        port: that the image exposes; None where it exposes none or several.
        runtime: name and version of what runs it, of the image's base: ``node``, ``22``.
        entry: for Python, the module that makes the FastAPI application; None where there is none.
        unparsed: Python files that cannot be parsed, with the reason.
    """

    folder: Path
    names: tuple[str, ...]
    dependencies: Mapping[str, str] = field(default_factory=dict)
    dependency_file: str | None = None
    build: str | None = None
    start: str | None = None
    port: int | None = None
    runtime: tuple[str, str] | None = None
    entry: str | None = None
    unparsed: tuple[tuple[str, str], ...] = ()

    @property
    def settings(self) -> tuple[str, ...]:
        """Files at the top of the folder that configure something."""
        return tuple(sorted(name for name in self.names if "/" not in name and _SETTINGS.fullmatch(name)))

    def rows(self) -> dict[str, str]:
        """The description, property by property, as the document has it."""
        listed = [f"{name} {version}".strip() for name, version in sorted(self.dependencies.items())]
        runtime = " ".join(self.runtime) if self.runtime else "unknown"
        rows = {
            "sources": self.folder.as_posix(),
            "port": str(self.port or "none"),
            "runtime": runtime,
            "dependencies": ", ".join(listed) or "none",
            "dependency file": self.dependency_file or "none",
            "build": self.build or "none",
            "start": self.start or "none",
            "configuration files": ", ".join(self.settings) or "none",
        }
        return rows if self.entry is None else {**rows, "entry module": self.entry}


def read_sources(app: App) -> dict[str, Source]:
    """The components of role frontend and backend whose sources are here.

    Raises:
        SeatrialError: a Dockerfile cannot be parsed.
    """
    chosen = {**app.having("frontend"), **app.having("backend")}
    return {name: read_source(app, part) for name, part in chosen.items() if part.source is not None}


def read_source(app: App, component: Component) -> Source:
    """What one component's sources say.

    Raises:
        SeatrialError: its Dockerfile cannot be parsed.
    """
    assert component.source is not None
    folder = app.path(component.source)
    names = tuple(files_of(folder)) if folder.is_dir() else ()
    image = component.image
    dockerfile = None
    if image.context is not None and (app.path(image.context) / image.dockerfile).is_file():
        dockerfile = read_dockerfile(app.path(image.context) / image.dockerfile, image.args)
    facts: dict[str, Any] = {"start": _start(dockerfile), "port": _port(dockerfile), "runtime": _runtime(dockerfile)}
    read = _node if component.role == "frontend" else _python
    return Source(component.source, names, **facts, **read(folder, names, dockerfile))


def _start(dockerfile: Dockerfile | None) -> str | None:
    for stage in dockerfile.ancestry() if dockerfile else ():
        parts = [(each[-1].exec_form or [each[-1].value]) for word in ("ENTRYPOINT", "CMD") if (each := stage.all(word))]
        if parts:
            return " ".join(word for part in parts for word in part)
    return None


def _port(dockerfile: Dockerfile | None) -> int | None:
    stages = dockerfile.ancestry() if dockerfile else []
    words = {word.partition("/")[0] for stage in stages for each in stage.all("EXPOSE") for word in each.value.split()}
    return int(only) if len(words) == 1 and (only := next(iter(words))).isdigit() else None


def _runtime(dockerfile: Dockerfile | None) -> tuple[str, str] | None:
    match = _OFFICIAL.match(dockerfile.final_base()) if dockerfile else None
    return (match["name"], match["version"]) if match else None


def _node(folder: Path, names: Sequence[str], dockerfile: Dockerfile | None) -> dict[str, Any]:
    if "package.json" not in names:
        return {}
    try:
        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except ValueError:
        return {}
    build = package.get("scripts", {}).get("build")
    found = {"dependencies": package.get("dependencies", {}), "dependency_file": "package.json"}
    return {**found, "build": f"npm run build ({build})" if build else None}


def _python(folder: Path, names: Sequence[str], dockerfile: Dockerfile | None) -> dict[str, Any]:
    listed = next((name for name in REQUIREMENTS if name in names), None)
    texts: list[str] = []
    if listed:
        texts = (folder / listed).read_text(encoding="utf-8").splitlines()
    elif "pyproject.toml" in names:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        listed, texts = ("pyproject.toml", project.get("dependencies", [])) if "dependencies" in project else (None, [])
    entry, unparsed = _entry(folder, names)
    found = {"dependencies": dict(_requirements(texts)), "dependency_file": listed}
    return {**found, "build": _installs(dockerfile), "entry": entry, "unparsed": unparsed}


def _requirements(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        text = line.partition(" #")[0].strip()
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue  # an option, a comment, or nothing
        extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
        yield wanted.name + extras, str(wanted.specifier)


def _installs(dockerfile: Dockerfile | None) -> str | None:
    """The step that installs what the backend stands on."""
    for stage in dockerfile.stages if dockerfile else ():
        for each in stage.all("RUN"):
            if match := re.search(r"\b(pip|uv)\b.*?\binstall\b.*?(-r|--requirement)[ =](\S+)", each.value):
                return f"{match[1]} install {match[2]} {match[3]}"
    return None


def _entry(folder: Path, names: Sequence[str]) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """The module that calls ``FastAPI(...)`` and can be imported as far as parsing tells, and files that cannot be parsed."""
    entry: str | None = None
    unparsed: list[tuple[str, str]] = []
    for name in (each for each in names if each.endswith(".py") and not TESTS & set(Path(each).parts)):
        try:
            tree = ast.parse((folder / name).read_text(encoding="utf-8"), name)
        except (SyntaxError, ValueError) as error:
            unparsed.append((name, str(error)))
            continue
        if entry is None and _makes_fastapi(tree):
            entry = ".".join(Path(name).with_suffix("").parts)
    return entry, tuple(unparsed)


def _makes_fastapi(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            named = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            if named == "FastAPI":
                return True
    return False


@dataclass(frozen=True)
class Layout:
    """What M1-SRC-01 is judged on.

    Attributes:
        sources: component -> what its sources say.
        without: components of role frontend or backend for which seatrial.yaml names no source.
        folders: what it is for -> folder that is configured, and whether it is there.
        missing: module of the backend's own code -> files that import it, where no file of the sources is that module.
    """

    sources: Mapping[str, tuple[str, Source]]
    without: tuple[str, ...]
    folders: Mapping[str, tuple[Path, bool]]
    missing: Mapping[str, str]


def observe_layout(world: World) -> Layout:
    """Read the sources, and look for the configured folders."""
    app = world.app
    sources = {name: (app.components[name].role, source) for name, source in read_sources(app).items()}
    wanted = {f"image of {name}": part.image.context for name, part in app.built().items() if part.image.context is not None}
    documents = app.documents
    wanted |= {"chart": app.chart.path, "tests": documents.tests, "documents": documents.folder, "reports": documents.reports}
    missing: dict[str, str] = {}
    for role, source in sources.values():
        if role == "backend":
            missing |= unresolved(app.path(source.folder), source.names)
    chosen = {**app.having("frontend"), **app.having("backend")}
    return Layout(
        sources=sources,
        without=tuple(name for name in chosen if name not in sources),
        folders={what: (folder, app.path(folder).is_dir()) for what, folder in wanted.items()},
        missing=missing,
    )


def unresolved(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Modules of a folder's own packages that some file imports and none is; each with that file."""
    own = {".".join(Path(name).with_suffix("").parts).removesuffix(".__init__") for name in names if name.endswith(".py")}
    tops = {module.partition(".")[0] for module in own}
    found: dict[str, str] = {}
    for name in (each for each in names if each.endswith(".py") and not TESTS & set(Path(each).parts)):
        try:
            tree = ast.parse((folder / name).read_text(encoding="utf-8"), name)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for module in modules:
                if module.partition(".")[0] in tops and module not in own:
                    found.setdefault(module, name)
    return found


def judge_layout(seen: Layout) -> Verdict:
    """M1-SRC-01: the sources hold what a build needs, the FastAPI module can be found by parsing, and the folders are there."""
    faults = [Fault(name, "no source in seatrial.yaml", "the folder of its sources", "Add `source`") for name in seen.without]
    told: list[Evidence] = []
    for name, (role, source) in seen.sources.items():
        faults += _source_faults(name, role, source)
        told.append(Evidence(f"{name}: {len(source.names)} files in {source.folder}, {len(source.dependencies)} dependencies"))
    for module, file in seen.missing.items():
        faults.append(Fault(file, f"it imports {module}, which no file is", "a module of the sources", "Mend the import"))
    for what, (folder, there) in seen.folders.items():
        if not there:
            faults.append(Fault(f"the folder for {what}", f"no {folder}", "a folder", "Make it, or correct seatrial.yaml"))
    return judge(len(seen.sources) + len(seen.folders), "folders", faults, evidence=told)


def _source_faults(name: str, role: str, source: Source) -> Iterator[Fault]:
    if not source.names:
        yield Fault(name, f"nothing in {source.folder}", "its sources", "Correct `source` in seatrial.yaml")
        return
    if role == "frontend":
        if source.dependency_file is None:
            yield Fault(name, "no readable package.json", "one", "Add it", Place(source.folder / "package.json"))
        elif source.build is None:
            yield Fault(name, "no build script in package.json", "scripts.build", "Add it", Place(source.folder / "package.json"))
        return
    if source.dependency_file is None:
        wanted = " or ".join((*REQUIREMENTS, "pyproject.toml with dependencies"))
        yield Fault(name, "no dependency file", wanted, "Add it", Place(source.folder))
    for file, error in source.unparsed:
        yield Fault(name, f"{file} cannot be parsed: {error}", "Python", "Mend it", Place(source.folder / file))
    if source.entry is None:
        yield Fault(name, "no module that calls FastAPI()", "the application's entry module", "Add it", Place(source.folder))


def description(sources: Mapping[str, Source]) -> str:
    """The generated part of the analysis: a table for each component."""
    parts = []
    for name, source in sources.items():
        rows = "\n".join(f"| {key} | {value} |" for key, value in source.rows().items())
        parts.append(f"## {name.capitalize()}\n\n| property | value |\n|---|---|\n{rows}")
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 where the document is up to date or was written."""
    parser = argparse.ArgumentParser(prog="python -m seatrial.checks.sources", description="What the sources say, as a document.")
    parser.add_argument("path", nargs="?", type=Path, default=Path(), help="seatrial.yaml, or the folder that holds it")
    options = parser.parse_args(arguments)
    try:
        app = load_app(options.path)
        page = app.path(app.documents.analysis)
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ConfigError("lacks the markers of the description", place=Place(page), todo=f"Add the lines {BEGIN} and {END}.")
        page.write_text(f"{before}{BEGIN}\n\n{description(read_sources(app))}\n\n{END}{after}", encoding="utf-8")
    except SeatrialError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
