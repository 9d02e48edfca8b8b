from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.discovery import pagefiles
from seatrial.discovery.holdings import discover
from seatrial.discovery.served import Routes
from seatrial.discovery.tree import walk

PACKAGE = json.dumps({"dependencies": {"next": "15.1.0", "react": "19.0.0"}})
DOCKERFILE = "FROM node:22 AS build\nCOPY . .\nRUN npm run build\nFROM node:22-alpine\nCOPY --from=build /app .\n"


def routes_of(folder: Path, files: dict[str, str], dockerfile: str = DOCKERFILE) -> Routes | None:
    for name, text in {"Dockerfile": dockerfile, "package.json": PACKAGE, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return discover(walk(folder)).routes(folder / "Dockerfile")


def test_pages_and_handlers_of_the_app_folder(tmp_path: Path) -> None:
    files = [
        "src/app/page.tsx",
        "src/app/(shop)/carts/[id]/page.tsx",
        "src/app/api/health/route.ts",
        "src/app/docs/[...slug]/page.js",
        "src/app/_parts/page.tsx",
        "src/app/layout.tsx",
        "src/app/icon.svg",
        "public/images/a.png",
    ]
    found = routes_of(tmp_path, dict.fromkeys(files, ""))
    assert found is not None
    assert found.framework == "Next.js"
    assert {path: found.answers(path) for path in ("/", "/carts/1", "/api/health/", "/docs/a/b", "/icon", "/images/a.png")} == (
        dict.fromkeys(("/", "/carts/1", "/api/health/", "/docs/a/b", "/icon", "/images/a.png"), True)
    )
    assert found.answers("/_next/static/a.js")
    for path in ("/health", "/healthz", "/carts", "/docs", "/v1/api/health", "/shop/carts/1", "/parts"):
        assert not found.answers(path), path


def test_pages_of_the_pages_folder(tmp_path: Path) -> None:
    files = ["pages/index.js", "pages/_app.js", "pages/blog/[[...all]].tsx", "pages/api/ready.ts", "pages/404.js"]
    found = routes_of(tmp_path, dict.fromkeys(files, ""))
    assert found is not None
    assert found.paths == ("/", "/api/ready", "/blog/[[...all]]")
    assert [found.answers(path) for path in ("/blog", "/blog/a/b", "/api/ready", "/404", "/api")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"next.config.mjs": "export default {basePath: '/shop'}"},
        {"next.config.js": "module.exports = {async rewrites() { return [] }}"},
        {"next.config.ts": "export default {output: 'export'}"},
        {"src/middleware.ts": ""},
        {"proxy.ts": "return NextResponse.redirect(login)"},
        {"middleware.ts": "if (ok) return NextResponse.next()\nreturn NextResponse.rewrite(other)"},
        {"middleware.ts": "if (ok) return NextResponse.next()\nreturn new NextResponse('')"},
        {"middleware.ts": 'export { default } from "next-auth/middleware"; // NextResponse.next()'},
        {"server.js": ""},
        {"apps/other/package.json": PACKAGE},
    ],
)
def test_what_may_be_answered_otherwise_is_nothing(tmp_path: Path, more: dict[str, str]) -> None:
    assert routes_of(tmp_path, {"app/page.tsx": "", **more}) is None


def test_only_what_the_image_is_given_counts(tmp_path: Path) -> None:
    files = {"app/page.tsx": "", "app/api/health/route.ts": ""}
    assert routes_of(tmp_path, {**files, ".dockerignore": "app/api\n"}) == Routes("Next.js", ("/",))
    assert routes_of(tmp_path, {**files, "package.json": "{}"}) is None
    assert routes_of(tmp_path, {**files, "package.json": "["}) is None
    assert routes_of(tmp_path, {**files, "package.json": PACKAGE}, "FROM nginx:1.29\nCOPY . .\n") is None


def test_a_middleware_that_only_lets_pass_answers_nothing(tmp_path: Path) -> None:
    found = routes_of(
        tmp_path, {"app/page.tsx": "", "src/proxy.ts": "const answer = NextResponse.next({headers});\nreturn answer;"}
    )
    assert found == Routes("Next.js", ("/",))


def test_a_page_for_everything_answers_everything() -> None:
    assert pagefiles.pattern("/[[...all]]").match("/")
    assert pagefiles.pattern("/[...all]").match("/a/b")
    assert not pagefiles.pattern("/[...all]").match("/")
