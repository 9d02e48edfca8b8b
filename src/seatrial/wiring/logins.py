"""What a database's container makes when it starts for the first time, and what an address asks of it.

Source: the documentation of the official images postgres, mysql and mariadb, and of Bitnami's. MongoDB makes what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from seatrial.wiring.databases import database, image_of
from seatrial.wiring.pods import Box

_DATABASE, _USER, _PASSWORD = "database", "user", "password"
_SCHEMES: Mapping[str, str] = {
    "postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mysql2": "mysql", "mariadb": "mysql",
}  # fmt: skip
_URL = re.compile(r"(?:jdbc:)?([a-z][a-z0-9]*)(?:\+[a-z0-9]+)?(://[^\s\"'<>`|\\]+)")
_HOST = re.compile(r"HOST(?:NAME)?$", re.IGNORECASE)
_BESIDE: Mapping[str, tuple[str, ...]] = {
    _DATABASE: ("DATABASE", "NAME", "DB", "DBNAME"),
    _USER: ("USER", "USERNAME"),
    _PASSWORD: ("PASSWORD", "PASS"),
}
"""How variables beside DB_HOST end."""


@dataclass(frozen=True)
class Asked:
    """What an address asks for, each empty where it does not say.

    Attributes:
        host: in lower case.
        family: postgres or mysql (MariaDB is the same); empty where the address does not say.
    """

    host: str
    family: str
    database: str = ""
    user: str = ""
    password: str = ""


@dataclass(frozen=True)
class Made:
    """What a container makes.

    Attributes:
        family: postgres or mysql.
        databases, users: that are there afterwards; empty where that is not known.
        passwords: user -> password, where it is known.
    """

    family: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    passwords: Mapping[str, str]


def in_url(text: str) -> Iterator[Asked]:
    """What the URLs in a text ask for; ``jdbc:`` and drivers (``postgresql+asyncpg``) may stand before and in the scheme."""
    for match in _URL.finditer(text):
        if match[1] not in _SCHEMES:
            continue
        try:
            parts = urlsplit(f"db{match[2]}")
            host = (parts.hostname or "").lower()
        except ValueError:  # a bracket that is not closed
            continue
        name = unquote(parts.path.strip("/"))
        yield Asked(host, _SCHEMES[match[1]], name, unquote(parts.username or ""), unquote(parts.password or ""))


def beside(box: Box, name: str, host: str) -> Asked | None:
    """What variables beside a host's ask for (DB_NAME, DB_USER, DB_PASSWORD beside DB_HOST); None where it is no host's."""
    if not _HOST.search(name):
        return None
    begin = _HOST.sub("", name)

    def value(what: str) -> str:
        known = (box.environment.value(begin + end) for end in _BESIDE[what])
        return next((each for each in known if each), "")

    return Asked(host.lower(), "", value(_DATABASE), value(_USER), value(_PASSWORD))


def made(box: Box) -> Made | None:
    """What a container makes; None where it is no such database, or where that cannot be told from its variables."""
    found, image = database(box), image_of(box)
    official = "/" not in image.repository or image.repository.startswith(("library/", "bitnami/", "bitnamilegacy/"))
    if found is None or not official or not box.environment.complete:
        return None
    if found.family == "postgres":
        return _postgres(box)
    return _mysql(box) if found.family in ("mysql", "mariadb") else None


def _first(box: Box, *names: str) -> str | None:
    """The value of the first of these variables that is set; empty where none is, None where it is not known."""
    for name in names:
        if f"{name}_FILE" in box.environment.variables:
            return None
        if name in box.environment.variables:
            return box.environment.value(name)
    return ""


def _postgres(box: Box) -> Made:
    user = _first(box, "POSTGRES_USER", "POSTGRESQL_USERNAME")
    name = _first(box, "POSTGRES_DB", "POSTGRESQL_DATABASE")
    password = _first(box, "POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
    admin = ("postgres",) if "bitnami" in image_of(box).repository or not user else ()
    users = () if user is None else (user or "postgres", *admin)
    own = (name or user or "postgres") if name is not None and (name or user is not None) else None
    trusted = _first(box, "POSTGRES_HOST_AUTH_METHOD") != ""
    return Made(
        "postgres",
        () if own is None else tuple(dict.fromkeys((own, "postgres", "template1"))),
        tuple(dict.fromkeys(users)),
        {users[0]: password} if users and password and not trusted else {},
    )


def _mysql(box: Box) -> Made:
    def first(end: str) -> str | None:
        return _first(box, f"MYSQL_{end}", f"MARIADB_{end}")

    user, name, password, root = first("USER"), first("DATABASE"), first("PASSWORD"), first("ROOT_PASSWORD")
    known = {user or "": password, "root": root}
    return Made(
        "mysql",
        () if name is None else tuple(each for each in (name, "mysql", "information_schema") if each),
        () if user is None else tuple(each for each in (user, "root") if each),
        {each: secret for each, secret in known.items() if each and secret},
    )
