"""File name patterns as Go's ``filepath.Match`` reads them, and the two ignore files that are made of them.

Sources: moby/patternmatcher for ``.dockerignore``, Helm's ``internal/ignore`` for ``.helmignore``. Neither is a ``.gitignore``: a
pattern without a slash stands for the top folder only in the first, and for every folder in the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

MAX_PATTERNS = 10_000
"""How many lines of an ignore file count."""
PAGE_FILE = re.compile(r".+\.(?:[jt]sx?|mjs|vue|svelte|html?|ejs)")
"""Files that hold scripts of pages."""
PACKAGE = "package.json"
"""What a package of scripts needs."""
MAX_PAGE_BYTES = 200_000
"""No script of a page that a person writes is larger."""


def expression(pattern: str) -> re.Pattern[str]:
    """A Go pattern, in which ``**`` stands for any number of folders, as a regular expression for a whole path.

    A pattern that Go would refuse matches nothing but its own text.
    """
    try:
        return re.compile(_translated(pattern), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))


def _translated(pattern: str) -> str:
    found: list[str] = []
    index = 0
    while index < len(pattern):
        rest = pattern[index:]
        if rest.startswith("**/"):
            token, length = "(?:[^/]+/)*", 3
        elif rest.startswith("**"):
            token, length = ".*", 2
        elif rest[0] == "*":
            token, length = "[^/]*", 1
        elif rest[0] == "?":
            token, length = "[^/]", 1
        elif rest[0] == "[" and (closing := rest.find("]", 2)) > 0:
            inside = rest[1:closing].replace("\\", "\\\\").replace("[", "\\[")
            token, length = f"[{'^' + inside[1:] if inside[0] in '^!' else inside}]", closing + 1
        elif rest[0] == "\\" and len(rest) > 1:
            token, length = re.escape(rest[1]), 2
        else:
            token, length = re.escape(rest[0]), 1
        found.append(token)
        index += length
    return "".join(found)


@dataclass(frozen=True)
class Rule:
    """One line of an ignore file.

    Attributes:
        pattern: without its ``!``, leading and trailing slashes.
        keeps: it began with ``!``: what it matches is not ignored after all.
        folders: it ended with a slash.
        anchored: it speaks of the whole path, not of the last part only.
    """

    pattern: str
    keeps: bool = False
    folders: bool = False
    anchored: bool = True

    @cached_property
    def expression(self) -> re.Pattern[str]:
        return expression(self.pattern)

    def matches(self, name: str) -> bool:
        return self.expression.fullmatch(name if self.anchored else name.rpartition("/")[2]) is not None


class DockerIgnore:
    """A ``.dockerignore``: what of a build context the engine is not given.

    Args:
        text: of the file; an empty one ignores nothing.
    """

    def __init__(self, text: str) -> None:
        self.rules = [_docker_rule(line) for line in _lines(text)]

    def ignores(self, name: str) -> bool:
        """Whether a path, relative to the context, stays outside: the last line that matches it or a folder above it decides."""
        paths = [name, *(str(parent) for parent in PurePosixPath(name).parents if str(parent) != ".")]
        ignored = False
        for rule in self.rules:
            if rule.keeps == ignored and any(rule.matches(path) for path in paths):
                ignored = not rule.keeps
        return ignored


def _docker_rule(line: str) -> Rule:
    keeps = line.startswith("!")
    text = line.removeprefix("!").strip() if keeps else line
    return Rule(str(PurePosixPath("/", text)).lstrip("/") or ".", keeps=keeps)


class HelmIgnore:
    """A ``.helmignore``: what of a chart's folder is no part of the chart.

    Args:
        text: of the file.
    """

    def __init__(self, text: str = "") -> None:
        self.rules = [_helm_rule(line) for line in ["templates/.?*", *_lines(text)]]

    def ignores(self, name: str, *, folder: bool = False) -> bool:
        """Whether Helm leaves a path, relative to the chart, and all that is below it."""
        parts = PurePosixPath(name).parts
        above = ["/".join(parts[: count + 1]) for count in range(len(parts) - 1)]
        return any(self._ignores_one(path, True) for path in above) or self._ignores_one(name, folder)

    def _ignores_one(self, name: str, folder: bool) -> bool:
        return any(_helm_ignores(rule, name, folder) for rule in self.rules)


def _helm_ignores(rule: Rule, name: str, folder: bool) -> bool:
    matches = rule.matches(name) and (folder or not rule.folders)
    return matches != rule.keeps  # so it is in Helm: a line with ``!`` ignores whatever it does not match


def _helm_rule(line: str) -> Rule:
    keeps = line.startswith("!")
    text = line.removeprefix("!") if keeps else line
    folders = text.endswith("/")
    text = text.removesuffix("/")
    return Rule(text.lstrip("/"), keeps=keeps, folders=folders, anchored="/" in text)


def _lines(text: str) -> Iterable[str]:
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines()[:MAX_PATTERNS])
    return [line for line in lines if line and not line.startswith("#") and line != "!"]
