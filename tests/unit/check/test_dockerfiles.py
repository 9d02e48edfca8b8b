from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from seatrial.check.dockerfiles import judge_dockerfile
from seatrial.discovery.compose import find_compose
from seatrial.discovery.dockerfiles import find_dockerfiles
from seatrial.discovery.tree import Tree, walk
from seatrial.wiring.finding import Group

HEALTHY = """\
FROM node:22.1.0-alpine AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY src ./src
FROM node:22.1.0-alpine
COPY --from=build /app /app
USER 1001
HEALTHCHECK CMD ["true"]
CMD ["node", "server.js"]
"""
FILES = {"package.json": "{}", "package-lock.json": "{}", "src/a.js": "", "Dockerfile": HEALTHY}


@pytest.fixture
def said(repository: Callable[..., Tree]) -> Callable[..., list[str]]:
    def make(files: Mapping[str, str | bytes]) -> list[str]:
        tree = repository(files)
        found = find_dockerfiles(tree, find_compose(tree))
        faults = [fault for each in found for fault in judge_dockerfile(each, tree)]
        return [f"{tree.name(each.place.path)}:{each.place.line} {each.id} {each.what}" for each in faults]

    return make


def test_a_healthy_one(said: Callable[..., list[str]]):
    assert said(FILES) == []


def test_one_that_cannot_be_read(said: Callable[..., list[str]]):
    assert said({"Dockerfile": "RUN true\n"}) == ["Dockerfile:1 D-PARSE RUN stands before the first FROM"]
    assert said({"Dockerfile": ""}) == ["Dockerfile:None D-PARSE has no FROM"]


@pytest.mark.parametrize("switch", ["yes", "no", "true"])
def test_a_switch_is_no_secret_whatever_its_name(switch: str, said: Callable[..., list[str]]):
    text = HEALTHY.replace("USER 1001", f"ENV ALLOW_EMPTY_PASSWORD={switch}\nUSER 1001")
    assert said({**FILES, "Dockerfile": text}) == []


@pytest.mark.parametrize(
    ("source", "more", "built"),
    [
        ("engine", {"README.md": "git clone git@example.com:team/engine.git\n"}, True),
        ("engine/go.mod", {"prepare.sh": "git clone --depth 1 https://example.com/engine\n"}, True),
        ("engine", {"README.md": "git clone git@example.com:team/search-engine.git\n"}, False),
        ("key.json", {".gitignore": "/key.json\n", "setup.sh": "gcloud keys create ./key.json --project x\n"}, True),
        ("app.env", {".gitignore": "app.env\n", "README.md": "cp app.env.example app.env\n"}, True),
        ("app.env", {".gitignore": "app.env\n", "README.md": "cp app.env ../backup\n"}, False),
        ("app.env", {".gitignore": "app.env\n", "README.md": "Mind app.env.\n"}, False),
        ("key.json", {"setup.sh": "gcloud keys create ./key.json\n"}, False),
        ("deps", {".gitmodules": '[submodule "x"]\n\tpath = deps/engine\n'}, True),
        ("deps/engine/src", {".gitmodules": '[submodule "x"]\n\tpath = deps/engine\n'}, True),
        ("dep", {".gitmodules": '[submodule "x"]\n\tpath = deps/engine\n'}, False),
    ],
)
def test_another_repository_that_is_put_there_is_hygiene(
    source: str, more: Mapping[str, str], built: bool, said: Callable[..., list[str]]
):
    found = said({**FILES, **more, "Dockerfile": HEALTHY.replace("COPY src ./src", f"COPY {source} ./src")})
    assert any("D-COPY-BUILT" in line for line in found) is built
    assert any("D-COPY-MISSING" in line for line in found) is not built


