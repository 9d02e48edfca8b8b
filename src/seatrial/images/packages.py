"""Which packages an image holds, by the records of its package managers, and the same as a CycloneDX document (SBOM).

Debian's and Alpine's own databases, what pip installed and what npm installed. Nothing of the image is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import Any, Literal

from packaging.utils import canonicalize_name

from seatrial.images.content import RECORD, Content

Manager = Literal["dpkg", "apk", "pip", "npm"]

_PARAGRAPH = re.compile(r"\n\s*\n")
_FIELD = re.compile(r"^([A-Za-z][\w-]*): *(.*)$", re.MULTILINE)
_SOURCE = re.compile(r"(\S+)(?: \((\S+)\))?")
_APK_FIELD = re.compile(r"^([A-Za-z]):(.*)$", re.MULTILINE)
_RPM = re.compile(r"/(?:var/lib|usr/lib/sysimage)/rpm/(?:rpmdb\.sqlite|Packages|Packages\.db)")


@dataclass(frozen=True)
class Release:
    """What an image's base is, by its os-release.

    Attributes:
        system, version: ``debian`` and ``13``, ``alpine`` and ``3.22.1``; empty where it does not say.
        long_term: it calls itself LTS.
    """

    system: str = ""
    version: str = ""
    long_term: bool = False

    @property
    def ecosystem(self) -> str:
        """Under which name advisories on its packages are kept (OSV schema, "Defined Ecosystems"); empty where none is known."""
        if not self.version:
            return ""
        if self.system == "debian":
            return f"Debian:{self.version.partition('.')[0]}"
        if self.system == "alpine":
            return f"Alpine:v{'.'.join(self.version.split('.')[:2])}"
        if self.system == "ubuntu":
            return f"Ubuntu:{self.version}{':LTS' if self.long_term else ''}"
        return ""


@dataclass(frozen=True)
class Package:
    """One package in an image.

    Attributes:
        manager: whose record it stands in.
        name, version: as that says.
        path: of the record.
        source, source_version: of Debian and Alpine, what it was built from: advisories speak of that. Else as name and version.
        architecture: of Debian and Alpine.
    """

    manager: Manager
    name: str
    version: str
    path: str
    source: str
    source_version: str
    architecture: str = ""


@dataclass(frozen=True)
class Holding:
    """What an image holds.

    Attributes:
        release: of its base.
        packages: each of a name and version once for each manager.
        records: manager -> how many records of it there are.
        unread: paths of records that could not be read.
        foreign: paths of package databases that nobody here can read.
    """

    release: Release
    packages: tuple[Package, ...]
    records: Mapping[str, int]
    unread: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def packages_of(content: Content) -> Holding:
    """Read the records of an image as its containers see it: what a later layer removed is not in use."""
    files = content.files()
    found: dict[tuple[str, str, str], Package] = {}
    records: dict[str, int] = {}
    unread = []
    for path, entry in sorted(files.items()):
        manager = _manager(path)
        if manager is None or entry.kind != "file":
            continue
        records[manager] = records.get(manager, 0) + 1
        try:
            for package in _READERS[manager](path, entry.data):
                found.setdefault((package.manager, package.name, package.version), package)
        except (ValueError, RecursionError):
            unread.append(path)
    foreign = tuple(path for path in sorted(files) if _RPM.fullmatch(path))
    releases = (files[path].data for path in ("/etc/os-release", "/usr/lib/os-release") if path in files)
    return Holding(_release(next(filter(None, releases), b"")), tuple(found.values()), records, tuple(unread), foreign)


def _manager(path: str) -> Manager | None:
    if not RECORD.fullmatch(path) or path.endswith(("/os-release", ".md5sums")):
        return None
    if path.startswith("/var/lib/dpkg/"):
        return "dpkg"
    if path.endswith("/apk/db/installed"):
        return "apk"
    return "pip" if path.endswith("/METADATA") else "npm"


def _release(data: bytes) -> Release:
    pairs = (line.split("=", 1) for line in data.decode(errors="replace").splitlines() if "=" in line)
    facts = {key: value.strip("\"'") for key, value in pairs}
    return Release(facts.get("ID", ""), facts.get("VERSION_ID", ""), "LTS" in facts.get("VERSION", ""))


def _dpkg(path: str, data: bytes) -> Iterator[Package]:
    for paragraph in _PARAGRAPH.split(data.decode(errors="replace")):
        fields = dict(_FIELD.findall(paragraph))
        name, version = fields.get("Package", ""), fields.get("Version", "")
        installed = fields.get("Status", "install ok installed").endswith(" installed")
        if name and version and installed:
            source = _SOURCE.match(fields.get("Source") or name)
            origin, origin_version = source.groups() if source else (name, None)
            yield Package("dpkg", name, version, path, origin, origin_version or version, fields.get("Architecture", ""))


def _apk(path: str, data: bytes) -> Iterator[Package]:
    for paragraph in _PARAGRAPH.split(data.decode(errors="replace")):
        fields = dict(_APK_FIELD.findall(paragraph))
        name, version = fields.get("P", ""), fields.get("V", "")
        if name and version:
            yield Package("apk", name, version, path, fields.get("o") or name, version, fields.get("A", ""))


def _pip(path: str, data: bytes) -> Iterator[Package]:
    fields = BytesHeaderParser().parsebytes(data)
    name, version = fields.get("Name"), fields.get("Version")
    if not name or not version:
        raise ValueError(path)
    name = canonicalize_name(str(name).strip())
    version = str(version).strip()
    yield Package("pip", name, version, path, name, version)


def _npm(path: str, data: bytes) -> Iterator[Package]:
    facts = json.loads(data)
    if not isinstance(facts, dict):
        raise ValueError(path)
    name, version = facts.get("name"), facts.get("version")
    if name and version:  # else it only says how its folder's files are to be read
        yield Package("npm", str(name), str(version), path, str(name), str(version))


_READERS = {"dpkg": _dpkg, "apk": _apk, "pip": _pip, "npm": _npm}


# the document


def document(holding: Holding, reference: str, image_id: str) -> str:
    """The image as a CycloneDX 1.6 document, JSON: itself as a container, and a library for each of its packages."""
    # Late: they take a third of a second, and few commands write such a document.
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    name, _, tag = reference.rpartition(":")
    image = Component(name=name, version=tag, type=ComponentType.CONTAINER, bom_ref=image_id)
    bom = Bom()
    bom.metadata.component = image
    libraries = []
    for package in holding.packages:
        purl = PackageURL(**_purl(package, holding.release))
        library = Component(
            name=package.name, version=package.version, type=ComponentType.LIBRARY, purl=purl, bom_ref=purl.to_string()
        )
        bom.components.add(library)
        libraries.append(library)
    bom.register_dependency(image, libraries)
    return JsonV1Dot6(bom).output_as_string(indent=1)


def _purl(package: Package, release: Release) -> dict[str, Any]:
    """Parts of a package's URL (purl specification, "deb", "apk", "pypi" and "npm")."""
    if package.manager in ("dpkg", "apk"):
        qualifiers = {"arch": package.architecture, "distro": f"{release.system}-{release.version}" if release.version else ""}
        if package.source != package.name:
            qualifiers["upstream"] = package.source
        kind = "deb" if package.manager == "dpkg" else "apk"
        space = release.system or ("debian" if package.manager == "dpkg" else "alpine")
        given = {key: value for key, value in sorted(qualifiers.items()) if value}
        return {"type": kind, "namespace": space, "name": package.name, "version": package.version, "qualifiers": given}
    if package.manager == "pip":
        return {"type": "pypi", "name": package.name, "version": package.version}
    space, _, name = package.name.rpartition("/")
    return {"type": "npm", "namespace": space or None, "name": name, "version": package.version}
