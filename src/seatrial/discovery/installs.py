"""How people install the charts of a repository, as far as its documents, scripts, pipelines and Argo CD's applications say.

What a release is called, which values files it is given, and what is set on the command line: a chart whose values come from
there is not wrong because its own values.yaml lacks them.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from seatrial.chart.yamlstream import StreamError, read, walk
from seatrial.discovery.charts import FoundChart
from seatrial.discovery.documents import Document
from seatrial.discovery.tree import Tree, text_of

Key = tuple[str, ...]

_COMMAND = re.compile(r"\bhelm3?\s+(?:upgrade|install)\s+(?P<rest>[^\n]*)")
_CD = re.compile(r"^[ \t]*(?:[-$>]\s*|RUN\s+|run:\s*)?(?:cd|pushd|Set-Location)\s+[\"']?(?P<to>[^\s\"'&;|]+)", re.MULTILINE)
_RELEASE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?\Z")
_WITH_VALUE = frozenset(
    {
        "-f", "--values", "--set", "--set-string", "--set-file", "--set-json", "--set-literal", "-n", "--namespace", "--version",
        "--timeout", "--repo", "--kube-context", "--kubeconfig", "--post-renderer", "-o", "--output", "--history-max",
        "--description", "--username", "--password", "--ca-file", "--cert-file", "--key-file", "--keyring", "-l", "--labels",
    }
)  # fmt: skip
_SETS = frozenset({"--set", "--set-string", "--set-file", "--set-json", "--set-literal"})
_ENDS = frozenset({"&&", "||", "|", ";", ">", "2>&1", "#"})
_APPLICATION = re.compile(r"^kind:\s*Application\s*$", re.MULTILINE)
_PAIR = re.compile(r"(?P<key>[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True)
class Install:
    """One way in which a chart is installed.

    Attributes:
        folder: of the chart; None for a chart from elsewhere.
        release: what it is called; empty where that is not told.
        namespace: where it is put; empty where that is not told.
        by_helm: Helm is told so, which keeps its release in that namespace.
        values: values files, in order.
        given: values that are set beside them, each with what it is set to; None where that is known only then.
        foreign: it is a chart of somebody else's repository.
        told_by: the document that says so; empty for Argo CD's own.
    """

    folder: Path | None
    release: str
    namespace: str
    by_helm: bool
    values: tuple[Path, ...] = ()
    given: tuple[tuple[Key, Any], ...] = ()
    foreign: bool = False
    told_by: str = ""


def all_installs(tree: Tree, charts: Sequence[FoundChart], documents: Iterable[Document]) -> tuple[Install, ...]:
    """Every installation that the repository tells of."""
    return (*_by_helm(tree, charts, documents), *_by_argo(tree, charts))


def foreign_releases(told: Iterable[Install]) -> Mapping[tuple[str, str], str]:
    """(kind, name) of the Services that charts of other repositories make under the names of their releases -> who says so.

    A name that ends with ``*`` is the beginning of one.
    """
    found: dict[tuple[str, str], str] = {}
    for each in told:
        if each.foreign and each.release:
            how = f"made by the release {each.release} of another chart, as {each.told_by} says"
            found |= {("Service", each.release): how, ("Service", f"{each.release}-*"): how}
    return found


def with_installs(charts: Sequence[FoundChart], told: Sequence[Install]) -> tuple[FoundChart, ...]:
    """Charts with what is known of their installation."""
    foreign = {file for each in told if each.folder is None for file in each.values}
    return tuple(_known(chart, [each for each in told if each.folder == chart.folder], foreign) for chart in charts)


def _known(chart: FoundChart, told: Sequence[Install], foreign: Iterable[Path]) -> FoundChart:
    called = Counter(each.release for each in told if each.release)
    put = Counter(each.namespace for each in told)
    given: dict[tuple[Path, ...], dict[Key, Any]] = {}
    into: dict[tuple[Path, ...], frozenset[str]] = {}
    for each in told:
        files = tuple(file for file in each.values if file != chart.defaults)
        with_these = given.setdefault(files, {})
        for key, value in each.given:
            with_these[key] = value if with_these.get(key) is None else with_these[key]
        into[files] = into.get(files, frozenset()) | ({each.namespace} if each.by_helm and each.namespace else frozenset())
    sets = tuple(files for files in given if files)
    used = {file for files in sets for file in files}
    alone = {files[0] for files in sets if len(files) == 1}
    return replace(
        chart,
        values=tuple(file for file in chart.values if file not in (used - alone if file in used else foreign)),
        sets=sets,
        release=called.most_common(1)[0][0] if called else "",
        namespace=put.most_common(1)[0][0] if put else "",
        into=into,
        given=given,
        bare=any(not each.values and not each.given for each in told),
        by_helm=not told or any(each.by_helm for each in told),
    )


# what people type


def _by_helm(tree: Tree, charts: Sequence[FoundChart], documents: Iterable[Document]) -> Iterator[Install]:
    """Every ``helm install`` and ``helm upgrade`` of the documents, scripts and pipelines."""
    for document in documents:
        if "helm" in document.text:
            yield from _commands(document, tree, charts)


def _commands(document: Document, tree: Tree, charts: Sequence[FoundChart]) -> Iterator[Install]:
    folder, joined = PurePosixPath(document.name).parent, document.joined
    moves = [(match.start(), match["to"]) for match in _CD.finditer(joined)]
    for match in _COMMAND.finditer(joined):
        words = _words(document.filled_in(match["rest"].partition("`")[0]))
        names, options = _parsed(words)
        if len(names) < 2:
            continue
        gone = next((to for at, to in reversed(moves) if at < match.start()), "")
        places = [folder / gone, PurePosixPath(gone), folder, PurePosixPath()]
        chart = _chart(names[1], places, tree, charts)
        values = [file for option, value in options if option in ("-f", "--values") for file in value.split(",")]
        base = [*places, PurePosixPath(chart.folder.relative_to(tree.root).as_posix())] if chart else places
        given = [pair for option, value in options if option in _SETS for pair in _settings(value, literal=option == "--set")]
        yield Install(
            chart.folder if chart else None,
            names[0] if _RELEASE.match(names[0]) else "",
            next((value for option, value in options if option in ("-n", "--namespace") and _RELEASE.match(value)), ""),
            True,
            tuple(found for file in values if (found := _file(file, base, tree)) is not None),
            tuple(given),
            chart is None and _is_foreign(names[1], tree),
            document.name,
        )


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:  # a quote that is closed on a later line
        words = text.replace('"', " ").replace("'", " ").split()
    end = next((number for number, word in enumerate(words) if word in _ENDS or word.endswith(";")), len(words))
    return [*words[:end], *([words[end].rstrip(";")] if end < len(words) and words[end] not in _ENDS else [])]


def _parsed(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Words that are no option, and options with their value."""
    names: list[str] = []
    options: list[tuple[str, str]] = []
    rest = iter(words)
    for word in rest:
        option, sign, value = word.partition("=")
        if not word.startswith("-"):
            names.append(word.strip("`"))
        elif option in _WITH_VALUE:
            options.append((option, value if sign else next(rest, "")))
        elif word.startswith("-f") and len(word) > 2:
            options.append(("-f", word[2:]))
    return names, options