def test_what_a_makefile_makes_is_hygiene(said: Callable[..., list[str]]):
    changed = {**FILES, "Dockerfile": HEALTHY.replace("COPY src ./src", "COPY server ./server")}
    assert any("D-COPY-MISSING" in line for line in said(changed))
    found = said({**changed, "Makefile": "server: main.go\n\tgo build\n"})
    assert any("D-COPY-BUILT" in line for line in found) and not any("D-COPY-MISSING" in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "COPY src ./src",
            "COPY sources ./src",
            "5 D-COPY-MISSING it copies sources, which is not in the context (the repository itself)",
        ),
        (
            "COPY src ./src",
            "COPY ../src ./src",
            "5 D-COPY-MISSING it copies ../src, which lies outside of the context (the repository itself)",
        ),
        (
            "COPY src ./src",
            "COPY dist/app.js ./",
            "5 D-COPY-BUILT it copies dist/app.js, which is not in the context (the repository itself)",
        ),
        ("FROM node:22.1.0-alpine\n", "FROM node\n", "6 D-TAG the base node has no tag that names a version"),
        ("FROM node:22.1.0-alpine\n", "FROM node:latest\n", "6 D-TAG the base node:latest has no tag that names a version"),
        ("USER 1001\n", "", "6 D-ROOT its last stage has no USER"),
        ("USER 1001\n", "USER root\n", "8 D-ROOT its last stage runs as root"),
        ('HEALTHCHECK CMD ["true"]\n', "", "6 D-HEALTHCHECK it has no HEALTHCHECK"),
        (
            "package-lock.json ./",
            "./",
            "4 D-LOCK its install needs package-lock.json or npm-shrinkwrap.json, which is not copied before it",
        ),
        ("USER 1001", "ENV API_TOKEN=hunter2hunter2\nUSER 1001", "8 D-SECRET-VALUE it gives API_TOKEN a value"),
        ("USER 1001", "ARG NPM_TOKEN\nUSER 1001", "8 D-SECRET-ARG the build argument NPM_TOKEN is a secret by its name"),
        ("COPY src ./src", "COPY src ./src\nCOPY https://example.com/x /x\nCOPY a* b? $C ./", None),
        ("COPY src ./src", "COPY <<EOF /x\nhello\nEOF\nCOPY src ./src", None),
        ("USER 1001", "ENV POSTGRES_PASSWORD_FILE=/run/secrets/p TOKEN=/run/t SECRET=$OTHER API_KEY=dummy\nUSER 1001", None),
        ("FROM node:22.1.0-alpine\n", "FROM gcr.io/distroless/nodejs22-debian12:nonroot\n", None),
    ],
)
def test_one_fault_at_a_time(old: str, new: str, sentence: str | None, said: Callable[..., list[str]]):
    assert old in HEALTHY
    found = said({**FILES, "Dockerfile": HEALTHY.replace(old, new, 1)})
    wanted = [] if sentence is None else [f"Dockerfile:{sentence}"]
    assert [line.replace("; no folder above it has it either", "") for line in found] == wanted


def test_a_lock_file_that_is_not_there(said: Callable[..., list[str]]):
    files = {name: text for name, text in FILES.items() if name != "package-lock.json"}
    assert said({**files, "Dockerfile": HEALTHY.replace(" package-lock.json", "")}) == [
        "Dockerfile:4 D-LOCK its install needs package-lock.json or npm-shrinkwrap.json, which is not in the context"
    ]


@pytest.mark.parametrize(
    ("install", "group"),
    [
        ("yarn install --immutable", Group.BREAKS),
        ("yarn install --frozen-lockfile", Group.HYGIENE),  # https://github.com/yarnpkg/yarn/issues/6857
        ("pnpm install --frozen-lockfile", Group.BREAKS),
    ],
)
def test_only_installs_that_refuse_break_without_a_lock_file(install: str, group: Group, repository: Callable[..., Tree]):
    tree = repository({**FILES, "Dockerfile": HEALTHY.replace("npm ci", install)})
    (found,) = find_dockerfiles(tree, find_compose(tree))
    assert [(each.id, each.group) for each in judge_dockerfile(found, tree)] == [("D-LOCK", group)]


@pytest.mark.parametrize("copied", ["COPY package*.json ./", "COPY . .", "COPY ./ ./"])
def test_a_lock_file_that_a_pattern_or_the_whole_context_brings(copied: str, said: Callable[..., list[str]]):
    text = HEALTHY.replace("COPY package.json package-lock.json ./", copied)
    assert not [line for line in said({**FILES, "Dockerfile": text}) if "D-LOCK" in line]


def test_a_lock_file_that_is_mounted(said: Callable[..., list[str]]):
    text = HEALTHY.replace(
        "COPY package.json package-lock.json ./\nRUN npm ci",
        "RUN --mount=type=bind,source=package.json,target=package.json "
        "--mount=type=bind,source=package-lock.json,target=package-lock.json npm ci",
    )
    assert said({**FILES, "Dockerfile": text}) == []


