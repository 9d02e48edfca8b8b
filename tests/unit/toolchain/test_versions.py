import pytest

from seatrial.toolchain import versions


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("v1.34.4", "1.34.4"),
        ("v4.0.1+g12345ab", "4.0.1"),
        ("v3.19.0+g3d8990f", "3.19.0"),
        ("Docker version 28.2.2, build e6534b4", "28.2.2"),
        ("Docker version 20.10.24+dfsg1, build 297e128", "20.10.24"),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", "1.32.4"),
        ("go version go1.26.8 linux/amd64", "1.26.8"),
        ("go version go1.27 linux/amd64", "1.27"),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
        ("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)", "156.0.8078.79"),
        ("Haskell Dockerfile Linter 2.12.0", "2.12.0"),
        ("CoreDNS-1.12.1\nlinux/amd64, go1.26.8, ", "1.12.1"),
    ],
)
def test_version_is_read_from_what_programs_print(said: str, number: str) -> None:
    assert versions.read(said) == number


@pytest.mark.parametrize("said", ["", "command not found", "build 7", "file.v1.2.3", "sha256:1a2b3c"])
def test_what_holds_no_version_gives_none(said: str) -> None:
    assert versions.read(said) is None


@pytest.mark.parametrize(
    ("version", "minimum", "below", "fits"),
    [
        ("1.10.0", "1.9.0", None, True),
        ("1.9.9", "1.10.0", None, False),
        ("1.34.4", "1.34.4", None, True),
        ("1.36.0", "1.33.0", "1.36.0", False),
        ("1.35.9", "1.33.0", "1.36.0", True),
        ("156.0.8078.79", "120.0", None, True),
        ("not a version", "1.0", None, False),
    ],
)
def test_numbers_are_compared_as_numbers(version: str, minimum: str, below: str | None, fits: bool) -> None:
    assert versions.fits(version, minimum, below) is fits
