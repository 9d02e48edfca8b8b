from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from seatrial.images.content import read_content
from seatrial.images.packages import Holding, Release, document, packages_of

STATUS = b"""\
Package: libssl3t64
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.5.1-1
Description: Secure Sockets Layer toolkit
 with a second line: of its own

Package: bash
Status: install ok installed
Architecture: amd64
Source: bash (5.2.37-2)
Version: 5.2.37-2+b5

Package: gone
Status: deinstall ok config-files
Version: 1.0
"""
APK = b"C:Q1abc\nP:libcrypto3\nV:3.5.1-r0\nA:x86_64\no:openssl\n\nC:Q1def\nP:musl\nV:1.2.5-r10\nA:x86_64\n"
DEBIAN = b'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nVERSION="13 (trixie)"\nID=debian\n'
METADATA = b"Metadata-Version: 2.4\nName: Zope.Interface\nVersion: 7.2\nSummary: interfaces\n\nName: of the text below\n"


def held(docker: Any, save_archive: Any, *layers: list[Any]) -> Holding:
    docker.archive = save_archive(layers, {"config": {}})
    return packages_of(read_content(docker, "shop:1.0"))


def package_json(**facts: str) -> bytes:
    return json.dumps(facts).encode()


@pytest.fixture
def holding(docker: Any, member: Any, save_archive: Any) -> Holding:
    base = [
        member("usr/lib/os-release", DEBIAN),
        member("etc/os-release", link="../usr/lib/os-release"),
        member("var/lib/dpkg/status", STATUS),
        member("usr/lib/python3/dist-packages/old-1.dist-info/METADATA", b"Name: old\nVersion: 1\n"),
    ]
    app = [
        member("opt/venv/lib/python3.13/site-packages/zope_interface-7.2.dist-info/METADATA", METADATA),
        member("usr/lib/python3/dist-packages/.wh.old-1.dist-info", b""),
        member("app/node_modules/next/package.json", package_json(name="next", version="15.5.6")),
        member("app/node_modules/@next/env/package.json", package_json(name="@next/env", version="15.5.6")),
        member("app/node_modules/a/node_modules/next/package.json", package_json(name="next", version="15.5.6")),
        member("app/node_modules/next/dist/compiled/x/package.json", package_json(name="x", version="1.0.0")),
        member("app/node_modules/plain/package.json", package_json(type="module")),
        member("app/package.json", package_json(name="shop", version="1.0.0")),
    ]
    return held(docker, save_archive, base, app)


def test_records_of_every_manager_are_read_as_containers_see_them(holding: Holding) -> None:
    assert [(each.manager, each.name, each.version) for each in holding.packages] == [
        ("npm", "@next/env", "15.5.6"), ("npm", "next", "15.5.6"), ("pip", "zope-interface", "7.2"),
        ("dpkg", "libssl3t64", "3.5.1-1"), ("dpkg", "bash", "5.2.37-2+b5"),
    ]  # fmt: skip
    assert [(each.source, each.source_version) for each in holding.packages[-2:]] == [
        ("openssl", "3.5.1-1"), ("bash", "5.2.37-2"),
    ]  # fmt: skip
    assert (holding.release, holding.records) == (Release("debian", "13"), {"npm": 4, "pip": 1, "dpkg": 1})
    assert not holding.unread and not holding.foreign


def test_the_document_is_valid_and_names_every_package_by_its_url(holding: Holding) -> None:
    text = document(holding, "registry.example/shop:1.0", "sha256:1")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    said = json.loads(text)
    assert (said["metadata"]["component"]["name"], said["metadata"]["component"]["version"]) == ("registry.example/shop", "1.0")
    assert sorted(each["purl"] for each in said["components"]) == [
        "pkg:deb/debian/bash@5.2.37-2%2Bb5?arch=amd64&distro=debian-13",
        "pkg:deb/debian/libssl3t64@3.5.1-1?arch=amd64&distro=debian-13&upstream=openssl",
        "pkg:npm/%40next/env@15.5.6",
        "pkg:npm/next@15.5.6",
        "pkg:pypi/zope-interface@7.2",
    ]


def test_the_document_of_an_image_without_packages_is_valid(docker: Any, member: Any, save_archive: Any) -> None:
    found = held(docker, save_archive, [member("server", b"ELF")])
    assert (found.packages, found.records) == ((), {})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document(found, "shop:1.0", "sha256:1")) is None


def test_alpine_and_distroless_keep_records_of_their_own(docker: Any, member: Any, save_archive: Any) -> None:
    alpine = [member("lib/apk/db/installed", APK), member("etc/os-release", b"ID=alpine\nVERSION_ID=3.22.1\n")]
    found = held(docker, save_archive, alpine)
    assert [(each.name, each.source, each.architecture) for each in found.packages] == [
        ("libcrypto3", "openssl", "x86_64"), ("musl", "musl", "x86_64"),
    ]  # fmt: skip
    assert "pkg:apk/alpine/musl@1.2.5-r10?arch=x86_64&distro=alpine-3.22.1" in document(found, "shop:1.0", "sha256:1")
    distroless = [
        member("var/lib/dpkg/status.d/base-files", b"Package: base-files\nVersion: 12.4\n"),
        member("var/lib/dpkg/status.d/base-files.md5sums", b"Package: no\nVersion: 1\n"),
    ]
    assert [each.name for each in held(docker, save_archive, distroless).packages] == ["base-files"]


def test_what_cannot_be_read_is_named(docker: Any, member: Any, save_archive: Any) -> None:
    found = held(
        docker,
        save_archive,
        [
            member("app/node_modules/broken/package.json", b"{"),
            member("app/node_modules/deep/package.json", b"[" * 100_000),
            member("app/node_modules/list/package.json", b"[]"),
            member("opt/x-1.dist-info/METADATA", b"\xff\xfe"),
            member("var/lib/rpm/rpmdb.sqlite", b"SQLite"),
        ],
    )
    assert found.packages == ()
    assert found.unread == (
        "/app/node_modules/broken/package.json", "/app/node_modules/deep/package.json", "/app/node_modules/list/package.json",
        "/opt/x-1.dist-info/METADATA",
    )  # fmt: skip
    assert found.foreign == ("/var/lib/rpm/rpmdb.sqlite",)


@pytest.mark.parametrize(
    ("release", "ecosystem"),
    [
        (Release("debian", "13"), "Debian:13"),
        (Release("debian", ""), ""),
        (Release("alpine", "3.22.1"), "Alpine:v3.22"),
        (Release("ubuntu", "24.04", True), "Ubuntu:24.04:LTS"),
        (Release("fedora", "42"), ""),
    ],
)
def test_advisories_are_kept_by_release(release: Release, ecosystem: str) -> None:
    assert release.ecosystem == ecosystem
