"""Links between the documents of a repository: what they name must be there, for a reader of a clean checkout.

Only links to files and headings are followed; addresses in the network are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it.token import Token

from seatrial.checks.markdown import tokens_of
from seatrial.errors import Place
from seatrial.tools.hadolint import Finding, Level

_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")
_HTML_ANCHOR = re.compile(r"<[^>]+\b(?:id|name)=[\"']([^\"']+)[\"']")


def broken(file: Path, root: Path, is_there: Callable[[Path], bool]) -> Iterator[Finding]:
    """The links and images of a Markdown file that lead nowhere, each with its line.

    Args:
        file: the document.
        root: what a link that begins with a slash starts from.
        is_there: whether the repository holds a file or folder.
    """
    for line, target in _links(file.read_text(encoding="utf-8")):
        fault = _fault(target, file, root, is_there)
        if fault:
            yield Finding("link", Level.ERROR, f"the link {target} {fault}", Place(file, line))


def _fault(target: str, file: Path, root: Path, is_there: Callable[[Path], bool]) -> str | None:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    path = unquote(parts.path)
    start = root if path.startswith("/") else file.parent
    named = Path(start, path.lstrip("/")).resolve() if path else file
    if not named.is_relative_to(root.resolve()):
        return "leads out of the repository"
    if not is_there(named):
        return "leads to nothing that is in the repository"
    if parts.fragment and named.suffix.lower() == ".md" and unquote(parts.fragment).lower() not in anchors(named):
        return f"names a heading that {named.name} does not have"
    return None


def _links(text: str) -> Iterator[tuple[int, str]]:
    """Line, where its paragraph begins, and target of each link and image."""
    for block in tokens_of(text):
        for token in block.children or ():
            target = token.attrGet("href") or token.attrGet("src")
            if target and block.map:
                yield block.map[0] + 1, str(target)


@lru_cache
def anchors(file: Path) -> frozenset[str]:
    """What can stand behind ``#`` to name a part of a document: its headings as GitHub names them, and anchors in HTML."""
    text = file.read_text(encoding="utf-8")
    found: dict[str, int] = {}
    blocks = tokens_of(text)
    for opening, block in pairwise(blocks):
        if opening.type == "heading_open":
            name = _NOT_IN_ANCHOR.sub("", _words(block).strip().lower()).replace(" ", "-")
            found[name] = found.get(name, -1) + 1
            if found[name]:
                found[f"{name}-{found[name]}"] = 0
    return frozenset(found) | {name.lower() for name in _HTML_ANCHOR.findall(text)}


def _words(block: Token) -> str:
    """Text of a heading, without its markup."""
    return "".join(token.content for token in block.children or () if token.type in ("text", "code_inline"))
