"""Secrets where they do not belong. No message ever holds one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.errors import Place
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph
from seatrial.wiring.links.calls import PUBLIC
from seatrial.wiring.rule import Hit, rule
from seatrial.wiring.variables import references_in

_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|ENCRYPTION_?KEY|CREDENTIALS?"
)
_NOT_SECRET = re.compile(
    r"EXISTING|CLUSTER_TOKEN|PUBLIC|PUBLISHABLE|ANON_?KEY|SITE_?KEY|(?:FILE|PATH|DIR|NAME|NAMESPACE|REF|KEYS?_?NAME|URL|URI|ENDPOINT|HEADER|TTL|TYPE"
    r"|LENGTH|ENABLED|REQUIRED|ALGORITHM|LIFETIME|EXPIRY|EXPIRES?|EXPIRES_IN|EXPIRATION|SECONDS|MINUTES|HOURS|DAYS|LIMIT|COUNT|SIZE"
    r"|POLICY|ISSUER|AUDIENCE|USERNAME|MAX|MIN|MAX_TOKENS|TOKENS|VERSION|CLASS|STORE|PREFIX|PASSWORD_KEY|TOKEN_KEY|BACKEND"
    r"|PROVIDER|MANAGER|METHOD|MODE|STRATEGY|FORMAT|SCOPES?)$"
)
_TOKEN = re.compile(
    r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bAKIA[0-9A-Z]{16}\b|\bxox[baprs]-[A-Za-z0-9-]{10,}"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----|\bAIza[0-9A-Za-z_-]{35}\b|\bsk_live_[0-9A-Za-z]{16,}"
)
"""What keys look like whatever they are called: OpenAI, Anthropic, GitHub, AWS, Slack, PEM, Google, Stripe."""
_CREDENTIALS = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s/:@]+:(?P<password>[^\s/@]+)@")
_SHOWN_ON_PURPOSE = re.compile(r"FIREBASE|MAPS|ALGOLIA|RECAPTCHA|TURNSTILE|SENTRY|POSTHOG|MAPBOX|SEARCH|ANALYTICS|CSRF")
_FILE = re.compile(r"\.(?:sh|py|js|ts|ya?ml|json|toml|ini|conf|cfg|cnf|xml|properties|tpl|tmpl|sql|lua|rb|env|html|md|txt)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret(name: str, value: str) -> bool:
    """Whether a setting of this name and value is one that only a few may know."""
    if _TOKEN.search(value):
        return True
    password = _CREDENTIALS.search(value)
    if password and not _open(password["password"]):
        return True
    return secret_name(name) and not _open(value)


def secret_name(name: str) -> bool:
    """Whether settings of this name are secret: ``DB_PASSWORD``, ``openaiApiKey``."""
    upper = re.sub(r"[^A-Z0-9]+", "_", _CAMEL.sub("_", name).upper())
    return bool(_SECRET_NAME.search(upper)) and not _NOT_SECRET.search(upper)


def _open(value: str) -> bool:
    """Whether a value tells nothing: empty, a number, a switch, a path, or taken from elsewhere."""
    bare = value.strip()
    return not bare or bare.lower() in ("true", "false", "yes", "no", "on", "off", "none", "null") or bare.isdigit() or bool(
        references_in(bare) or re.fullmatch(r"\$\{?\w+\}?|\*+|(?:/[a-z0-9._-]+){2,}/?", bare)
    )  # fmt: skip


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
    for workload in graph.workloads:
        for box in workload.boxes:
            for variable in box.environment.variables.values():
                if variable.item is workload.item and is_secret(variable.name, variable.value or ""):
                    what = f"variable {variable.name} of container {box.name} holds a secret in plain text"
                    yield Hit(variable.item, variable.path, what, consequence)
    for item in graph.shelf.of_kind("ConfigMap"):
        for key, datum in graph.shelf.data(item).items():
            if is_secret("" if _is_file(key, datum.value or "") else key, datum.value or ""):
                yield Hit(item, datum.path, f"key {key} holds a secret in plain text", consequence)


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
