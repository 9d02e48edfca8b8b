from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.discovery.holdings import discover
from seatrial.discovery.tree import Tree

CALL = "fetch('http://localhost:8000/tasks')\n"
FALLBACK = "fetch(process.env.REACT_APP_API || 'http://localhost:8000')\n"
SET = "fetch(`${process.env.REACT_APP_API}/tasks`)\n"
DOCKERFILE = (
    "FROM node:22 AS build\nCOPY . .\nRUN npm run build\nFROM nginx:1.27\nCOPY --from=build /app/build /usr/share/nginx/html\n"
)
REACT = {"web/Dockerfile": DOCKERFILE, "web/package.json": '{"dependencies": {"react-dom": "19"}}'}
NEXT = {"web/Dockerfile": DOCKERFILE, "web/package.json": '{"dependencies": {"react-dom": "19", "next": "15"}}'}

Find = Callable[..., list[str]]


@pytest.fixture
def find(tree: Callable[..., Tree]) -> Find:
    """What is found in some files: ``file:line address variables``, and of a setting its name."""

    def make(files: dict[str, str]) -> list[str]:
        made = tree(files)
        return [
            " ".join(
                [f"{Path(made.name(each.place.path))}:{each.place.line}", each.address, *each.variables, each.setting]
            ).strip()
            for calls in discover(made).pages.values()
            for each in calls
        ]

    return make


ANGULAR = {
    **REACT,
    "web/package.json": '{"dependencies": {"@angular/core": "20"}, "scripts": {"build": "ng build"}}',
    "web/src/environments/environment.ts": "export const environment = {apiUrl: 'http://localhost:3000'};\n",
    "web/src/app/api.service.ts": "import {environment} from '../environments/environment';\nfetch(environment.apiUrl)\n",
}
REPLACES = (
    '{"projects": {"web": {"architect": {"build": {%s "configurations": {"production": {"fileReplacements": '
    '[{"replace": "src/environments/environment.ts", "with": "src/environments/environment.prod.ts"}]}}}}}}}'
)


def test_what_angular_replaces_for_production_is_no_part_of_the_pages(find: Find):
    told = ["web/src/environments/environment.ts:1 http://localhost:3000"]
    assert find({**ANGULAR, "web/angular.json": "{}"}) == told
    assert find({**ANGULAR, "web/angular.json": REPLACES % ""}) == told, "built as for developers"
    assert find({**ANGULAR, "web/angular.json": REPLACES % '"defaultConfiguration": "production",'}) == []
    built = DOCKERFILE.replace("npm run build", "npm run build -- --configuration production")
    assert find({**ANGULAR, "web/angular.json": REPLACES % "", "web/Dockerfile": built}) == []


PAGES = {
    "React": {**REACT, "web/src/App.js": CALL},
    "Vue": {**REACT, "web/package.json": '{"dependencies": {"vue": "3"}}', "web/src/App.vue": f"<script setup>\n{CALL}</script>"},
    "a script that another imports": {**REACT, "web/src/App.js": "import './lib/api'", "web/src/lib/api.js": CALL},
    "a page of the browser's in Next": {**NEXT, "web/app/tasks.tsx": f"'use client'\n{CALL}"},
    "a library of such a page": {
        **NEXT,
        "web/app/page.tsx": "'use client'\nimport {all} from '../lib/api'",
        "web/lib/api.ts": CALL,
    },
    "plain HTML": {"web/Dockerfile": "FROM nginx:1.27\nCOPY . /html\n", "web/index.html": f"<script>{CALL}</script>"},
    "a script of plain HTML": {
        "web/Dockerfile": "FROM nginx:1.27\nCOPY *.html *.js /html/\n",
        "web/index.html": "<script src='js.js?v=1'></script>",
        "web/js.js": CALL,
    },
    "templates of a server in Python": {
        "Dockerfile": "FROM python:3.13\nCOPY app/ app/\n",
        "app/templates/index.html": f"<script>{CALL}</script>",
    },
}


