"""Version numbers as programs print them, and whether one fits."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

PATTERN = r"(?<![\w.])(?:v|go)?(\d+(?:\.\d+){1,3})"
"""The first thing in a program's output that looks like a version. Suffixes such as ``+g3f2a``, ``-dispatcher`` or ``~deb12u1``
are a packager's business and no part of the number that is compared."""


def read(text: str, pattern: str = PATTERN) -> str | None:
    """The version in a program's output, without a leading v; None where there is none.

    >>> read("v4.0.1+g12345")
    '4.0.1'
    >>> read("Docker version 28.2.2, build e6534b4")
    '28.2.2'
    """
    match = re.search(pattern, text)
    return match.group(1) if match else None


def fits(version: str, minimum: str, below: str | None = None) -> bool:
    """Whether ``minimum <= version < below``."""
    try:
        number = Version(version)
    except InvalidVersion:
        return False
    return Version(minimum) <= number and (below is None or number < Version(below))
