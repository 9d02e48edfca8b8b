"""Helm's error messages as one sentence with the place in the chart.

Helm nests the causes of a failure from the outside in (``template: a.yaml:8:8: executing "a" at <include "b" .>: error calling
include: template: _helpers.tpl:35:73: executing "b" at <.Values.x.y>: nil pointer ...``); the innermost place and words are
what the author of the chart must mend. The forms below were recorded from Helm 3.19.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from seatrial.errors import ExitCode, Place, SeatrialError

MAX_WORDS = 400
"""Longest piece of Helm's own words, in characters, that a sentence repeats."""


class ChartError(SeatrialError):
    """A chart, or the values given to it, cannot be used; ``place`` is the template or values file and its line."""

    exit_code = ExitCode.UNMET


_PLACED = re.compile(
    r"(?P<kind>template|execution error at|parse error at|YAML parse error on)[:\s(]+"
    r"(?P<file>[^\s:()]+)(?P<at>(:\d+){0,2})\)?:\s*"
)
_EXECUTING = re.compile(r'^executing "[^"]*" at (?P<expression><.*?>): (?P<cause>.*)$', re.DOTALL)
_CALLING = re.compile(r"^error calling \w+: ")
_VALUES_FILE = re.compile(
    r"(?:failed to parse|cannot load) (?P<file>\S+): .*?yaml: (?:line (?P<line>\d+): )?(?P<cause>.*)$", re.DOTALL
)
_SCHEMA = re.compile(r"^- at '(?P<path>[^']*)': (?P<cause>.*)$", re.MULTILINE)
_RENDERED_LINE = re.compile(r"yaml: (?:line (?P<line>\d+): )?(?P<cause>.*)$", re.DOTALL)
_NIL = re.compile(r"nil pointer evaluating .*\.(?P<field>\w+)$")
_STARTED = re.compile(r"unclosed action started at \S+:(?P<line>\d+)")
_ACTION = re.compile(r"\{\{-?\s*(?:/\*.*?\*/|(?P<opens>if|with|range|define|block)\b|(?P<closes>end)\b)?.*?\}\}", re.DOTALL)
_PLAIN: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"^unexpected EOF"), "a block that is opened here is not closed by {{ end }}", "Add the {{ end }}."),
    (
        re.compile(r"^unexpected \{\{end\}\}"),
        "there is no block that this {{ end }} could close",
        "Take it out, or open the block.",
    ),
    (_STARTED, "the {{ is not closed by }}", "Add the }}."),
    (re.compile(r"^unterminated .*quoted string"), "a quotation mark is not closed", "Close it."),
    (re.compile(r"^missing value for (\w+)"), r"{{ \1 }} has nothing that it asks", "Write the value that decides."),
    (
        re.compile(r'^function "(\w+)" not defined'),
        r"Helm has no function \1",
        "Check the spelling; helpers are called by include.",
    ),
    (
        re.compile(r"^wrong type for value; expected string; got (.*)"),
        r"text is wanted, and it is given \1",
        "Give it text; `quote` makes text of a number.",
    ),
    (re.compile(r"^range can't iterate over (.*)"), r"a list or a map is wanted, and it is given \1", "Give it a list or a map."),
    (
        re.compile(r"json: cannot unmarshal (\w+) into Go value of type releaseutil.SimpleHead"),
        r"it is \1, and no object with apiVersion and kind",
        "Write an object, or rename the file to begin with _ where it is a helper.",
    ),
)
"""Helm's words, what they mean, and what to do; Helm's own stay behind, in brackets."""
_TYPES: Mapping[str, str] = {
    "map[string]interface {}": "a map", "[]interface {}": "a list", "interface {}": "nothing", "float64": "a number",
    "int64": "a number", "bool": "true or false", "string": "a text", "array": "a list",
}  # fmt: skip
_MISSING_SUBCHART = re.compile(r"missing in charts/ directory: (?P<names>.+)$", re.MULTILINE)


def explain(output: str, chart: Path) -> ChartError:
    """What Helm said of a chart, as one sentence.

    Args:
        output: Helm's standard error.
        chart: the chart's folder or archive; places are below it.
    """
    if re.search(r"^(fatal error|runtime): .*(out of memory|cannot allocate memory)", output, re.MULTILINE):
        return ChartError(
            "takes more memory to render than a chart may", place=Place(chart), todo="Look for a loop in its templates."
        )
    words = own_words(output)
    for reading in (_schema, _values_file, _placed, _dependencies, _whole_chart):
        fault = reading(words, chart)
        if fault is not None:
            return fault
    return ChartError(_short(words), place=Place(chart), todo="Run the same helm command by hand to see more.")


def own_words(output: str) -> str:
    """What Helm says is wrong: the part after ``Error:``, without its advice on --debug and the name of the failed action."""
    text = output.split("Error: ", 1)[-1].replace("Use --debug flag to render out invalid YAML", "")
    return re.sub(r"^(INSTALLATION|UPGRADE|ROLLBACK) FAILED: ", "", text.strip()) or "helm failed and said nothing"


def _schema(words: str, chart: Path) -> ChartError | None:
    if not words.startswith("values don't meet the specifications of the schema"):
        return None
    faults = [(_dotted(found["path"]), found["cause"]) for found in _SCHEMA.finditer(words)]
    if not faults:
        return ChartError(_short(words), place=Place(chart / "values.schema.json"))
    (path, cause), more = faults[0], len(faults) - 1
    message = f"the value {path} does not fit values.schema.json: {_short(cause)}" + (f" (and {more} more)" if more else "")
    return ChartError(message, place=Place(chart / "values.schema.json"), todo=f"Correct {path} in the values that are given.")


