"""Secrets, ConfigMaps and accounts that people make by hand, as far as a repository's documents, scripts and workflows say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from seatrial.chart.yamlstream import StreamError, read
from seatrial.discovery.documents import Document, is_pattern

_OPTIONS = r"(?:-{1,2}\S+\s+(?:(?:[\w.][\w.-]*|\$\{?\w+\}?|\"[^\"\s]*\")\s+)?)*"
_CREATES = re.compile(
    rf"\bcreate\s+{_OPTIONS}(?P<kind>secret(?=\s+{_OPTIONS}(?:generic|tls|docker-registry)\s)|configmap|cm|serviceaccount|sa)\s+{_OPTIONS}"
    rf"(?:(?:generic|tls|docker-registry)\s+)?{_OPTIONS}(?P<name>[a-z0-9][a-z0-9.-]*+)(?![\w/])(?P<open>\$)?"
)
"""``kubectl -n shop create secret generic NAME``, wherever the options stand."""
_CALLED = re.compile(r"\b(?P<kind>secret|configmap)\s+(?:called|named)\s+[\"'`*]+(?P<name>[a-z0-9][a-z0-9.-]*)[\"'`*]", re.I)
_KINDS = {
    "secret": "Secret",
    "configmap": "ConfigMap",
    "cm": "ConfigMap",
    "serviceaccount": "ServiceAccount",
    "sa": "ServiceAccount",
}
_TYPES = frozenset({"generic", "tls", "docker-registry"})


def made_by_hand(told: Iterable[Document]) -> Mapping[tuple[str, str], str]:
    """(kind, name) of everything that a document says how to create -> where it says so.

    A name that ends with ``*`` is the beginning of one: a loop made the rest.
    """
    found: dict[tuple[str, str], str] = {}
    for document in told:
        for kind, called in (*_made(document), *_copied(document)):
            found.setdefault((kind, called), f"made beforehand, as {document.name} says")
    return found


def _made(document: Document) -> Iterator[tuple[str, str]]:
    if "create" in document.text or "Create" in document.text:
        text = document.filled_in(document.joined)
        for pattern in (_CREATES, _CALLED):
            for match in pattern.finditer(text):
                if match["name"] not in _TYPES:
                    begun = "*" if match.groupdict().get("open") else ""
                    yield _KINDS[match["kind"].lower()], f"{match['name']}{begun}"


def _copied(document: Document) -> Iterator[tuple[str, str]]:
    """What is made of the pattern of a manifest, once somebody has filled it in."""
    if not is_pattern(document.name):
        return
    try:
        objects = [each.data for each in read(document.text)]
    except StreamError:
        return  # filled in by a program
    for data in objects:
        metadata = data.get("metadata") if isinstance(data, dict) else None
        if isinstance(metadata, dict) and data.get("kind") in _KINDS.values():
            yield str(data["kind"]), str(metadata.get("name"))
