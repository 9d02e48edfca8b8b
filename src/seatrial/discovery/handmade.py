"""Secrets and ConfigMaps that people make by hand, as far as a repository's documents, scripts and workflows say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from seatrial.discovery.tree import Tree, text_of

_DOCUMENTS = frozenset({".md", ".rst", ".adoc", ".txt", ".sh", ".bash", ".ps1", ".mk"})
_NAMES = frozenset({"Makefile", "Justfile", "Taskfile.yml", "Jenkinsfile", "Tiltfile"})
_WORKFLOWS = frozenset({".github", ".gitlab-ci.yml", ".circleci", "azure-pipelines.yml"})
_OPTIONS = r"(?:-{1,2}\S+\s+(?:[\w.][\w.-]*\s+)?)*"
_CREATES = re.compile(
    rf"\bcreate\s+{_OPTIONS}(?P<kind>secret(?=\s+{_OPTIONS}(?:generic|tls|docker-registry)\s)|configmap|cm)\s+{_OPTIONS}"
    rf"(?:(?:generic|tls|docker-registry)\s+)?{_OPTIONS}(?P<name>[a-z0-9][a-z0-9.-]*)"
)
"""``kubectl -n shop create secret generic NAME``, wherever the options stand."""
_CALLED = re.compile(r"\b(?P<kind>secret|configmap)\s+(?:called|named)\s+[\"'`*]+(?P<name>[a-z0-9][a-z0-9.-]*)[\"'`*]", re.I)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap", "cm": "ConfigMap"}
_TYPES = frozenset({"generic", "tls", "docker-registry"})
_CONTINUED = re.compile(r"[\\`^]\s*\n\s*")


def made_by_hand(tree: Tree) -> Mapping[tuple[str, str], str]:
    """(kind, name) of every Secret and ConfigMap that a document says how to create -> where it says so."""
    found: dict[tuple[str, str], str] = {}
    for name in tree.own:
        path = PurePosixPath(name)
        if path.suffix.lower() in _DOCUMENTS or path.name in _NAMES or _WORKFLOWS & {*path.parts}:
            for kind, called in _made(text_of(tree.root / name) or ""):
                found.setdefault((kind, called), f"made beforehand, as {name} says")
    return found


def _made(text: str) -> Iterator[tuple[str, str]]:
    if "create" in text or "Create" in text:
        joined = _CONTINUED.sub(" ", text)
        for pattern in (_CREATES, _CALLED):
            for match in pattern.finditer(joined):
                if match["name"] not in _TYPES:
                    yield _KINDS[match["kind"].lower()], match["name"]