def _settings(text: str, *, literal: bool) -> Iterator[tuple[Key, Any]]:
    """``a.b=1,c=$X``: keys with what they are set to, None where a variable says it; lists and escapes are left out."""
    for part in re.split(r"(?<!\\),", text):
        match = _PAIR.fullmatch(part.strip())
        if match and "\\" not in match["key"]:
            value = match["value"].strip()
            yield tuple(match["key"].split(".")), _literal(value, literal)


def _literal(value: str, literal: bool) -> Any:
    if not value or re.search(r"[$<>{}]", value):
        return None
    try:
        found = yaml.safe_load(value) if literal else value
    except yaml.YAMLError:
        return None
    return found if isinstance(found, str | int | float | bool) else None


def _chart(word: str, places: Sequence[PurePosixPath], tree: Tree, charts: Sequence[FoundChart]) -> FoundChart | None:
    """The chart of the repository that a command names: from where it is typed, else by how its folder's path ends."""
    folders = {chart.folder: chart for chart in charts}
    if "://" in word:
        return None
    for place in places if "$" not in word else ():
        if found := folders.get((tree.root / place / word).resolve()):
            return found
    parts = PurePosixPath(re.sub(r"^(?:\$\{?\w+\}?|\.{1,2}|~)?/+", "", word)).parts
    while parts and (parts[0] in (".", "..") or "$" in parts[0]):
        parts = parts[1:]
    if not parts:
        return charts[0] if len(charts) == 1 and word.rstrip("/") in (".", "..") else None
    ending = [chart for folder, chart in folders.items() if folder.relative_to(tree.root).parts[-len(parts) :] == parts]
    rooted = word.startswith((".", "/", "$")) or len(parts) > 2 or not _is_of_a_repository(parts)
    return ending[0] if len(ending) == 1 and rooted else None


