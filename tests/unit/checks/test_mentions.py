from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from seatrial.app import App
from seatrial.checks.markdown import Page, Span, read_page
from seatrial.checks.mentions import Known, arguments, commands_of, known_of, placeholders, read_documents, read_numbers, words_in


def ask(chain: Sequence[str]) -> str | None:
    return {("helm",): "  install    it\n", ("helm", "install"): "--set --namespace"}.get(tuple(chain))


@pytest.fixture
def known(tmp_path: Path) -> Known:
    names = ["README.md", "docs/guide.md", "docker/api/app.py", "docker/api/Dockerfile", "chart/values.yaml", "tox.ini"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("# Guide\n" if name.endswith(".md") else "")
    return Known(
        root=tmp_path,
        files=frozenset(names),
        values=frozenset({"api", "api.replicas", "api.env", "api.env.LOG_LEVEL", "image", "image.tag"}),
        objects={"Deployment": frozenset({"shop-api"}), "Service": frozenset({"shop-api", "shop-web"})},
        prefix="shop",
        others=frozenset({"shop-secrets"}),
        images=frozenset({"shop-api:1.0"}),
        variables=frozenset({"DATABASE_URL"}),
        criteria=frozenset({"M1-PORT-01"}),
        ports=frozenset({80, 8001}),
        versions={"Node": "22", "Next.js": "16.4.6"},
        environments=frozenset({"e2e"}),
        exists=lambda name: name != "gone",
        ask=ask,
    )


def page(known: Known, text: str, name: str = "README.md") -> Page:
    file = known.root / name
    file.write_text(text)
    return read_page(file)


@pytest.mark.parametrize(
    "text",
    [
        "`docker/api/app.py`, `docker/api/`, `app.py`, `docs/*.md`",
        "`api.replicas`, `api.env`, `api.replicas=3`, `image.tag`",
        "`shop-api`, `shop-secrets`, `svc/shop-web`, `shop-api:1.0`",
        "`DATABASE_URL` `SOMETHING` `any words` `x/y` `other.thing`",
        "port 8001, http://localhost:80, Next.js 16, Next.js 16.4.6, Node 22.18, Node.js 22, M1-PORT-01, PostgreSQL 9",
        "[here](docs/guide.md#guide) [there](https://example.org/gone)",
        "```sh\nhelm install shop chart --set api.replicas=2 --namespace shop\ntox -e e2e\npython -m app\n```",
        "```sh\nkubectl create job now --from=x\nkubectl wait job/now\n```",
        "`tox -e e2e` and `helm install shop chart`",
    ],
)
def test_what_there_is(known: Known, text: str) -> None:
    read = read_documents([page(known, text)], known)
    assert [str(fault) for fault in read.faults] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`docker/api/main.py`", "the file docker/api/main.py"),
        ("`main.py`", "the file main.py"),
        ("`docs/*.txt`", "the file docs/*.txt"),
        ("`api.replica`", "the value api.replica"),
        ("`shop-app`", "the object shop-app"),
        ("`deployment/shop-web`", "Deployment shop-web"),
        ("`shop-api:latest`", "the image shop-api:latest"),
        ("`DATABASE_URI`", "the variable DATABASE_URI"),
        ("it is on port 8000", "port 8000"),
        ("http://localhost:8000/", "port 8000"),
        ("Next.js 14", "Next.js 14"),
        ("Node 20", "Node 20"),
        ("see M1-PORT-09", "the criterion M1-PORT-09"),
        ("[here](docs/gone.md)", "the link docs/gone.md leads to nothing that is in the repository"),
        ("[here](docs/guide.md#gone)", "the link docs/guide.md#gone names a heading that guide.md does not have"),
        ("```sh\nif true\n```", "commands that no shell can read"),
        ("```sh\ngone away\n```", "no program gone is to be had"),
        ("```sh\nhelm instal x\n```", "helm knows no command instal"),
        ("```sh\nhelm install shop charts/shop --set api.replica=2\n```", "names the value api.replica"),
        ("```sh\nhelm install shop docker/chart\n```", "names the file docker/chart"),
        ("```sh\ntox -e e3e\n```", "names the environment e3e"),
        ("```sh\npython -m nothing.here\n```", "names the module nothing.here"),
        ("```sh\nkubectl wait job/now\n```", "names Job now"),
        ("use `helm instal x`", "helm knows no command instal"),
    ],
)
def test_what_there_is_not(known: Known, text: str, found: str) -> None:
    read = read_documents([page(known, f"# Title\n\n{text}\n")], known)
    assert len(read.faults) == 1 and found in str(read.faults[0])
    assert read.judged >= 1


