"""Which settings are secret, by their name and by what they look like. Rendered and live objects are judged by the same words."""

from __future__ import annotations

import re

from seatrial.chart.workloads import references_in

_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|ENCRYPTION_?KEY|CREDENTIALS?|(?<!PROXY)_(?:PASS|PWD)$"
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
_EXAMPLE = re.compile(r"://(?:user|username):(?:pass|passwd|password)@[^\s/:@,]+\.(?!svc\b|local\b)[a-z]{2,}(?=[:/,?]|$)")
"""Credentials of an address outside of the cluster as documentation writes them."""
_FILLED_IN = re.compile(r"<[^<>]+>|(?:YOUR|REPLACE|INSERT)[-_ ][A-Z0-9_ -]+")
"""What stands in for a value until somebody writes it."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret(name: str, value: str) -> bool:
    """Whether a setting of this name and value is one that only a few may know."""
    if _TOKEN.search(value):
        return True
    password = _CREDENTIALS.search(value)
    if password and not _open(password["password"]) and not _EXAMPLE.search(value):
        return True
    return secret_name(name) and not _open(value)


def secret_name(name: str) -> bool:
    """Whether settings of this name are secret: ``DB_PASSWORD``, ``openaiApiKey``."""
    upper = re.sub(r"[^A-Z0-9]+", "_", _CAMEL.sub("_", name).upper())
    return bool(_SECRET_NAME.search(upper)) and not _NOT_SECRET.search(upper)


def _open(value: str) -> bool:
    """Whether a value tells nothing: empty, a number, a switch, a path, taken from elsewhere, or still to be filled in."""
    bare = value.strip()
    return not bare or bare.lower() in ("true", "false", "yes", "no", "on", "off", "none", "null") or bare.isdigit() or bool(
        references_in(bare) or _FILLED_IN.fullmatch(bare) or re.fullmatch(r"\$\{?\w+\}?|\*+|(?:/[a-z0-9._-]+){2,}/?", bare)
    )  # fmt: skip