@pytest.mark.parametrize("files", PAGES.values(), ids=PAGES)
def test_pages(files: dict[str, str], find: Find):
    [told] = find(files)
    assert told.endswith(" http://localhost:8000")


NO_PAGES = {
    "ignored": {**REACT, "web/src/App.js": CALL, "web/.dockerignore": "src"},
    "not copied": {**REACT, "web/src/App.js": CALL, "web/Dockerfile": "FROM nginx:1.27\nCOPY public /html\n"},
    "no image": {"web/package.json": REACT["web/package.json"], "web/src/App.js": CALL},
    "a test": {**REACT, "web/src/App.test.js": CALL, "web/src/__tests__/index.js": CALL},
    "settings of tools": {**REACT, "web/vite.config.js": CALL, "web/src/setupProxy.js": CALL},
    "a server": {**REACT, "web/src/index.js": f"const express = require('express')\n{CALL}app.listen(3000)"},
    "a program": {**REACT, "web/package.json": '{"dependencies": {"axios": "1"}}', "web/src/index.js": CALL},
    "an app for phones": {
        **REACT,
        "web/package.json": '{"dependencies": {"react-native": "1", "react-dom": "19"}}',
        "web/App.js": CALL,
    },
    "the image of the server beside them": {
        **REACT,
        "web/src/App.js": CALL,
        "web/Dockerfile": 'FROM node:22\nCOPY . .\nRUN npm install\nCMD ["node", "api/index.js"]\n',
    },
    "nothing imports it": {**REACT, "web/src/old.js": CALL},
    "Next's server": {**NEXT, "web/app/page.tsx": CALL, "web/pages/api/tasks.ts": f"onClick\n{CALL}"},
    "Angular's settings for developers": {**REACT, "web/src/environments/environment.dev.ts": CALL},
    "changed when it starts": {**REACT, "web/src/App.js": CALL, "web/start.sh": "sed -i s,localhost:8000,$API, *.js"},
    "far too long": {**REACT, "web/src/App.js": CALL + " " * 200_000},
}


@pytest.mark.parametrize("files", NO_PAGES.values(), ids=NO_PAGES)
def test_what_is_no_page(files: dict[str, str], find: Find):
    assert find(files) == []


def test_what_is_taken_where_nothing_sets_the_variable(find: Find):
    assert find({**REACT, "web/src/App.js": FALLBACK}) == ["web/src/App.js:1 http://localhost:8000 REACT_APP_API"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("web/Dockerfile", DOCKERFILE.replace("RUN", "ARG REACT_APP_API\nRUN")),
        ("web/Dockerfile", DOCKERFILE.replace("RUN", "RUN REACT_APP_API=/api")),
        ("web/.env", "REACT_APP_API=/api\n"),
        (".github/workflows/build.yml", "run: echo REACT_APP_API=/api > .env\n"),
        ("build.sh", "docker build --build-arg REACT_APP_API=/api web\n"),
    ],
)
def test_something_sets_the_variable(name: str, text: str, find: Find):
    assert find({**REACT, "web/src/App.js": FALLBACK, name: text}) == []


def test_a_variable_that_is_set_to_such_an_address(find: Find):
    files = {**REACT, "web/src/App.js": SET, "web/.env": "# of the build\nREACT_APP_API=http://localhost:8000\n"}
    assert find(files) == ["web/.env:2 http://localhost:8000 REACT_APP_API"]
    assert find({"web/.env.production": "REACT_APP_API=/api\n"}) == [], "it wins"


def test_a_variable_that_the_dockerfile_sets(find: Find):
    argument = DOCKERFILE.replace("RUN", "ARG REACT_APP_API=http://localhost:8000\nENV REACT_APP_API=$REACT_APP_API\nRUN")
    assert find({**REACT, "web/src/App.js": SET, "web/Dockerfile": argument}) == [
        "web/Dockerfile:3 http://localhost:8000 REACT_APP_API"
    ]
    assert find({"web/src/App.js": "x"}) == [], "no page reads it"
    assert find({"web/src/App.js": SET, "Makefile": "build:\n\tdocker build --build-arg REACT_APP_API=/api web\n"}) == []