def test_files_may_be_named_from_the_document_on(known: Known) -> None:
    assert not read_documents([page(known, "`api/app.py`", "docker/README.md")], known).faults
    assert len(read_documents([page(known, "`api/main.py`", "docker/README.md")], known).faults) == 1


def test_what_could_not_be_asked_is_told(known: Known) -> None:
    read = read_documents([page(known, "```sh\nminikube start\n```")], replace(known, ask=lambda chain: None))
    assert (read.faults, read.unasked) == ([], ["minikube is not here to be asked"])


def test_numbers_alone(known: Known) -> None:
    read = read_numbers([page(known, "port 8000 and `docs/gone.md`")], known)
    assert [fault.found for fault in read.faults] == ["port 8000"]


@pytest.mark.parametrize(
    ("text", "found"), [("TBD", 1), ("a TODO here", 1), ("ask <insert name>", 1), ("a Todo, `TODO`-free", 1), ("Todo", 0)]
)
def test_placeholders(known: Known, text: str, found: int) -> None:
    assert len(list(placeholders(page(known, text)))) == found


def test_words_are_those_of_code_not_of_documents(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("read('A_ONE')")
    (tmp_path / "b.md").write_text("B_TWO")
    assert words_in(tmp_path, ["a.py", "b.md", "gone.py"]) == {"A_ONE"}


def test_nothing_behind_two_dashes_is_looked_at(known: Known) -> None:
    (command,) = commands_of(Span("kubectl exec deploy/shop-api -- cat docker/gone deploy/gone", 1))
    assert list(arguments(command, known)) == [("Deployment shop-api", None)]


def test_what_an_application_has_is_collected(tmp_path: Path, app: App) -> None:
    for name, text in {
        "chart/Chart.yaml": "name: chart\n",
        "chart/values.yaml": "api:\n  port: 9001\n  env: {A_B: x}\n",
        "tox.ini": "[testenv:e2e]\n",
        "web/package.json": '{"dependencies": {"next": "^16.4.6"}}',
        "db/Dockerfile": "FROM postgres:16-alpine\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    frontend = app.components["frontend"].model_copy(update={"source": Path("web")})
    image = app.components["backend"].image.model_copy(update={"context": Path("db")})
    backend = app.components["backend"].model_copy(update={"image": image})
    chart = app.chart.model_copy(update={"inventory": {"StatefulSet": ("shop-db",)}, "secrets": {"shop-keys": {}}})
    app = app.model_copy(update={"components": {"frontend": frontend, "backend": backend}, "chart": chart})
    app._root = tmp_path
    catalogue = [SimpleNamespace(id="M1-PORT-01")]
    known = known_of(SimpleNamespace(app=app, catalogue=catalogue, toolchain=None))  # type: ignore[arg-type]
    assert known.values == {"api", "api.port", "api.env", "api.env.A_B"}
    assert known.names == {"shop-db", "shop", "shop-keys", "shop-db-0", "data-shop-db-0"}
    assert known.images == {"shop-frontend:1.0", "shop-backend:1.0"}
    assert known.ports == {80, 443, 3000, 8001, 9001}
    assert known.versions == {"Next.js": "16.4.6", "PostgreSQL": "16"}
    assert known.environments == {"e2e"} and known.criteria == {"M1-PORT-01"}
    assert known.variables == {"A_B"}
