"""Secrets, ConfigMaps and accounts that people make by hand, as far as a repository's documents, scripts and workflows say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from seatrial.discovery.tree import Tree, text_of

_DOCUMENTS = frozenset({".md", ".rst", ".adoc", ".txt", ".sh", ".bash", ".ps1", ".mk"})
_NAMES = frozenset({"Makefile", "Justfile", "Taskfile.yml", "Jenkinsfile", "Tiltfile"})
_WORKFLOWS = frozenset({".github", ".gitlab-ci.yml", ".circleci", "azure-pipelines.yml"})
_OPTIONS = r"(?:-{1,2}\S+\s+(?:(?:[\w.][\w.-]*|\$\{?\w+\}?|\"[^\"\s]*\")\s+)?)*"
_CREATES = re.compile(
    rf"\bcreate\s+{_OPTIONS}(?P<kind>secret(?=\s+{_OPTIONS}(?:generic|tls|docker-registry)\s)|configmap|cm|serviceaccount|sa)\s+{_OPTIONS}"
    rf"(?:(?:generic|tls|docker-registry)\s+)?{_OPTIONS}(?P<name>[a-z0-9][a-z0-9.-]*)(?P<open>\$)?"
)
"""``kubectl -n shop create secret generic NAME``, wherever the options stand."""
_CALLED = re.compile(r"\b(?P<kind>secret|configmap)\s+(?:called|named)\s+[\"'`*]+(?P<name>[a-z0-9][a-z0-9.-]*)[\"'`*]", re.I)
_ASSIGNED = re.compile(
    r"^\s*(?:export\s+)?(?P<name>[A-Z_][A-Z0-9_]*)=(?P<quote>[\"']?)(?P<value>[a-z0-9][a-z0-9.-]*)(?P=quote)\s*$", re.M
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_KINDS = {
    "secret": "Secret",
    "configmap": "ConfigMap",
    "cm": "ConfigMap",
    "serviceaccount": "ServiceAccount",
    "sa": "ServiceAccount",
}
_TYPES = frozenset({"generic", "tls", "docker-registry"})
_CONTINUED = re.compile(r"[\\`^]\s*\n\s*")


def made_by_hand(tree: Tree) -> Mapping[tuple[str, str], str]:
    """(kind, name) of everything that a document says how to create -> where it says so.

    A name that ends with ``*`` is the beginning of one: a loop made the rest.
    """
    found: dict[tuple[str, str], str] = {}
    for name, text in documents(tree):
        for kind, called in _made(text):
            found.setdefault((kind, called), f"made beforehand, as {name} says")
    return found


def documents(tree: Tree) -> Iterator[tuple[str, str]]:
    """Name and text of everything that tells people or pipelines what to do."""
    for name in tree.own:
        path = PurePosixPath(name)
        if path.suffix.lower() in _DOCUMENTS or path.name in _NAMES or _WORKFLOWS & {*path.parts}:
            yield name, text_of(tree.root / name) or ""


def _made(text: str) -> Iterator[tuple[str, str]]:
    if "create" in text or "Create" in text:
        joined = _filled_in(_CONTINUED.sub(" ", text))
        for pattern in (_CREATES, _CALLED):
            for match in pattern.finditer(joined):
                if match["name"] not in _TYPES:
                    begun = "*" if match.groupdict().get("open") else ""
                    yield _KINDS[match["kind"].lower()], f"{match['name']}{begun}"


def set_once(assignment: re.Pattern[str], text: str) -> Mapping[str, str]:
    """The variables that a script sets once and for all.

    Args:
        assignment: with the groups ``name`` and ``value``.
    """
    values: dict[str, set[str]] = {}
    for match in assignment.finditer(text):
        values.setdefault(match["name"], set()).add(match["value"])
    return {name: each.pop() for name, each in values.items() if len(each) == 1}


def _filled_in(text: str) -> str:
    """A script with the variables that it sets itself, once and for all."""
    known = set_once(_ASSIGNED, text)
    return _VARIABLE.sub(lambda match: known.get(match[1] or match[2], match[0]), text) if known else text