@pytest.mark.parametrize(
    ("ignore", "faults"),
    [
        ("*.json\n", {"D-COPY-IGNORED", "D-LOCK"}),
        ("src\n", {"D-COPY-IGNORED"}),
        ("src\n!src/a.js\n", set()),
        ("*\n!package*.json\n!src\n", set()),
        ("node_modules\n", set()),
    ],
)
def test_what_the_ignore_file_keeps_out(ignore: str, faults: set[str], said: Callable[..., list[str]]):
    assert {line.split()[1] for line in said({**FILES, ".dockerignore": ignore})} == faults


def test_a_file_with_secrets_that_is_copied(said: Callable[..., list[str]]):
    text = "FROM debian:12\nCOPY . /app\nUSER 1001\n"
    files = {
        "Dockerfile": text,
        ".env": "API_KEY=abcdefgh12345\n",
        ".env.example": "API_KEY=abcdefgh12345\n",
        "web/.env.local": "NEXT_PUBLIC_API_KEY=abcdefgh\nPORT=80\n",
        "certs/ca.pem": "-----BEGIN CERTIFICATE-----\n",
    }
    found = said(files)
    assert [line for line in found if "D-SECRET-FILE" in line] == ["Dockerfile:2 D-SECRET-FILE it copies .env into the image"]
    assert not [line for line in said({**files, ".dockerignore": ".env\n"}) if "D-SECRET-FILE" in line]


def test_a_file_with_secrets_that_is_ignored_and_copied_by_name_is_one_fault(said: Callable[..., list[str]]):
    text = "FROM debian:12\nCOPY .env /app/\nUSER 1001\n"
    found = said({"Dockerfile": text, ".env": "API_KEY=abcdefgh12345\n", ".dockerignore": ".env\n"})
    assert found == ["Dockerfile:2 D-COPY-IGNORED it copies .env, which .dockerignore keeps out of the context"]


def test_a_secret_that_only_a_build_stage_copies_is_not_shipped(said: Callable[..., list[str]]):
    text = "FROM debian:12 AS build\nCOPY .env ./\nFROM debian:12\nUSER 1001\n"
    assert not [line for line in said({"Dockerfile": text, ".env": "TOKEN=abcdefgh12345"}) if "D-SECRET" in line]


def test_what_the_whole_context_may_take_along(said: Callable[..., list[str]]):
    text = "FROM debian:12\nCOPY . /app\nUSER 1001\n"
    (found,) = said({"Dockerfile": text, "package.json": "{}"})
    assert "D-CONTEXT" in found and "without a .dockerignore" in found and "**/node_modules" in found and "**/.env*" in found
    ignore = "node_modules\n.next\n.git\n.env*\n*.key\n*.pem\n"
    assert said({"Dockerfile": text, "package.json": "{}", ".dockerignore": ignore}) == []


def test_scripts_that_windows_has_been_at(said: Callable[..., list[str]]):
    text = 'FROM debian:12\nCOPY run.sh start.sh /\nRUN chmod +x /run.sh /start.sh\nUSER 1001\nHEALTHCHECK CMD ["true"]\nENTRYPOINT ["/run.sh"]\n'
    found = said(
        {
            "Dockerfile": text.replace("\n", "\r\n"),
            "run.sh": b"#!/bin/sh\r\necho\r\n",
            "start.sh": b"\xef\xbb\xbf#!/bin/sh\necho\n",
            "other.sh": b"#!/bin/sh\r\n",
        }
    )
    assert found == [
        "run.sh:1 D-LINE-ENDS its lines end with CR LF",
        "start.sh:1 D-LINE-ENDS it begins with a byte order mark",
        "Dockerfile:1 D-LINE-ENDS it has lines that end with CR LF",
    ]


