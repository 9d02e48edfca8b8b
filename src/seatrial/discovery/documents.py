"""What tells people and pipelines what to do: documents, scripts and workflows of a repository, with the variables they set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from seatrial.discovery.tree import Tree, text_of

_SUFFIXES = frozenset({".md", ".rst", ".adoc", ".txt", ".sh", ".bash", ".ps1", ".mk"})
_NAMES = frozenset({"Makefile", "Justfile", "Taskfile.yml", "Jenkinsfile", "Tiltfile"})
_PATTERN = re.compile(r".+\.ya?ml\.(?:example|sample|template|tmpl|tpl|dist)")
"""A manifest that is copied and filled in before it is applied; how, its comments tell."""
_WORKFLOWS = frozenset({".github", ".gitlab-ci.yml", ".circleci", "azure-pipelines.yml"})
_CONTINUED = re.compile(r"[ \t]*[\\`^][ \t]*\n[ \t]*")
_EXPRESSION = re.compile(r"\$\{\{[^{}\n]*\}\}|\$\([^()\n]*\s[^()\n]*\)")
"""What a pipeline or a shell puts in place of it; it may hold blanks."""
_ASSIGNED = re.compile(
    r"^[ \t]*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*[:?]?=\s*(?P<quote>[\"']?)(?P<value>[\w./-]+)(?P=quote)[ \t]*$", re.MULTILINE
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|\((\w+)\)|(\w+))")


@dataclass(frozen=True)
class Document:
    """A text that tells what to type, or types it.

    Attributes:
        name: of the file, relative to the tree's root.
        text: all of it.
    """

    name: str
    text: str

    @cached_property
    def joined(self) -> str:
        """The text with each command on one line, and what is only known when it runs as ``$X``."""
        return _EXPRESSION.sub("$X", _CONTINUED.sub(" ", self.text))

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """The variables that it sets once and for all."""
        values: dict[str, set[str]] = {}
        for match in _ASSIGNED.finditer(self.joined):
            values.setdefault(match["name"], set()).add(match["value"])
        return {name: each.pop() for name, each in values.items() if len(each) == 1}

    def filled_in(self, part: str) -> str:
        """A part of it with these variables in place."""
        if not self.variables:
            return part
        return _VARIABLE.sub(lambda match: self.variables.get(match[1] or match[2] or match[3], match[0]), part)


def documents(tree: Tree) -> Iterator[Document]:
    """Everything in a tree that tells people or pipelines what to do."""
    for name in tree.own:
        path = PurePosixPath(name)
        told = path.suffix.lower() in _SUFFIXES or path.name in _NAMES or _WORKFLOWS & {*path.parts}
        if told or (is_pattern(path.name) and "templates" not in path.parts):
            yield Document(name, text_of(tree.root / name) or "")


def is_pattern(name: str) -> bool:
    """Whether a file is the pattern of a manifest: ``secret.yaml.example``."""
    return _PATTERN.fullmatch(name.lower()) is not None
