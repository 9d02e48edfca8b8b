"""Secret values of the release, for judges that look for them where they must not stand.

The values stay in memory: what leaves this module are names and places. Nothing here is plain data on purpose.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from seatrial.chart import workloads
from seatrial.chart.secrecy import is_secret
from seatrial.chart.workloads import KeyPath
from seatrial.journal import LONG, forms
from seatrial.tools.kube import Kube, Object
from seatrial.world import World

NO_SETTINGS = ("helm.sh/release.v1", "kubernetes.io/service-account-token", "kubernetes.io/dockerconfigjson")
"""Types of Secrets whose content no container reads as a setting."""
SHORTEST = 4
"""Shorter values are not looked for at all."""
TWICE = 16
"""A value of so many characters that decodes to readable text once more was encoded twice; shorter ones decode by chance."""
_PASSWORD = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s/:@]*:(?P<password>[^\s/@]+)@")


@dataclass(frozen=True)
class Sensitive:
    """One value that only a few may know.

    Attributes:
        source: how it is called: ``Secret todo-app-secrets / DATABASE_URL``.
        value: itself.
    """

    source: str
    value: str = field(repr=False)

    def stands_in(self, text: str) -> bool:
        """Whether a text holds the value, as it is or as others write it.

        A value shorter than LONG (``postgres``) counts only where it is the whole text or stands as a password in a URL.
        """
        if len(self.value) < SHORTEST:
            return False
        if len(self.value) >= LONG:
            return any(form in text for form in forms(self.value))
        coded = base64.b64encode(self.value.encode()).decode()
        return text.strip() in (self.value, coded) or any(match["password"] == self.value for match in _PASSWORD.finditer(text))


# out of Secrets


def secrets(kube: Kube, namespace: str) -> list[Object]:
    """The namespace's Secrets that hold settings."""
    return [item for item in kube.find("Secret", namespace) if item.get("type") not in NO_SETTINGS]


def of_secrets(world: World, found: Iterable[Object]) -> list[Sensitive]:
    """Sensitive values among those of Secrets, passwords inside of URLs as values of their own; the journal is told to hide them.

    A Secret often holds a user or a database's name too: what is not called like a secret counts only where seatrial.yaml asks
    for it as ``random``.
    """
    made = {(name, key) for name, keys in world.app.chart.secrets.items() for key, text in keys.items() if text == "random"}
    values: list[Sensitive] = []
    inner: dict[str, str] = {}
    for item in found:
        name = item["metadata"]["name"]
        for key, coded in (item.get("data") or {}).items():
            text, _ = decoded(coded)
            if text and ((name, key) in made or is_secret(key, text)):
                source = f"Secret {name} / {key}"
                values.append(Sensitive(source, text))
                inner |= {unquote(match["password"]): f"{source} (its password)" for match in _PASSWORD.finditer(text)}
    known = {one.value for one in values}  # a password that is a key of its own is called by that
    values += [Sensitive(source, text) for text, source in inner.items() if text not in known]
    for one in values:
        if len(one.value) >= LONG:
            world.journal.redactor.hide(one.value, source=one.source)
    return values


def decoded(coded: str) -> tuple[str, str]:
    """A value of a Secret, and what is wrong about how it was encoded: empty where nothing is.

    Returns:
        The text (empty where it is none), and ``no base64``, ``a trailing newline``, ``encoded twice`` or nothing.
    """
    try:
        text = base64.b64decode(coded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "", "no base64 of a text"
    if text.endswith("\n") and "\n" not in text[:-1]:  # a file of several lines, such as a key, ends in one
        return text, "a trailing newline"
    return text, "encoded twice" if _readable_again(text) else ""


def _readable_again(text: str) -> bool:
    if len(text) < TWICE:
        return False
    try:
        again = base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return False
    return again.isprintable()


# where they must not stand


@dataclass(frozen=True)
class Text:
    """One text of an object.

    Attributes:
        where: how it is called: ``Deployment x / container y / env Z``.
        name: of the setting, empty where it has none.
        text: itself.
        path: where it stands in the object, for line numbers.
    """

    where: str
    name: str
    text: str = field(repr=False)
    path: KeyPath


def texts(item: Mapping[str, Any]) -> Iterator[Text]:
    """Every text of an object that may hold a setting: ConfigMaps' data, containers' env, args and commands, annotations."""
    subject = f"{item['kind']} {item['metadata']['name']}"
    for key, value in workloads.annotations_of(item).items():
        yield Text(f"{subject} / annotation {key}", "", value, ("metadata", "annotations", key))
    if item["kind"] == "ConfigMap":
        for key, value in (item.get("data") or {}).items():
            name = "" if "\n" in value.strip() else key  # a whole file: its name says nothing of what stands in it
            yield Text(f"{subject} / {key}", name, value, ("data", key))
    template = workloads.template_path(item)
    if template:  # a Pod is its own template
        annotations = (workloads.pod_template(item).get("metadata") or {}).get("annotations") or {}
        for key, value in annotations.items():
            yield Text(f"{subject} / pod annotation {key}", "", value, (*template, "metadata", "annotations", key))
    for container in workloads.containers(item):
        yield from _of_container(f"{subject} / container {container.name}", container)


def _of_container(subject: str, container: workloads.Container) -> Iterator[Text]:
    for index, entry in enumerate(container.spec.get("env") or []):
        if entry.get("value"):
            path = (*container.path, "env", index, "value")
            yield Text(f"{subject} / env {entry['name']}", entry["name"], str(entry["value"]), path)
    for part in ("command", "args"):
        for index, text in enumerate(container.spec.get(part) or []):
            yield Text(f"{subject} / {part}", "", str(text), (*container.path, part, index))


def everything(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of an object, names of fields included, with the field that it stands in; of a Secret all but its data."""
    parts = {key: value for key, value in item.items() if item["kind"] != "Secret" or key not in ("data", "stringData")}
    yield from _scalars(parts, "")


def _scalars(data: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield where or "its fields", str(key)
            yield from _scalars(value, f"{where}.{key}" if where else str(key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _scalars(value, f"{where}[{index}]")
    elif isinstance(data, str):
        yield where, data
