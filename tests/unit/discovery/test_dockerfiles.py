from __future__ import annotations

from collections.abc import Callable

import pytest

from seatrial.discovery.compose import find_compose
from seatrial.discovery.dockerfiles import find_dockerfiles, is_dockerfile
from seatrial.discovery.tree import Tree


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("Dockerfile", True),
        ("web/Dockerfile.dev", True),
        ("web.Dockerfile", True),
        ("web.dockerfile", True),
        ("Containerfile", True),
        ("Dockerfile.dockerignore", False),
        ("Dockerfile.j2", False),
        ("Dockerfile.md", False),
        ("dockerfiles/README", False),
        ("mydockerfile", False),
    ],
)
def test_names(name: str, is_one: bool):
    assert is_dockerfile(name) is is_one


def found(tree: Tree) -> dict[str, tuple[str, str | None]]:
    files = find_dockerfiles(tree, find_compose(tree))
    return {tree.name(each.path): (tree.name(each.context), each.told_by and tree.name(each.told_by)) for each in files}


def test_a_compose_file_names_the_context(tree: Callable[..., Tree]):
    compose = """\
services:
  api:
    image: ${REGISTRY:-local}/shop-api:1.0
    build: {context: .., dockerfile: api/Dockerfile, args: {VERSION: "1", EMPTY: }}
  web: {build: ../web}
  tool: {build: {context: ../tools, dockerfile: Recipe}}
  db: {image: "postgres:16"}
  remote: {build: "https://example.com/repository.git"}
"""
    made = tree(
        {
            "deploy/docker-compose.yml": compose,
            "api/Dockerfile": "FROM a:1",
            "web/Dockerfile": "FROM a:1",
            "tools/Recipe": "FROM a:1",
        }
    )
    assert found(made) == {
        "api/Dockerfile": (".", "deploy/docker-compose.yml"),
        "web/Dockerfile": ("web", "deploy/docker-compose.yml"),
        "tools/Recipe": ("tools", "deploy/docker-compose.yml"),
    }
    api = find_dockerfiles(made, find_compose(made))[0]
    assert api.images == ("local/shop-api:1.0",) and api.args == {"VERSION": "1"}


def test_else_what_it_copies_tells_the_context(tree: Callable[..., Tree]):
    made = tree(
        {
            "services/api/Dockerfile": "FROM a:1\nCOPY shared ./shared\nCOPY services/api ./\n",
            "services/api/app.py": "",
            "shared/x.py": "",
            "web/Dockerfile": "FROM a:1\nCOPY package.json ./\nCOPY . .\n",
            "web/package.json": "{}",
            "package.json": "{}",
            "plain/Dockerfile": "FROM a:1\n",
        }
    )
    assert found(made) == {
        "services/api/Dockerfile": (".", None),
        "web/Dockerfile": ("web", None),
        "plain/Dockerfile": ("plain", None),
    }


def test_a_folder_of_dockerfiles_is_not_where_they_are_built(tree: Callable[..., Tree]):
    files = {
        "docker/Dockerfile.api": "FROM a:1\nCOPY package.json .\nCOPY index.js .\n",
        "docker/Dockerfile.web": "FROM a:1\nCOPY package.json .\n",
        "api/package.json": "{}",
        "api/index.js": "",
        "web/package.json": "{}",
    }
    assert found(tree(files)) == {
        "docker/Dockerfile.api": ("api", None),
        "docker/Dockerfile.web": ("docker", None),  # two folders have what it copies
    }


def test_a_dockerfile_beside_sources_is_built_there(tree: Callable[..., Tree]):
    made = tree({"api/Dockerfile": "FROM a:1\nCOPY requirements.txt .\n", "api/app.py": "", "web/requirements.txt": ""})
    assert found(made) == {"api/Dockerfile": ("api", None)}


def test_one_that_cannot_be_read_is_told(tree: Callable[..., Tree]):
    made = tree({"Dockerfile": "RUN true\n"})
    (file,) = find_dockerfiles(made, ())
    assert file.parsed is None and "before the first FROM" in str(file.trouble)


def test_the_ignore_file_beside_a_dockerfile_wins(tree: Callable[..., Tree]):
    made = tree(
        {"web/Dockerfile": "FROM a:1\n", "web/Dockerfile.dockerignore": "secret\n", "web/.dockerignore": "other\n", "web/a": ""}
    )
    (file,) = find_dockerfiles(made, ())
    assert file.ignored().ignores("secret") and not file.ignored().ignores("other")


def test_compose_files_that_are_no_yaml_are_told(tree: Callable[..., Tree]):
    made = tree({"compose.yaml": "services: [", "docker-compose.prod.yml": "a: 1\n", "composer.yaml": "x: ["})
    assert [(made.name(each.path), each.trouble is None) for each in find_compose(made)] == [
        ("compose.yaml", False),
        ("docker-compose.prod.yml", True),
    ]
