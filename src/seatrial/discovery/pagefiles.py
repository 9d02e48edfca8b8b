"""Routes of Next.js, which are files: pages and route handlers, as far as nothing else makes or moves routes.

https://nextjs.org/docs/app/getting-started/project-structure tells what each name means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from seatrial.discovery.tree import text_of

FRAMEWORK = "Next.js"
MADE_BY_ITSELF = ("/_next/", "/favicon.ico", "/robots.txt", "/sitemap.xml", "/sitemap/", "/manifest.webmanifest")
"""What it serves besides, or may."""
_PACKAGE = "package.json"
_SETTINGS = re.compile(r"next\.config\.\w+")
_MOVED = re.compile(r"\b(?:rewrites|redirects|basePath|i18n|pageExtensions|assetPrefix)\b|\boutput\s*:\s*['\"]export")
"""Settings that make other routes than the files say."""
_SERVER = re.compile(r"(?:server|index|app)\.[cm]?[jt]s")
"""A server of one's own, at the top: it may answer anything."""
_MIDDLEWARE = re.compile(r"(?:src/)?(?:middleware|proxy)\.[cm]?[jt]s")
_LETS_PASS = re.compile(r"\bNextResponse\.next\(")
_ANSWERS = re.compile(
    r"redirect|rewrite|\bnew\s+\w*Response\b|\bResponse\.\w*(?<!next)\(|\.json\(|export\s*\{|export\s+default\s+\w+\("
)
"""What a middleware may do beside letting pass: answer, or lead elsewhere."""
_HANDLER = re.compile(r"(?:page|route)\.(?:[jt]sx?)|(?:icon|apple-icon|opengraph-image|twitter-image)\d*\..*")
_PAGE = re.compile(r"(?P<stem>.+)\.(?:[jt]sx?)")
_NO_PAGES = frozenset(("_app", "_document", "_error", "404", "500"))


def paths(context: Path, files: Sequence[str]) -> tuple[str, ...] | None:
    """The routes of the one Next.js program among an image's files, in Next.js' own notation.

    Args:
        files: what the image's stages are given, relative to the context.

    Returns:
        none where anything else may answer; None where there is no such program.
    """
    programs = [name for name in files if PurePosixPath(name).name == _PACKAGE and _is_next(context / name)]
    if not programs:
        return None
    top = programs[0][: -len(_PACKAGE)]
    own = [name[len(top) :] for name in files if name.startswith(top)]
    settings, between = (
        [text_of(context / top / name) or "" for name in own if pattern.fullmatch(name)] for pattern in (_SETTINGS, _MIDDLEWARE)
    )
    lets_pass = all(_LETS_PASS.search(text) and not _ANSWERS.search(text) for text in between)
    if len(programs) > 1 or any(map(_SERVER.fullmatch, own)) or any(map(_MOVED.search, settings)) or not lets_pass:
        return ()
    return tuple(sorted({route for name in own for route in _routes(PurePosixPath(name))}))


def _is_next(package: Path) -> bool:
    try:
        found = json.loads(text_of(package) or "{}")
    except (ValueError, RecursionError):
        return False
    dependencies = found.get("dependencies") if isinstance(found, dict) else None
    return isinstance(dependencies, dict) and "next" in dependencies


def _routes(file: PurePosixPath) -> Iterator[str]:
    """What one file answers."""
    parts = file.parts[1:] if file.parts[0] == "src" else file.parts
    kind, inside = parts[0], parts[1:]
    if not inside:
        return
    folders, name = inside[:-1], inside[-1]
    if kind == "public" and file.parts[0] == "public":
        yield _joined(inside)
    elif kind == "app" and _HANDLER.fullmatch(name) and not any(each.startswith("_") for each in folders):
        at = [re.sub(r"^(?:\(\.{1,3}\))+", "", each) for each in folders]
        at = [each for each in at if not each.startswith(("(", "@"))]
        picture = () if re.match(r"page|route", name) else (name.partition(".")[0],)
        yield _joined((*at, *picture))
    elif kind == "pages" and (page := _PAGE.fullmatch(name)) and page["stem"] not in _NO_PAGES:
        yield _joined((*folders, *(() if page["stem"] == "index" else (page["stem"],))))


def _joined(parts: Sequence[str]) -> str:
    return f"/{'/'.join(parts)}"


def pattern(route: str) -> re.Pattern[str]:
    """The paths that one route answers."""
    whole = ""
    for part in route.strip("/").split("/"):
        if part.startswith("[[..."):
            whole += r"(?:/.+)?"
        elif part.startswith("[..."):
            whole += r"/.+"
        elif part.startswith("["):
            whole += r"/[^/]+"
        elif part:
            whole += f"/{re.escape(part)}"
    return re.compile(f"(?:{whole})/?$" if whole else "/$")
