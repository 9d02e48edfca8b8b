"""How this machine reaches package registries: read from its own settings at run time, never written down anywhere else.

Whoever builds an image or a root file system passes these on. Values may carry credentials: their repr is hidden, and they never
reach a journal, a layer or a message.
"""

from __future__ import annotations

import configparser
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from seatrial import process
from seatrial.errors import SeatrialError

GO_NAMES = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOAUTH")
PIP_NAMES = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries", "no-index")
NPM_NAMES = re.compile(
    r"^(@[^:=\s]+:)?(registry|proxy|https-proxy|noproxy|strict-ssl)\s*=|^//[^=]+:(_authToken|_auth|_password|username)\s*="
)
CA_NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
APT_NAMES = re.compile(r"^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries|AllowInsecureRepositories)\b")

GO_PROXY = "https://proxy.golang.org"
PYTHON_INDEX = "https://pypi.org/simple"
NPM_REGISTRY = "https://registry.npmjs.org"
DEBIAN = "http://deb.debian.org/debian"
DEBIAN_SECURITY = "http://deb.debian.org/debian-security"
# What each ecosystem's own client uses on a machine that says nothing.


@dataclass(frozen=True, repr=False)
class RegistrySettings:
    """How this machine reaches package registries.

    Attributes:
        go_env: GOPROXY, GOSUMDB and their kin, as far as the machine sets them.
        pip_conf: text for /etc/pip.conf, without the certificate (its path differs inside a container); may be only ``[global]``.
        npmrc: text for .npmrc, without the certificate.
        apt_sources: the machine's own lines for the Debian archive ("deb [...] URI suite components"); empty on other systems.
        apt_conf: apt settings that its access needs, such as a proxy.
        debian, debian_security: URIs of the archive: the machine's mirror, else Debian's own.
        ca_bundle: file with the certificates that the machine trusts beyond the usual ones; None where nothing is set.
    """

    go_env: Mapping[str, str]
    pip_conf: str
    npmrc: str
    apt_sources: tuple[str, ...]
    apt_conf: str
    debian: str
    debian_security: str
    ca_bundle: Path | None
    go_proxy: str
    python_index: str
    npm_registry: str
    secrets: frozenset[str] = field(default_factory=frozenset)

    def __repr__(self) -> str:
        return "RegistrySettings(values hidden)"

    def apt_lines(self, suite: str, components: str = "main") -> tuple[str, ...]:
        """Source lines of a Debian suite by the machine's mirror, with updates and security."""
        return (
            f"deb {self.debian} {suite} {components}",
            f"deb {self.debian} {suite}-updates {components}",
            f"deb {self.debian_security} {suite}-security {components}",
        )

    def hide(self, text: str) -> str:
        """``text`` without registry addresses: a message may be shown to anyone."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "<registry>")
        return re.sub(r"(\w+://)[^/\s@]+@", r"\1", text)


def registry_settings(
    env: Mapping[str, str] | None = None, *, etc: Path = Path("/etc"), home: Path | None = None
) -> RegistrySettings:
    """Read the machine's settings.

    Args:
        env: environment; the process's own by default.
        etc, home: where system-wide and the user's files lie.
    """
    env = process.environment() if env is None else env
    home = Path.home() if home is None else home
    go_env = _go_env(env, home)
    pip = _pip(env, etc, home)
    npm = _npm_lines(env, etc, home)
    sources = _debian_sources(etc)
    archives = [(line, uri) for line, uri, _suite in sources]
    plain = [uri for _line, uri, suite in sources if not suite.endswith("-security")]
    security = [uri for _line, uri, suite in sources if suite.endswith("-security")]
    registry = next((line.split("=", 1)[1].strip() for line in npm if line.startswith("registry")), "")
    go_proxy = re.split(r"[,|]", go_env.get("GOPROXY", ""))[0] or GO_PROXY
    settings = RegistrySettings(
        go_env=go_env,
        pip_conf="\n".join(["[global]", *(f"{name} = {_folded(value)}" for name, value in pip.items())]) + "\n",
        npmrc="".join(f"{line}\n" for line in npm),
        apt_sources=tuple(line for line, _uri in archives),
        apt_conf=_apt_conf(),
        debian=plain[0] if plain else DEBIAN,
        debian_security=security[0] if security else DEBIAN_SECURITY,
        ca_bundle=_ca_bundle(env, etc, home),
        go_proxy=go_proxy,
        python_index=pip.get("index-url", PYTHON_INDEX),
        npm_registry=registry or NPM_REGISTRY,
    )
    return _with_secrets(settings)


def ssl_context(settings: RegistrySettings) -> ssl.SSLContext:
    """TLS that trusts what the machine's own programs trust."""
    context = ssl.create_default_context()
    if settings.ca_bundle is not None:
        context.load_verify_locations(cafile=str(settings.ca_bundle))
    return context


