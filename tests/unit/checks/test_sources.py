from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.app import App, load_app
from seatrial.checks.sources import BEGIN, END, Layout, Source, description, judge_layout, main, read_sources, unresolved
from seatrial.verdict import Outcome

SEATRIAL = """\
seatrial: 1
name: shop
reference: true
namespace: shop
components:
  web:
    role: frontend
    image: {repository: shop-web, tag: "1.0", context: web}
    port: 3000
    source: web
  api:
    role: backend
    image: {repository: shop-api, tag: "1.0", context: api}
    port: 8001
    source: api
chart: {path: chart, release: shop}
"""
FILES = {
    "seatrial.yaml": SEATRIAL,
    "chart/Chart.yaml": "name: shop\n",
    "web/Dockerfile": 'FROM node:22-alpine\nEXPOSE 3000\nCMD ["node", "server.js"]\n',
    "web/package.json": '{"scripts": {"build": "next build"}, "dependencies": {"next": "16.0.0"}}',
    "web/next.config.ts": "",
    "api/Dockerfile": "FROM python:3.13-slim AS build\nRUN pip --x install --y -r requirements.txt\n"
    'FROM python:3.13-slim\nEXPOSE 8001\nENTRYPOINT ["init"]\nCMD ["python", "-m", "app"]\n',
    "api/requirements.txt": "fastapi>=0.1\n--hash=x\nSQLAlchemy[asyncio]  # the database\n",
    "api/app/__init__.py": "",
    "api/app/main.py": "from fastapi import FastAPI\nfrom app.gone import x\nimport app\napplication = FastAPI()\n",
    "docs/analysis.md": f"# Analysis\n\n{BEGIN}\n{END}\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> App:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return load_app(tmp_path)


def test_what_sources_say(shop: App) -> None:
    web, api = read_sources(shop).values()
    assert web.rows() == {
        "sources": "web",
        "port": "3000",
        "runtime": "node 22",
        "dependencies": "next 16.0.0",
        "dependency file": "package.json",
        "build": "npm run build (next build)",
        "start": "node server.js",
        "configuration files": "Dockerfile, next.config.ts, package.json",
    }
    assert api.dependencies == {"fastapi": ">=0.1", "SQLAlchemy[asyncio]": ""}
    assert (api.entry, api.start, api.build) == ("app.main", "init python -m app", "pip install -r requirements.txt")
    assert api.runtime == ("python", "3.13")


def test_an_import_of_own_code_that_no_file_is(shop: App) -> None:
    assert unresolved(shop.root / "api", ["app/__init__.py", "app/main.py"]) == {"app.gone": "app/main.py"}


def test_the_description_is_written_between_its_markers(shop: App) -> None:
    assert main([str(shop.root)]) == 0
    text = (shop.root / "docs/analysis.md").read_text()
    assert description(read_sources(shop)) in text
    assert text.startswith("# Analysis\n") and text.endswith(f"{END}\n")
    assert main([str(shop.root)]) == 0 and (shop.root / "docs/analysis.md").read_text() == text


def test_a_document_without_markers_is_told(shop: App, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.root / "docs/analysis.md").write_text("mine\n")
    assert main([str(shop.root)]) != 0
    assert "lacks the markers" in capsys.readouterr().err
    assert (shop.root / "docs/analysis.md").read_text() == "mine\n"


WEB = Source(Path("web"), ("package.json",), {"next": "16"}, "package.json", "npm run build")
API = Source(Path("api"), ("app.py",), {"fastapi": ""}, "requirements.in", entry="app")
GOOD = Layout({"web": ("frontend", WEB), "api": ("backend", API)}, (), {"chart": (Path("chart"), True)}, {})


def test_a_workspace_that_is_laid_out_passes() -> None:
    verdict = judge_layout(GOOD)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(GOOD, without=("job",)), "no source in seatrial.yaml"),
        (replace(GOOD, folders={"tests": (Path("t"), False)}), "the folder for tests: found no t"),
        (replace(GOOD, missing={"app.gone": "app/main.py"}), "it imports app.gone, which no file is"),
        (replace(GOOD, sources={"web": ("frontend", replace(WEB, build=None))}), "no build script in package.json"),
        (replace(GOOD, sources={"web": ("frontend", replace(WEB, dependency_file=None))}), "no readable package.json"),
        (replace(GOOD, sources={"web": ("frontend", replace(WEB, names=()))}), "nothing in web"),
        (replace(GOOD, sources={"api": ("backend", replace(API, dependency_file=None))}), "no dependency file"),
        (replace(GOOD, sources={"api": ("backend", replace(API, entry=None))}), "no module that calls FastAPI()"),
        (replace(GOOD, sources={"api": ("backend", replace(API, unparsed=(("a.py", "odd"),)))}), "a.py cannot be parsed: odd"),
    ],
)
def test_what_is_missing_fails(seen: Layout, says: str) -> None:
    verdict = judge_layout(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_an_application_without_sources_is_no_pass() -> None:
    assert judge_layout(Layout({}, (), {}, {})).outcome is Outcome.FAILED