def test_a_script_that_may_not_be_executed(said: Callable[..., list[str]], repository: Callable[..., Tree]):
    text = 'FROM debian:12\nCOPY run.sh /app/run.sh\nUSER 1001\nHEALTHCHECK CMD ["true"]\nENTRYPOINT ["/app/run.sh"]\n'
    files = {"Dockerfile": text, "run.sh": "#!/bin/sh\n"}
    assert said(files) == ["Dockerfile:5 D-EXECUTABLE it starts run.sh, whose file is not executable"]
    assert said({**files, "Dockerfile": text.replace("COPY run", "COPY --chmod=755 run")}) == []
    assert said({**files, "Dockerfile": text.replace('["/app/run.sh"]', '["sh"]\nCMD ["/app/run.sh"]')}) == []
    assert said({**files, "Dockerfile": text.replace("USER", "RUN chmod +x /app/run.sh\nUSER")}) == []
    root = repository(files).root
    (root / "run.sh").chmod(0o755)
    (found,) = find_dockerfiles(walk(root), ())
    assert list(judge_dockerfile(found, walk(root))) == []


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('EXPOSE 3000\nCMD ["uvicorn", "a:b", "--port", "8000"]', "EXPOSE says 3000, but its command says 8000"),
        (
            'EXPOSE 80/tcp 443\nCMD ["gunicorn", "--bind", "0.0.0.0:8000", "a:b"]',
            "EXPOSE says 80 or 443, but its command says 8000",
        ),
        ("EXPOSE 5000\nCMD python migrate.py -p 5000 && exec flask run -p 8080", "EXPOSE says 5000, but its command says 8080"),
        ('EXPOSE 3000\nCMD ["npx", "next", "start", "-p", "4000"]', "EXPOSE says 3000, but its command says 4000"),
        ('ENV PORT=5000\nEXPOSE 8080\nCMD ["node", "server.js"]', "EXPOSE says 8080, but PORT says 5000"),
        ('ENTRYPOINT ["gunicorn"]\nEXPOSE 8000\nCMD ["-b", ":8001", "a:b"]', "EXPOSE says 8000, but its command says 8001"),
        # one number, or several of which one is right
        ('EXPOSE 8000\nCMD ["uvicorn", "a:b", "--port", "8000"]', ""),
        ('EXPOSE 8000 9090\nCMD ["uvicorn", "a:b", "--port", "8000"]', ""),
        ('ENV PORT=5000\nEXPOSE $PORT\nCMD ["node", "server.js"]', ""),
        ('ENV PORT=5000\nEXPOSE 8000\nCMD ["uvicorn", "a:b", "--port", "8000"]', ""),
        # not sure
        ('ARG WEB=8000\nEXPOSE 9090 $WEB\nCMD ["uvicorn", "a:b", "--port", "8000"]', ""),
        ('EXPOSE 3000-3010\nCMD ["uvicorn", "a:b", "--port", "8000"]', ""),
        ("EXPOSE 80\nRUN apt-get install nginx\nCMD uvicorn a:b --port 8000", ""),
        ("EXPOSE 80\nCMD proxy & uvicorn a:b --port 8000", ""),
        ("EXPOSE 8000\nCMD wait-for -p 5432 && ./run.sh", ""),
        ('EXPOSE 8000\nCMD ["./run", "-p", "20"]', ""),
        ('EXPOSE 8000\nCMD ["uvicorn", "a:b", "--port", "$WEB_PORT"]', ""),
        ('CMD ["uvicorn", "a:b", "--port", "8000"]', ""),
    ],
)
def test_the_exposed_port_is_the_one_that_the_program_takes(lines: str, told: str, said: Callable[..., list[str]]):
    text = f'FROM python:3.13-slim\nLABEL licenses="Apache-2.0"\nUSER 1001\nHEALTHCHECK CMD ["true"]\n{lines}\n'
    line = next((number for number, each in enumerate(text.splitlines(), 1) if each.startswith("EXPOSE")), 0)
    assert said({"Dockerfile": text}) == ([f"Dockerfile:{line} D-EXPOSE {told}"] if told else [])


@pytest.mark.parametrize(
    ("copy", "ignored", "told"),
    [
        ("package*.json ./", "package*.json\n", True),
        ("package*.json ./", "*.json\n!package-lock.json\n", False),
        ("src/*.js ./", "src\n", True),
        ("src/*.js ./", "src\n!src/a.js\n", False),
        ("*.lock ./", "*.lock\n", False),  # there is none
        (".env* ./", ".env\n", False),  # so that it may be copied where somebody has one
    ],
)
def test_a_pattern_of_which_nothing_is_left(copy: str, ignored: str, told: bool, said: Callable[..., list[str]]):
    text = f'FROM node:22.1.0-alpine\nCOPY {copy}\nUSER 1001\nHEALTHCHECK CMD ["true"]\nCMD ["node", "a.js"]\n'
    found = said({**FILES, "Dockerfile": text, ".dockerignore": ignored, ".env": "TOKEN=abcdefgh12345\n"})
    assert ["D-COPY-IGNORED" in each and "leaves nothing" in each for each in found] == ([True] if told else [])
