from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.discovery.holdings import discover
from seatrial.discovery.served import Routes
from seatrial.discovery.tree import walk

PYTHON = "FROM python:3.12-slim\nCOPY . .\n"
NODE = "FROM node:22-alpine\nCOPY src ./src\n"


def routes_of(folder: Path, dockerfile: str, **files: str) -> Routes | None:
    (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return discover(walk(folder)).routes(folder / "Dockerfile")


def test_routes_of_fastapi_with_its_own_pages(tmp_path: Path) -> None:
    found = routes_of(tmp_path, PYTHON, main_py='app = FastAPI()\n@app.get("/carts/{id}")\ndef cart(): ...\n')
    assert found == Routes("FastAPI", ("/carts/{id}",))
    assert [path for path in ("/carts/1", "/api/carts/1", "/docs", "/carts", "/health", "/") if found.answers(path)] == [
        "/carts/1",
        "/api/carts/1",
        "/docs",
    ]


def test_routes_of_express_and_flask(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    express = 'import express from "express";\nconst app = express();\napp.get("/health", ok);\napp.use("/api/users", users);\n'
    assert routes_of(tmp_path / "a", NODE, src__server_js=express) == Routes("Express", ("/health", "/api/users"))
    flask = "app = Flask(__name__)\n@app.route('/messages', methods=['GET'])\ndef all(): ...\n"
    found = routes_of(tmp_path / "b", PYTHON, app_py=flask)
    assert found is not None
    assert (found.answers("/messages/"), found.answers("/static/a.css"), found.answers("/healthz")) == (True, True, False)


@pytest.mark.parametrize(
    "text",
    [
        'import express from "express";\napp.get("*", page);\napp.get("/a", a);',
        'import express from "express";\nimport { createTerminus } from "@godaddy/terminus";\napp.get("/a", a);',
        'import express from "express";\napp.use(express.static("dist"));\napp.get("/a", a);',
        'import express from "express";\napp.use(/^.api/, a);\napp.get("/a", a);',
        'import fastify from "fastify";\napp.get("/a", a);',
        'import express from "express";',
    ],
)
def test_what_is_not_sure_is_nothing(tmp_path: Path, text: str) -> None:
    assert routes_of(tmp_path, NODE, src__server_js=text) is None


def test_sources_that_the_image_is_not_given_do_not_count(tmp_path: Path) -> None:
    express = 'import express from "express";\napp.get("/health", ok);\n'
    assert routes_of(tmp_path, NODE, other__server_js=express) is None
    assert routes_of(tmp_path, "FROM nginx:1.29\nCOPY . .\n", other__server_js=express) is None


def passed(folder: Path, dockerfile: str, conf: str) -> list[tuple[str, int, str]]:
    (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    (folder / "nginx.conf").write_text(conf, encoding="utf-8")
    found = discover(walk(folder)).passed.get(folder / "Dockerfile", ())
    return [(each.url, each.place.line or 0, each.target) for each in found]


def test_what_nginx_passes_on(tmp_path: Path) -> None:
    conf = (
        "upstream app {\n  server backend:5000;\n}\nserver {\n  # proxy_pass http://old:1;\n  location / { proxy_pass http://app; }\n"
        "  location /api/ {\n    proxy_pass http://api:8080/v1/;\n    proxy_set_header Host $host;\n  }\n"
        "  location /x { set $up http://late:1; }\n  location /y {\n    proxy_pass http://$up:80;\n  }\n}\n"
    )
    dockerfile = "FROM node:22 AS build\nCOPY . .\nFROM nginx:1.29\nCOPY nginx.conf /etc/nginx/conf.d/default.conf\n"
    target = "/etc/nginx/conf.d/default.conf"
    assert passed(tmp_path, dockerfile, conf) == [("http://api:8080", 8, target), ("http://backend:5000", 2, target)]
    assert passed(tmp_path, dockerfile.replace("conf.d/default.conf", "conf.d/"), conf)[0][2] == "/etc/nginx/conf.d/nginx.conf"


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM nginx:1.29\nCOPY nginx.conf /etc/nginx/templates/default.conf\n",
        "FROM nginx:1.29\nCOPY nginx.conf /etc/nginx/conf.d/default.conf\nRUN sed -i s/api/b/ /etc/nginx/conf.d/default.conf\n",
        "FROM nginx:1.29\nCOPY nginx.conf /usr/share/doc/nginx.conf\n",
    ],
)
def test_what_is_changed_before_it_is_read_does_not_count(tmp_path: Path, dockerfile: str) -> None:
    assert passed(tmp_path, dockerfile, "server {\n  proxy_pass http://api:8080;\n}\n") == []
