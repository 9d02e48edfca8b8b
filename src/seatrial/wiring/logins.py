"""What a database's container makes when it starts for the first time, and what an address asks of it.

Source: the documentation of the official images postgres, mysql, mariadb and mongo, and of Bitnami's. MongoDB makes the databases
that are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from seatrial.wiring.databases import database, family_of, image_of
from seatrial.wiring.pods import Box
from seatrial.wiring.variables import Variable

_DATABASE, _USER, _PASSWORD = "database", "user", "password"
_SCHEMES: Mapping[str, str] = {
    "postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mysql2": "mysql", "mariadb": "mysql", "mongodb": "mongo",
}  # fmt: skip
_URL = re.compile(r"(?:jdbc:)?([a-z][a-z0-9]*)(?:\+[a-z0-9]+)?(://[^\s\"'<>`|\\]+)")
_HOST = re.compile(r"HOST(?:NAME)?$", re.IGNORECASE)
_MAKES = re.compile(
    r"\bcreate\s+(?P<what>database|user|role)\s+(?:if\s+not\s+exists\s+)?[`'\"]?(?P<name>[\w-]+)[`'\"]?"
    r"(?:@[`'\"]?[\w.%-]+[`'\"]?)?(?:[^;]*?\b(?:password|identified(?:\s+with\s+\w+)?\s+by)\s+'(?P<password>[^']*)')?",
    re.IGNORECASE,
)
_MORE_THAN_SQL = re.compile(
    r"\$\$|\\gexec|\$\{|\$\(|^#!|\bcreate(?:db|user)\b|\balter\s+(?:user|role|database)\b|\bprepare\b", re.IGNORECASE
)
_SQL_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_DEMANDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "postgres": (("POSTGRES_PASSWORD",), ("POSTGRES_HOST_AUTH_METHOD",)),
    "mysql": (("MYSQL_ROOT_PASSWORD",), ("MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD")),
    "mariadb": (
        ("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"),
        ("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MARIADB_RANDOM_ROOT_PASSWORD",
         "MYSQL_RANDOM_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD_HASH"),
    ),
    "mongo": (("MONGO_INITDB_ROOT_PASSWORD",), ()),
}  # fmt: skip
"""Family -> what its image demands, and what stands in for it."""
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
        family: postgres, mysql (MariaDB is the same) or mongo; empty where the address does not say.
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
        family: postgres, mysql or mongo.
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
    if found.family == "mongo":
        return _mongo(box)
    return _mysql(box) if found.family in ("mysql", "mariadb") else None


def with_scripts(there: Made, scripts: Iterable[str]) -> Made | None:
    """What a container makes together with its SQL scripts; None where these do more than plain statements say."""
    databases, users, passwords = list(there.databases), list(there.users), dict(there.passwords)
    for text in scripts:
        if _MORE_THAN_SQL.search(text):
            return None
        for match in _MAKES.finditer(_SQL_COMMENT.sub("", text)):
            name = match["name"]
            if match["what"].lower() == "database":
                databases.append(name)
            else:
                users.append(name)
                if match["password"]:
                    passwords[name] = match["password"]
                else:
                    passwords.pop(name, None)
    return replace(
        there,
        databases=tuple(databases) if there.databases else (),
        users=tuple(dict.fromkeys(users)) if there.users else (),
        passwords=passwords,
    )


def unset(box: Box) -> tuple[str, Variable | None] | None:
    """The password without which a database's image does not start, with its empty variable; None where it may start."""
    image = image_of(box)
    family = family_of(image)
    official = image.repository.rpartition("/")[0] in ("", "library")
    commanded = box.command() or (box.recipe is not None and (box.recipe.command or box.recipe.environment))
    if family is None or family not in _DEMANDS or not official or commanded or not box.environment.complete:
        return None
    variables = box.environment.variables
    wanted, instead = _DEMANDS[family]
    if any(f"{name}_FILE" in variables or (name in variables and variables[name].value != "") for name in (*wanted, *instead)):
        return None
    if family == "mongo":  # without a name it starts, open to everybody
        name = variables.get("MONGO_INITDB_ROOT_USERNAME")
        if name is None or name.value == "":
            return None
    lacking = next((name for name in wanted if name in variables), wanted[0])
    own = lacking.partition("_")[0]
    if lacking not in variables and not any(name.startswith(f"{own}_") for name in variables):
        return None  # nothing is set: whoever installs it may well be asked for everything
    return lacking, variables.get(lacking)


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


def _mongo(box: Box) -> Made:
    user, password = _first(box, "MONGO_INITDB_ROOT_USERNAME"), _first(box, "MONGO_INITDB_ROOT_PASSWORD")
    return Made("mongo", (), (), {user: password} if user and password else {})


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