def _with_secrets(settings: RegistrySettings) -> RegistrySettings:
    """Add the host names that no message may show: those that differ from what everybody uses."""
    usual = {urlsplit(url).netloc for url in (GO_PROXY, PYTHON_INDEX, NPM_REGISTRY, DEBIAN)}
    own = (settings.go_proxy, settings.python_index, settings.npm_registry, settings.debian, settings.debian_security)
    secrets = {part for url in own for part in (url, urlsplit(url).netloc) if part and urlsplit(url).netloc not in usual}
    values = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
    return RegistrySettings(**{**values, "secrets": frozenset(secrets)})


def _go_env(env: Mapping[str, str], home: Path) -> dict[str, str]:
    """Go's settings: the environment wins over the file that ``go env -w`` writes."""
    config = home / ("Library/Application Support" if sys.platform == "darwin" else ".config")
    path = Path(env["GOENV"]) if env.get("GOENV") else Path(env.get("XDG_CONFIG_HOME") or config) / "go" / "env"
    written = dict(line.split("=", 1) for line in _lines(path) if "=" in line)
    merged = {name: env.get(name) or written.get(name, "") for name in GO_NAMES}
    return {name: value for name, value in merged.items() if value}


def _pip(env: Mapping[str, str], etc: Path, home: Path) -> dict[str, str]:
    """pip's settings, in pip's own order: system, user, virtual environment, PIP_CONFIG_FILE, environment."""
    files = (etc / "pip.conf", home / ".pip/pip.conf", Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf",
             home / "Library/Application Support/pip/pip.conf", Path(sys.prefix) / "pip.conf")  # fmt: skip
    merged: dict[str, str] = {}
    for path in (*files, *((Path(env["PIP_CONFIG_FILE"]),) if env.get("PIP_CONFIG_FILE") else ())):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path)
        except configparser.Error:
            continue  # pip itself would refuse to start: the user hears of it there
        for section in ("global", "install"):
            if parser.has_section(section):
                merged |= {name.replace("_", "-"): value for name, value in parser.items(section)}
    merged |= {
        name: env[f"PIP_{name.upper().replace('-', '_')}"]
        for name in PIP_NAMES
        if env.get(f"PIP_{name.upper().replace('-', '_')}")
    }
    return {name: merged[name] for name in PIP_NAMES if name in merged}


def _folded(value: str) -> str:
    """A value of several lines, as an ini file wants it."""
    return "\n    ".join(value.split())


def _npm_lines(env: Mapping[str, str], etc: Path, home: Path) -> list[str]:
    """npm's settings: the environment wins over the user's file, and that over the system's."""
    found: dict[str, str] = {}
    for path in (etc / "npmrc", Path(env.get("NPM_CONFIG_USERCONFIG") or env.get("npm_config_userconfig") or home / ".npmrc")):
        for line in _lines(path):
            if NPM_NAMES.match(line):
                found[line.split("=", 1)[0].strip()] = line
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if env.get(name):
            found["registry"] = f"registry={env[name]}"
    return list(found.values())


def _debian_sources(etc: Path) -> list[tuple[str, str, str]]:
    """(one-line source, URI, suite) of each entry of the Debian archive; other vendors' archives are left out."""
    apt = etc / "apt"
    paths = [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list")), *sorted(apt.glob("sources.list.d/*.sources"))]
    entries = [entry for path in paths for entry in (_deb822(path) if path.suffix == ".sources" else _one_line(path))]
    return [(f"deb {uri} {suite} {parts}", uri.rstrip("/"), suite) for uri, suite, parts in entries if _is_debian(uri)]


def _is_debian(uri: str) -> bool:
    return re.search(r"/debian(-security)?/?$", urlsplit(uri).path or "") is not None


def _one_line(path: Path) -> Iterator[tuple[str, str, str]]:
    for line in _lines(path):
        match = re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*(.*)", line)
        if match:
            yield match.group(1), match.group(2), match.group(3)


def _deb822(path: Path) -> Iterator[tuple[str, str, str]]:
    for paragraph in re.split(r"\n\s*\n", _text(path)):
        lines = (line for line in paragraph.splitlines() if not line.startswith("#"))
        fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield uri, suite, fields.get("components", "")


def _apt_conf() -> str:
    """apt's settings for reaching its archives; nothing where there is no apt."""
    try:
        dumped = process.run(["apt-config", "dump"], timeout=5, check=False)
    except SeatrialError:
        return ""
    return "".join(f"{line}\n" for line in dumped.stdout.splitlines() if APT_NAMES.match(line) and not line.endswith('"";'))


def _ca_bundle(env: Mapping[str, str], etc: Path, home: Path) -> Path | None:
    """The first certificate file that any of the machine's settings names and that exists."""
    named = [env.get(name, "") for name in CA_NAMES]
    named += [
        line.split("=", 1)[1].strip()
        for path in (home / ".npmrc", etc / "npmrc")
        for line in _lines(path)
        if line.startswith("cafile")
    ]
    named += [
        line.split("=", 1)[1].strip() for path in (etc / "pip.conf",) for line in _lines(path) if re.match(r"cert\s*=", line)
    ]
    return next((Path(name) for name in named if name and Path(name).is_file()), None)


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in _text(path).splitlines() if line.strip() and not line.lstrip().startswith(("#", ";"))]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # absent or not readable: the machine does not set anything there