def _values_file(words: str, chart: Path) -> ChartError | None:
    found = _VALUES_FILE.search(words)
    if found is None:
        return None
    file = Path(found["file"])
    place = Place(chart / file if words.startswith("cannot load") else file, int(found["line"]) if found["line"] else None)
    return ChartError(f"is not YAML: {_short(found['cause'])}", place=place, todo="Mend the values file.")


def _placed(words: str, chart: Path) -> ChartError | None:
    places = list(_PLACED.finditer(words))
    files = [found for found in places if "/" in found["file"]]  # what tpl evaluates is in none
    if not files:
        return None
    cause = words[places[-1].end() :]
    place = _place(chart, files[-1]["file"], files[-1]["at"])
    if places[-1]["kind"] == "YAML parse error on":
        return _unreadable_output(cause, place)
    executing = _EXECUTING.match(cause)
    if executing is None:
        return _unreadable_template(cause, place)
    cause = _CALLING.sub("", executing["cause"])
    plain, todo = _nil(executing["expression"], cause) or in_plain_words(cause) or (_short(cause), _advice(cause))
    return ChartError(f"{executing['expression']} fails: {plain}", place=place, todo=todo)


def _unreadable_template(cause: str, place: Place) -> ChartError:
    """A template that cannot be parsed, at the line where what is wrong begins; and what an author says with ``fail``."""
    if place.column is not None:
        return ChartError(_short(cause), place=place)
    started = _STARTED.search(cause)
    line = int(started["line"]) if started else _opened(place.path) if cause.startswith("unexpected EOF") else None
    plain, todo = in_plain_words(cause) or (_short(cause), _advice(cause))
    return ChartError(plain, place=Place(place.path, line or place.line), todo=todo)


def _opened(template: Path) -> int | None:
    """Line of the first block that is never closed."""
    try:
        text = template.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    stack: list[int] = []
    for found in _ACTION.finditer(text):
        if found["opens"]:
            stack.append(text.count("\n", 0, found.start()) + 1)
        elif found["closes"] and stack:
            stack.pop()
    return stack[0] if stack else None


def _nil(expression: str, cause: str) -> tuple[str, str] | None:
    """A value that is read below one that nobody gives, and what to do."""
    found = _NIL.search(cause)
    read = re.match(rf"<(?P<above>.+)\.{found['field']}\b", expression) if found else None
    if read is None:
        return None
    values = re.fullmatch(r"\$?\.Values\.([\w.]+)", read["above"])
    todo = f"Give {values[1]} a default in values.yaml." if values else _advice(cause)
    return f"there is no {read['above']}, below which it reads ({_short(cause)})", todo


def in_plain_words(cause: str) -> tuple[str, str] | None:
    """What some words of Helm mean, and what to do; None for words that speak for themselves."""
    for pattern, plain, todo in _PLAIN:
        if found := pattern.search(cause):
            given = _TYPES.get(found[1].strip(), found[1].strip()) if found.re.groups and "\\1" in plain else ""
            return f"{plain.replace(chr(92) + '1', given)} ({_short(cause)})", todo
    return None


def _unreadable_output(cause: str, place: Place) -> ChartError:
    found = _RENDERED_LINE.search(cause)
    where = f" (line {found['line']} of what it renders)" if found and found["line"] else ""
    text = found["cause"] if found else cause
    plain, todo = in_plain_words(text) or (_short(text), "Check its indentation and quoting.")
    return ChartError(f"renders something that is not YAML{where}: {plain}", place=place, todo=todo)


def _dependencies(words: str, chart: Path) -> ChartError | None:
    found = _MISSING_SUBCHART.search(words)
    if found is None:
        return None
    names = found["names"].strip()
    missing = f"subcharts {names} are" if "," in names else f"subchart {names} is"
    message = f"the {missing} named in Chart.yaml and missing in charts/"
    return ChartError(message, place=Place(chart / "Chart.yaml"), todo="Run `helm dependency build` in the chart.")


def _whole_chart(words: str, chart: Path) -> ChartError | None:
    if words.startswith(("Chart.yaml file is missing", "validation: chart.metadata", "chart requires kubeVersion")):
        lacking = re.match(r"validation: chart\.metadata\.(\w+) is required", words)
        told = f"has no {lacking[1]}" if lacking else _short(words)
        todo = "Give it apiVersion: v2, name and version." if words.startswith("validation") else ""
        return ChartError(told, place=Place(chart / "Chart.yaml"), todo=todo)
    missing = re.match(r"open (?P<file>\S+): no such file", words)
    if missing:
        return ChartError("does not exist", place=Place(Path(missing["file"])), todo="Check the path of the values file.")
    if "in the form of repo_name" in words or "should be in form of repo_name" in words or re.match(r"path \S+ not found", words):
        return ChartError("no chart is here", place=Place(chart), todo="Check the chart's path: it must hold a Chart.yaml.")
    return None


def _place(chart: Path, file: str, at: str) -> Place:
    """Helm names files from the chart's name on: ``todo-app/charts/redis/templates/x.yaml``."""
    numbers = [int(number) for number in at.split(":") if number]
    line = numbers[0] if numbers else None
    column = numbers[1] + 1 if len(numbers) > 1 else None  # Helm counts columns from 0
    return Place(chart.joinpath(*Path(file).parts[1:]), line, column)


def _advice(cause: str) -> str:
    if "nil pointer" in cause:
        return "Give the value above it a default in values.yaml."
    if "no template" in cause:
        return "Check the spelling, and that the helper's file is in templates/."
    if "nested reference" in cause:
        return "The template includes itself: end the recursion."
    return ""


def _dotted(pointer: str) -> str:
    return pointer.strip("/").replace("/", ".") or "(all)"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_WORDS else line[:MAX_WORDS] + " ..."
