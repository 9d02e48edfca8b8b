"""Addresses in text: URLs, ``host:port`` and host names, as environments, arguments and configuration files have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from seatrial.wiring.reading import number

DEFAULT_PORTS: Mapping[str, int | None] = {
    "http": 80, "https": 443, "ws": 80, "wss": 443, "grpc": None, "grpcs": None, "tcp": None, "udp": None,
    "postgres": 5432, "postgresql": 5432, "cockroachdb": 26257, "mysql": 3306, "mysql2": 3306, "mariadb": 3306, "mongodb": 27017,
    "sqlserver": 1433, "mssql": 1433, "clickhouse": 8123, "redis": 6379, "rediss": 6379, "valkey": 6379, "memcached": 11211,
    "amqp": 5672, "amqps": 5671, "nats": 4222, "kafka": 9092, "mqtt": 1883, "mqtts": 8883, "ldap": 389, "ldaps": 636,
    "smtp": 25, "smtps": 465, "ftp": 21, "sftp": 22, "elasticsearch": 9200, "otlp": 4317, "zipkin": 9411,
}  # fmt: skip
"""Schemes whose authority is a host of the network, with the port where a URL names none."""

_URL = re.compile(r"(?<![\w+.-])(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>(?:(?!,[a-z][a-z0-9+.-]*://)[^\s\"'<>`|\\])*)")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\.?\Z")
_PAIR = re.compile(r"(?P<host>[A-Za-z0-9_.-]+):(?P<port>\d{2,5})\Z")
_LOOSE = re.compile(r"(?<![\w./@:$-])(?P<host>[a-z][a-z0-9.-]*):(?P<port>\d{4,5})(?![\w:.-])")
_CLUSTER_NAME = re.compile(
    r"(?<![\w.@/-])(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+\.svc(?:\.[a-z0-9-]+)*)(?::(?P<port>\d{2,5}))?(?![\w.-])"
)
_ASKED = (
    re.compile(r"\bnc\s+(?:-\w+\s+(?:\d+\s+)?)*(?P<host>[a-z][\w.-]*)\s+(?P<port>\d{2,5})\b"),
    re.compile(r"\b(?:pg_isready|psql|pg_dump|mysql|mysqladmin|mariadb|mariadb-admin|redis-cli|valkey-cli|mongosh)\b[^;&|\n]*?"
               r"\s(?:-h|--host)[= ]\s*(?P<host>[a-z][\w.-]*)"),
    re.compile(r"^\s*server\s+(?P<host>[a-z][\w.-]*):(?P<port>\d{2,5})\b", re.MULTILINE),
)  # fmt: skip
"""Programs and nginx's upstreams, whose argument is certainly a host."""
_LISTENER = re.compile(
    r"(?:^|[\s,])(?!\w*(?:EXTERNAL|OUTSIDE|PUBLIC|HOST|LOCAL))[A-Z][A-Z0-9_]*://(?P<host>[^\s,:/]+):(?P<port>\d{2,5})\b"
)
"""What a Kafka broker tells its clients in the cluster to call; the names of other listeners say who they are for."""
_NAMED_HERE = re.compile(r"^\s*upstream\s+([\w.-]+)\s*\{", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?:#|//|;).*$", re.MULTILINE)
_HOLDS_HOST = re.compile(r"[A-Z0-9]_?HOST(?:NAME|S)?$")
_HOLDS_ADDRESS = re.compile(r"(?:^|_)(?:HOSTS?|ADDR|ADDRESS|ADDRESSES|SERVERS?|BROKERS?|ENDPOINTS?|URLS?|URI|UPSTREAM|TARGET)$")
_NOT_CALLED = re.compile(
    r"CORS|ORIGIN|ALLOWED|TRUSTED|NO_PROXY|VHOST|^(?:APP|SERVER|BIND|LISTEN|INGRESS|PUBLIC|VIRTUAL|FLASK_RUN|UVICORN)_"
)
_NO_HOST = frozenset({"true", "false", "none", "null", "auto", "memory", "unix", "stdout", "stderr", "localhost", "kubernetes"})
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")


@dataclass(frozen=True)
class Address:
    """A host that somebody will call.

    Attributes:
        host: in lower case, without a trailing dot.
        port: None where none is named and none is usual.
        named: whether the port stands in the text.
        certain: it is an address for sure; of others, a host that nobody knows may be something else.
    """

    host: str
    port: int | None
    named: bool
    certain: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.named else self.host


def in_variable(name: str, value: str) -> list[Address]:
    """Addresses in one variable or one setting; those that it only allows, as CORS does, are not called."""
    upper = name.upper().replace("-", "_").replace(".", "_")
    if _NOT_CALLED.search(upper):
        return []
    found = [*_urls(value), *_cluster_names(value)]
    if upper.endswith("ADVERTISED_LISTENERS"):
        found += [each for match in _LISTENER.finditer(value) for each in _make(match["host"], match["port"], certain=True)]
    if not found:
        bare = _HOLDS_HOST.search(upper) is not None
        found = [each for part in value.split(",") for each in _bare(part.strip(), bare, bool(_HOLDS_ADDRESS.search(upper)))]
    return _distinct(found)


def in_words(words: Iterable[str]) -> list[Address]:
    """Addresses in a command and its arguments, shell scripts among them."""
    found: list[Address] = []
    several = list(words)
    for word in several:
        plain = word.rpartition("=")[2] if word.startswith("-") else word
        pair = _PAIR.match(plain)
        if pair and len(pair["port"]) >= 4:
            found += _make(pair["host"], pair["port"], certain=not word.startswith("-"))
    return _distinct([*found, *_in_text("\n".join(several)), *_in_text(" ".join(several))])


def in_file(text: str) -> list[Address]:
    """Addresses in a configuration file; those in comments are none."""
    return _distinct(_in_text(_COMMENT.sub("", text)))


def _in_text(text: str) -> list[Address]:
    named = {name.lower() for name in _NAMED_HERE.findall(text)}
    found = [*_urls(text), *_cluster_names(text)]
    for pattern in _ASKED:
        for match in pattern.finditer(text):
            found += _make(match["host"], match.groupdict().get("port"), certain=True)
    for match in _LOOSE.finditer(text):
        found += _make(match["host"], match["port"], certain=False)
    return [each for each in found if each.host not in named]


def _urls(text: str) -> Iterator[Address]:
    for match in _URL.finditer(text):
        scheme = match["scheme"].partition("+")[0]
        if scheme in DEFAULT_PORTS and not match["scheme"].endswith("+srv"):
            authority = re.split(r"[/?#;)\]]", match["rest"], maxsplit=1)[0]
            for part in authority.rpartition("@")[2].split(","):
                host, _, port = part.partition(":")
                yield from _make(host, port, certain=True, usual=DEFAULT_PORTS[scheme])


def _cluster_names(text: str) -> Iterator[Address]:
    for match in _CLUSTER_NAME.finditer(text):
        yield from _make(match["host"], match["port"], certain=True)


def _bare(value: str, holds_host: bool, holds_address: bool) -> Iterator[Address]:
    pair = _PAIR.match(value)
    if pair:
        yield from _make(pair["host"], pair["port"], certain=holds_address)
    elif holds_host:
        yield from _make(value, None, certain=True)


def _make(host: str, port: str | None, *, certain: bool, usual: int | None = None) -> Iterator[Address]:
    """One address, or none where the text is no host: empty, an IP address, a variable, or a word in capitals to be filled in."""
    if host.isupper():
        return
    host = host.lower()
    letters = any(letter.isalpha() for letter in host)
    known = number(port) if port else usual
    if _HOST.match(host) and letters and not _IP.match(host) and host not in _NO_HOST and (not port or known is not None):
        yield Address(host.rstrip("."), known, bool(port), certain)


def _distinct(found: Iterable[Address]) -> list[Address]:
    """Each host and port once; the one that is certain, and names its port, wins."""
    best: dict[tuple[str, int | None], Address] = {}
    for each in found:
        known = best.get((each.host, each.port))
        if known is None or (each.certain and not known.certain):
            best[each.host, each.port] = each
    named = {each.host for each in best.values() if each.named}
    return [each for each in best.values() if each.named or each.port is not None or each.host not in named]
