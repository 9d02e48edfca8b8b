"""Variables that a program reads, by its sources, and those that its documents speak of (M1-ENV-02)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.app import App
from seatrial.chart.workloads import environment, references
from seatrial.checks.contexts import files_of
from seatrial.checks.found import parts
from seatrial.checks.markdown import Row, read_page
from seatrial.checks.sources import TESTS
from seatrial.errors import Place
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

NAME = re.compile(r"[A-Z][A-Z0-9_]*")
SCRIPTS = (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx")
ENVIRONMENTS = frozenset({"environ", "environment", "env"})
"""What mappings of variables are called."""
NEXT_SERVER = ("PORT", "HOSTNAME")
"""What Next.js's standalone server reads by itself (nextjs.org/docs/app/api-reference/config/next-config-js/output)."""
NAMED = ("NEXT_PUBLIC_API_URL", "DATABASE_URL", "OPENAI_API_KEY", "BETTER_AUTH_SECRET")
COLUMNS = ("variable", "purpose", "default", "required")
SOURCES = ("configmap", "secret", "the image", "next.js")
"""Where a value comes from."""
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)
_DIRECT = re.compile(r"\bprocess\.env(?:\.|\[[\"'])([A-Z][A-Z0-9_]*)")
_ALIAS = re.compile(r"\b(\w+)\s*(?::\s*[\w.]+\s*)?=\s*process\.env\b(?![.\[])")


@dataclass(frozen=True)
class Documented:
    """One component's variables.

    Attributes:
        component: its name.
        read: variable -> where the code reads it.
        document: with the table; None where there is none.
        rows: of the table, by variable.
        given: variable -> ``ConfigMap`` or ``Secret``, as the rendered chart gives it.
        unparsed: files that could not be read for variables.
    """

    component: str
    read: Mapping[str, Place]
    document: Path
    rows: Mapping[str, Row] | None
    given: Mapping[str, str]
    unparsed: tuple[str, ...] = ()


def observe_variables(world: World) -> list[Documented]:
    """Read sources, documents and the rendered chart of frontend and backend."""
    app = world.app
    found = []
    for part in parts(app, world.rendered, "frontend", "backend"):
        component = app.components[part.name]
        if component.source is None:
            continue
        folder = app.path(component.source)
        read, unparsed = variables_of(folder, files_of(folder))
        document = document_of(app, part.name)
        assert document is not None, "it has sources"
        given: dict[str, str] = {}
        for item in part.workloads:
            for container in part.main(item):
                given |= dict.fromkeys(environment(container), "Deployment")
                for reference in references(item.raw):
                    if reference.container == container.name and reference.kind in ("ConfigMap", "Secret"):
                        held = world.rendered.find(reference.kind, reference.name)
                        keys = [reference.key] if reference.key else list((held.raw.get("data") or {}) if held else ())
                        given |= {str(key): reference.kind for key in keys}
        found.append(Documented(part.name, read, document, rows_of(app, part.name), given, unparsed))
    return found


def document_of(app: App, component: str) -> Path | None:
    """The document with a component's variables, whether it is there or not; None where nothing says which it is."""
    source = app.components[component].source
    document = app.documents.environment.get(component, source / "README.md" if source else None)
    return app.path(document) if document else None


def rows_of(app: App, component: str) -> dict[str, Row] | None:
    """The table of a component's variables, by variable; None where there is none."""
    document = document_of(app, component)
    table = read_page(document).table("variable") if document is not None and document.is_file() else None
    return {row.cells.get("variable", ""): row for row in table.rows} if table else None


def variables_of(folder: Path, names: Iterable[str]) -> tuple[dict[str, Place], tuple[str, ...]]:
    """Variables that a folder's code reads, each with the first place, and files that cannot be parsed. Tests are left out."""
    found: dict[str, Place] = {}
    unparsed: list[str] = []
    own = sorted(name for name in names if not TESTS & set(Path(name).parts))
    for name in own:
        path = folder / name
        if name.endswith(".py"):
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"), name)
            except (SyntaxError, ValueError):
                unparsed.append(name)
                continue
            for variable, line in python_variables(tree):
                found.setdefault(variable, Place(path, line))
        elif name.endswith(SCRIPTS):
            for variable, line in script_variables(path.read_text(encoding="utf-8", errors="replace")):
                found.setdefault(variable, Place(path, line))
    config = next((name for name in own if re.fullmatch(r"next\.config\.\w+", name)), None)
    for variable in NEXT_SERVER if config else ():
        found.setdefault(variable, Place(folder / str(config)))
    return found, tuple(unparsed)