def _is_of_a_repository(parts: Sequence[str]) -> bool:
    """Whether it may be ``bitnami/redis``, a chart of a chart repository that was added under a name."""
    return len(parts) == 2


def _is_foreign(word: str, tree: Tree) -> bool:
    """Whether what a command installs is a chart of a chart repository or registry, and no path of this repository."""
    if "://" in word:
        return True
    parts = PurePosixPath(word).parts
    rooted = word.startswith((".", "/", "~", "$")) or not _is_of_a_repository(parts)
    return not rooted and not any(name.startswith(f"{parts[0]}/") for name in tree.own)


def _file(word: str, places: Sequence[PurePosixPath], tree: Tree) -> Path | None:
    for place in places if "$" not in word and "://" not in word else ():
        file = (tree.root / place / word).resolve()
        if file.is_relative_to(tree.root) and tree.name(file) in tree.known and file.is_file():
            return file
    return None


# what Argo CD is told


def _by_argo(tree: Tree, charts: Sequence[FoundChart]) -> Iterator[Install]:
    """Every Application of Argo CD whose source is a chart of the repository."""
    folders = {chart.folder: chart for chart in charts}
    for name in tree.own:
        if not name.endswith((".yaml", ".yml")):
            continue
        text = text_of(tree.root / name) or ""
        if "argoproj.io/" in text and _APPLICATION.search(text):
            for data in _applications(text):
                for source in _sources(data):
                    chart = folders.get((tree.root / str(source.get("path") or "-")).resolve())
                    if chart is not None:
                        yield _application(data, source, chart, tree)


def _applications(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        documents = read(text)
    except StreamError:
        return
    for document in documents:
        if isinstance(document.data, dict) and document.data.get("kind") == "Application":
            yield document.data


def _sources(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    spec = _map(data.get("spec"))
    listed = spec.get("sources")
    yield from (_map(each) for each in [spec.get("source"), *(listed if isinstance(listed, list) else [])])


def _application(data: Mapping[str, Any], source: Mapping[str, Any], chart: FoundChart, tree: Tree) -> Install:
    told = _map(source.get("helm"))
    release = str(told.get("releaseName") or _map(data.get("metadata")).get("name") or "")
    place = [PurePosixPath(chart.folder.relative_to(tree.root).as_posix()), PurePosixPath()]
    files = told.get("valueFiles")
    values = tuple(
        found for word in (files if isinstance(files, list) else []) if (found := _file(str(word), place, tree)) is not None
    )
    listed = told.get("parameters")
    given: list[tuple[Key, Any]] = []
    for each in listed if isinstance(listed, list) else []:
        entry = _map(each)
        if "\\" not in str(entry.get("name")):
            given.append((tuple(str(entry.get("name")).split(".")), _literal(str(entry.get("value", "")), literal=True)))
    inline = told.get("valuesObject") or _inline(told.get("values"))
    for path, value in walk(_map(inline)):
        keys = tuple(step for step in path if isinstance(step, str))
        if keys == path:  # of a list, nothing is known to stand there before
            given.append((keys, value))
    namespace = str(_map(_map(data.get("spec")).get("destination")).get("namespace") or "")
    called, put = (name if _RELEASE.match(name) else "" for name in (release, namespace))
    return Install(chart.folder, called, put, False, values, tuple(given))


def _inline(text: Any) -> Any:
    try:
        documents = read(text) if isinstance(text, str) else []
    except StreamError:
        return {}
    return documents[0].data if documents else {}


def _map(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}
