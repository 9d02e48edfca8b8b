from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.images.dockerfile import read_dockerfile
from seatrial.wiring.imagenames import ImageName, match_recipes, parse_image
from seatrial.wiring.recipes import Recipe, recipe

TEXT = """\
ARG NODE=node:22-alpine
FROM ${NODE} AS base
ENV PORT=3000 NAME="two words"
USER node:node
FROM base AS build
ARG VITE_API=http://api:80
ARG EMPTY
ENV STAGE build
RUN npm run build
FROM base
ENV URL=http://localhost:${PORT}
EXPOSE ${PORT}/tcp 9000
ENTRYPOINT ["node"]
CMD ["server.js"]
"""


def read(tmp_path: Path, text: str, name: str = "web/Dockerfile") -> Recipe:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return recipe(read_dockerfile(path))


def test_stages_of_one_file(tmp_path: Path) -> None:
    found = read(tmp_path, TEXT)
    assert found.base == "node:22-alpine"
    assert found.exposed == {3000, 9000}
    assert found.user == "node"
    assert {name: setting.value for name, setting in found.environment.items()} == {
        "PORT": "3000", "NAME": "two words", "URL": "http://localhost:3000",
    }  # fmt: skip
    assert {name: setting.value for name, setting in found.arguments.items()} == {"VITE_API": "http://api:80", "STAGE": "build"}
    assert found.arguments["VITE_API"].place.line == 6
    assert found.command == "node server.js"
    assert found.listens == {3000}
    assert found.reads_port


@pytest.mark.parametrize(
    ("command", "listens", "reads"),
    [
        ('CMD ["uvicorn", "a:b", "--port", "8001"]', {8001}, False),
        ("CMD gunicorn -b 0.0.0.0:8000 a:b", {8000}, False),
        ("CMD puma -b tcp://0.0.0.0:9292", {9292}, False),
        ("CMD gunicorn --bind [::]:8080 a:b", {8080}, False),
        ("CMD python manage.py runserver 0.0.0.0:8000", {8000}, False),
        ('CMD ["python", "-m", "http.server", "8080"]', {8080}, False),
        ("CMD php -S 0.0.0.0:8088 -t public", {8088}, False),
        ('ENTRYPOINT ["java", "-Dserver.port=8082", "-jar", "a.jar"]', {8082}, False),
        ("CMD serve --port $PORT", set(), True),
        ('ENV PORT=5000\nCMD ["serve"]', {5000}, True),
        ("ENV P=7000\nCMD serve --port=${P}", {7000}, False),
        ("EXPOSE 80 ² x", set(), False),
        ("ENV PORT=²", set(), True),
        ('ENV BROKEN="open\nCMD ["x"]', set(), False),
    ],
)
def test_where_the_program_listens(tmp_path: Path, command: str, listens: set[int], reads: bool) -> None:
    found = read(tmp_path, f"FROM x\n{command}\n")
    assert found.listens == listens
    assert found.reads_port == reads


@pytest.mark.parametrize(
    ("reference", "wanted", "major"),
    [
        ("web", ImageName("", "web", "", ""), None),
        ("web:1.2", ImageName("", "web", "1.2", ""), 1),
        ("team/web:v2", ImageName("", "team/web", "v2", ""), 2),
        ("ghcr.io/team/web:latest", ImageName("ghcr.io", "team/web", "latest", ""), None),
        ("localhost:5000/web", ImageName("localhost:5000", "web", "", ""), None),
        ("web@sha256:ab", ImageName("", "web", "", "sha256:ab"), None),
        ("", ImageName("", "", "", ""), None),
    ],
)
def test_image_references(reference: str, wanted: ImageName, major: int | None) -> None:
    found = parse_image(reference)
    assert (found, found.major) == (wanted, major)


def test_dockerfiles_are_matched_by_declaration_and_by_folder(tmp_path: Path) -> None:
    web, api = read(tmp_path, "FROM x\n", "web/Dockerfile"), read(tmp_path, "FROM x\n", "docker/Dockerfile.api")
    names = [parse_image(name) for name in ("shop-web:1", "shop_api", "worker", "other-web-thing", "")]
    assert match_recipes(names, [web, api], {"worker": api.path}) == {"shop-web": web, "shop_api": api, "worker": api}
    second = read(tmp_path, "FROM x\n", "old/web/Dockerfile")
    assert "shop-web" not in match_recipes(names, [web, second], {})