def python_variables(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Constants that are looked up in an environment, also by a function that is handed the name."""
    handed: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            for key in filter(None, map(_looked_up, ast.walk(node))):
                if isinstance(key, ast.Name) and key.id in names:
                    handed[node.name] = names.index(key.id)
    for node in ast.walk(tree):
        constant = _looked_up(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in handed:
            place = handed[node.func.id]
            constant = node.args[place] if place < len(node.args) else None
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str) and NAME.fullmatch(constant.value):
            yield constant.value, constant.lineno


def _looked_up(node: ast.AST) -> ast.expr | None:
    """The key of ``os.environ[key]``, ``environment.get(key)``, ``os.getenv(key)``."""
    if isinstance(node, ast.Subscript) and _called(node.value) in ENVIRONMENTS:
        return node.slice
    if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Attribute):
        if node.func.attr in ("get", "pop", "setdefault") and _called(node.func.value) in ENVIRONMENTS:
            return node.args[0]
        if node.func.attr == "getenv":
            return node.args[0]
    if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name) and node.func.id == "getenv":
        return node.args[0]
    return None


def _called(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def script_variables(text: str) -> Iterator[tuple[str, int]]:
    """Variables of ``process.env``, also where it goes by another name."""
    code = COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    patterns: Sequence[re.Pattern[str]] = [
        _DIRECT,
        *(re.compile(rf"\b{re.escape(alias)}\.([A-Z][A-Z0-9_]*)\b") for alias in sorted(set(_ALIAS.findall(code)))),
    ]
    for pattern in patterns:
        for match in pattern.finditer(code):
            yield match[1], code.count("\n", 0, match.start()) + 1


def judge_variables(seen: Sequence[Documented]) -> Verdict:
    """M1-ENV-02: what is read is documented, what is documented is read, and each row says all and nothing wrong."""
    faults: list[Fault] = []
    told: list[Evidence] = []
    judged = 0
    for each in seen:
        if each.rows is None:
            place = Place(each.document)
            faults.append(Fault(each.component, "no table of variables", "one with a column `variable`", "Write it", place))
            continue
        judged += len(set(each.read) | set(each.rows))
        faults += _differences(each, each.rows)
        for name in each.unparsed:
            mend = "Mend it, so that its variables can be found"
            faults.append(Fault(each.component, f"{name} cannot be parsed", "Python", mend))
        named = [name for name in NAMED if name in each.read]
        told.append(Evidence(f"{each.component} reads {', '.join(sorted(each.read))}; of those that must be told: {named}"))
    return judge(judged, "variables", faults, evidence=told)


def _differences(seen: Documented, rows: Mapping[str, Row]) -> Iterator[Fault]:
    for name, place in sorted(seen.read.items()):
        if name not in rows:
            wanted = f"a row in {seen.document.name}"
            yield Fault(f"{seen.component} / {name}", "the code reads it, no document says so", wanted, "Add it", place)
    for name, row in rows.items():
        place = Place(seen.document, row.line)
        subject = f"{seen.component} / {name or 'a row without a name'}"
        if name not in seen.read:
            yield Fault(subject, "a row for it, and no code that reads it", "none", "Remove or correct the row", place)
            continue
        for column in COLUMNS:
            if not row.cells.get(column):
                yield Fault(subject, f"nothing under {column!r}", "what is so", "Fill it in", place)
        said = next((text for column, text in row.cells.items() if column.startswith("source")), "").lower()
        given = seen.given.get(name, "").lower()
        if not said.startswith(SOURCES):
            yield Fault(
                subject, f"source {said or 'nothing'!r}", "ConfigMap, Secret or the image", "Say where it comes from", place
            )
        elif given in ("configmap", "secret") and said.startswith(("configmap", "secret")) and not said.startswith(given):
            yield Fault(subject, f"source {said!r}", f"{given}, as the chart has it", "Correct the row or the chart", place)
