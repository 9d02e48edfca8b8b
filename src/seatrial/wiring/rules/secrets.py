"""Secrets where they do not belong. No message ever holds one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.chart.objects import ChartObject
from seatrial.chart.secrecy import is_secret, secret_name
from seatrial.chart.workloads import KeyPath
from seatrial.errors import Place
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph
from seatrial.wiring.links.calls import PUBLIC
from seatrial.wiring.reading import dig, text
from seatrial.wiring.rule import Hit, rule, so_do
from seatrial.wiring.variables import Environment, Variable, expanded

_SHOWN_ON_PURPOSE = re.compile(r"FIREBASE|MAPS|ALGOLIA|RECAPTCHA|TURNSTILE|SENTRY|POSTHOG|MAPBOX|SEARCH|ANALYTICS|CSRF")
_IN_URL = re.compile(r"://[^/@\s:]*:([^@\s/]+)@")
"""A password in an address, which the other side may hold as it is."""
_FILE = re.compile(r"\.(?:sh|py|js|ts|ya?ml|json|toml|ini|conf|cfg|cnf|xml|properties|tpl|tmpl|sql|lua|rb|env|html|md|txt)$")


def _written(variable: Variable, environment: Environment) -> str:
    """The value as far as the workload itself tells it: what ``$(NAME)`` takes from a Secret is kept there."""
    own = {name: each for name, each in environment.variables.items() if each.item is variable.item}
    return expanded(text(dig(variable.item.raw, *variable.path)), own)


def _is_file(key: str, value: str) -> bool:
    """Whether a key holds a whole file: its name then says nothing of the value."""
    return "\n" in value.strip() or bool(_FILE.search(key))


@rule(
    "W-SECRET-LITERAL",
    criterion="M2-CFG-02",
    group=Group.WILL_BREAK,
    example="""
env:
  - {name: POSTGRES_PASSWORD, value: todo123}
""",
    mend="Keep it in a Secret and read it with secretKeyRef.",
)
def literal(graph: Graph) -> Iterator[Hit]:
    """Passwords and keys reach pods from Secrets only.

    A literal in env or in a ConfigMap is read by everyone who may look at pods, stands in the release's history, and is not
    changed without a new release.
    """
    consequence = "Everyone who may list pods or ConfigMaps can read it and act in the users' name."
    told: dict[str, list[_Literal]] = {}
    for each in (*_variables(graph), *_keys(graph)):
        in_url = _IN_URL.search(each.value)
        told.setdefault(in_url[1] if in_url else each.value.strip(), []).append(each)
    for first, *others in told.values():  # one secret is one finding, however many hold it
        also = so_do([f"{each.holder} of {each.item.subject}" for each in others])
        yield Hit(first.item, first.path, f"{first.holder}{first.container} holds a secret in plain text{also}", consequence)


@dataclass(frozen=True)
class _Literal:
    """A secret, and where it is written."""

    item: ChartObject
    path: KeyPath
    value: str
    holder: str
    container: str = ""


def _variables(graph: Graph) -> Iterator[_Literal]:
    """Variables that hold a secret."""
    for workload in graph.workloads:
        for box in workload.boxes:
            for variable in box.environment.variables.values():
                value = _written(variable, box.environment)
                if variable.item is workload.item and is_secret(variable.name, value):
                    container = f" of container {box.name}"
                    yield _Literal(variable.item, variable.path, value, f"variable {variable.name}", container)


def _keys(graph: Graph) -> Iterator[_Literal]:
    """Keys of ConfigMaps that hold a secret."""
    for item in graph.shelf.of_kind("ConfigMap"):
        for key, datum in graph.shelf.data(item).items():
            value = datum.value or ""
            if is_secret("" if _is_file(key, value) else key, value):
                yield _Literal(item, datum.path, value, f"key {key}")


@rule(
    "W-SECRET-CHART",
    criterion="M5-SEC-02",
    group=Group.HYGIENE,
    example="""
# values.yaml
postgres:
  password: postgres
""",
    mend="Leave the default empty and make it required, or read an existing Secret. If it was ever real, change it.",
)
def in_chart(graph: Graph) -> Iterator[Hit]:
    """The chart's own files hold no secret.

    What is in values.yaml or a template is in the repository and in its history, and every installation shares it.
    """
    consequence = "Whoever reads the repository knows the secret of every installation that did not change it."
    for leaf in graph.given.defaults:
        if isinstance(leaf.default, str) and is_secret(leaf.path[-1], leaf.default):
            file = graph.given.values_file
            what = f"the default of {leaf.key} is a secret"
            yield Hit(None, (), what, consequence, "", Place(file, leaf.line), f"Values {file.name}", leaf.key)
    for item in graph.shelf.of_kind("Secret"):
        for key, datum in graph.shelf.data(item).items():
            if is_secret(key, datum.value or "") and graph.places.written_out(item, datum.path):
                yield Hit(item, datum.path, f"key {key} is written out in the template", consequence)


@rule(
    "W-SECRET-BROWSER",
    criterion="M5-SEC-02",
    group=Group.BREAKS,
    example="""
env:
  - {name: NEXT_PUBLIC_OPENAI_API_KEY, valueFrom: {secretKeyRef: {name: todo, key: OPENAI_API_KEY}}}
""",
    mend="Keep it on the server and call the other side from there. If it was ever published, change it.",
)
def in_browser(graph: Graph) -> Iterator[Hit]:
    """No secret is given to browsers.

    NEXT_PUBLIC_*, VITE_* and REACT_APP_* are written into the pages: whoever opens the site can read them.
    """
    consequence = "Anyone who opens the site can take the secret and use it."
    seen = set()
    for workload in graph.workloads:
        for box in workload.boxes:
            for variable in box.environment.variables.values():
                held = (variable.item, variable.path)
                if held not in seen and _published(variable.name, variable.value):
                    seen.add(held)
                    what = f"variable {variable.name} of container {box.name} is built into the pages"
                    yield Hit(variable.item, variable.path, what, consequence)
    for recipe in graph.recipes:
        for name, setting in {**recipe.arguments, **recipe.environment}.items():
            if _published(name, setting.value):
                what = f"{name} is built into the pages"
                yield Hit(None, (), what, consequence, "", setting.place, f"Dockerfile {recipe.path}")


def _published(name: str, value: str | None) -> bool:
    bare = PUBLIC.sub("", name)
    return bare != name and secret_name(bare) and not _SHOWN_ON_PURPOSE.search(bare) and value != ""
