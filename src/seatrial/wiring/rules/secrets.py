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
from seatrial.wiring.logins import unset
from seatrial.wiring.reading import dig, text
from seatrial.wiring.rule import Hit, rule, so_do
from seatrial.wiring.variables import Environment, Variable, expanded

_SHOWN_ON_PURPOSE = re.compile(r"FIREBASE|MAPS|ALGOLIA|RECAPTCHA|TURNSTILE|SENTRY|POSTHOG|MAPBOX|SEARCH|ANALYTICS|CSRF")
_IN_URL = re.compile(r"://[^/@\s:]*:([^@\s/]+)@")
"""A password in an address, which the other side may hold as it is."""
_EXACT = re.compile(
    r"(?:PASS(?:WORD|WD)?|PWD|USER(?:NAME)?|DB|DATABASE|NAME|HOST(?:NAME)?|PORT|UR[LI]|KEY|SECRET|TOKEN)$", re.IGNORECASE
)
"""Variables whose every letter counts."""
_SIGNS = re.compile(
    r"(?:^|_)(?:JWT|SESSION|AUTH|COOKIE|SIGNING)_(?:SECRET|KEY)(?:_KEY)?$|^(?:DJANGO_|FLASK_|APP_)?SECRET_KEY(?:_BASE)?$"
)
"""Variables that hold what logins are signed with."""
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


@rule(
    "W-SECRET-BREAK",
    criterion="M2-CFG-02",
    group=Group.WILL_BREAK,
    example="""
kind: Secret
data: {POSTGRES_DB: c2hvcAo=}   # echo shop | base64: "shop" and a line break
""",
    mend="Encode without the line break: `printf %s ... | base64`, or write stringData on one line.",
)
def line_break(graph: Graph) -> Iterator[Hit]:
    """A name or a password does not end with a line break.

    `echo shop | base64` encodes the line break with it, and a block of YAML (`|`) keeps its own. What reads it as a variable
    gets a password, a host or a name with a line break at its end, which no other side has.
    """
    seen = set()
    for workload in graph.workloads:
        for box in workload.boxes:
            for variable in box.environment.variables.values():
                value, held = variable.value or "", (variable.item, variable.path)
                plain = value.endswith("\n") and "\n" not in value.strip() and value.strip()
                if variable.key and plain and held not in seen and _EXACT.search(variable.name):
                    seen.add(held)
                    what = f"key {variable.key}, which container {box.name} reads as {variable.name}, ends with a line break"
                    consequence = "The program takes the line break as part of it: a login fails, or a host is not found."
                    yield Hit(variable.item, variable.path, what, consequence)


@rule(
    "W-SECRET-EMPTY",
    criterion="M2-CFG-03",
    group=Group.BREAKS,
    example="""
containers: [{name: db, image: "postgres:16", env: [{name: POSTGRES_PASSWORD, value: ""}]}]
""",
    mend='Ask for it when the chart is rendered: {{ required "..." .Values... }}, or make one with a helper.',
)
def empty(graph: Graph) -> Iterator[Hit]:
    """What a database cannot start without is not empty.

    The images of PostgreSQL, MySQL, MariaDB and MongoDB refuse to start without a password. A default of "" is installed in
    silence, and shows only as a pod that never becomes ready. A key that signs logins or sessions is as bad when it is empty:
    the program refuses it, or signs with what everybody knows.
    """
    seen = set()
    for workload in graph.workloads:
        for box in workload.serving if workload.lasting else ():
            lacking = unset(box)
            if lacking is not None:
                name, variable = lacking
                item, path = (variable.item, variable.path) if variable else (workload.item, (*box.container.path, "image"))
                given = "an empty" if variable else "no"
                what = f"container {box.name} is given {given} {name}, without which its image does not start"
                yield Hit(item, path, what, "The database never starts, and whatever needs data fails.")
            for variable in box.environment.variables.values():
                held = (variable.item, variable.path)
                if variable.value == "" and _SIGNS.search(variable.name) and held not in seen:
                    seen.add(held)
                    what = f"{variable.name} of container {box.name} is empty"
                    consequence = "The program does not start, or signs logins with a key that everybody knows."
                    yield Hit(variable.item, variable.path, what, consequence, group=Group.WILL_BREAK)


def _published(name: str, value: str | None) -> bool:
    bare = PUBLIC.sub("", name)
    return bare != name and secret_name(bare) and not _SHOWN_ON_PURPOSE.search(bare) and value != ""
