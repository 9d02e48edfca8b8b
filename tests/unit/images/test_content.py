from __future__ import annotations

from typing import Any

import pytest

from seatrial.errors import SeatrialError
from seatrial.images.content import SECRETS, Hit, find_secrets, read_content

CONFIG = {
    "config": {
        "User": "1001:1001",
        "Env": ["PATH=/bin", "MODE=a=b"],
        "Cmd": ["python"],
        "ExposedPorts": {"8001/tcp": {}},
        "Labels": {"title": "t"},
    },
    "history": [
        {"created_by": "ADD rootfs.tar"},
        {"created_by": "ENV MODE=a=b", "empty_layer": True},
        {"created_by": "COPY app"},
    ],
}


@pytest.fixture
def image(docker: Any, member: Any, save_archive: Any) -> Any:
    base = [
        member("./etc/", None, mode=0o755),
        member("./etc/passwd", b"root"),
        member("./old/a", b"1"),
        member("./old/b", b"2"),
        member("./gone", b"3"),
    ]
    app = [
        member("app/main.py", b"print()", uid=0),
        member("app/data", b"x", uid=1001, mode=0o644),
        member("app/open", b"x", mode=0o666),
        member("app/link", link="/etc/passwd"),
        member("app/key", b"temporary"),
        member(".wh.gone", b""),
        member("old/.wh..wh..opq", b""),
        member("old/c", b"4"),
    ]
    cleanup = [member("app/.wh.key", b"")]
    docker.archive = save_archive([base, app, cleanup], CONFIG)
    docker.layers = {"base:1": ["layer-1"]}
    return docker


def test_configuration(image: Any) -> None:
    content = read_content(image, "app:1", base="base:1")
    assert (content.user, content.env, content.command, content.ports) == (
        "1001:1001", {"PATH": "/bin", "MODE": "a=b"}, ("python",), ("8001/tcp",)
    )  # fmt: skip
    assert content.healthcheck is None
    assert [(layer.from_base, layer.made_by) for layer in content.layers] == [
        (True, "ADD rootfs.tar"), (False, "COPY app"), (False, "")
    ]  # fmt: skip


def test_layers_are_applied_one_upon_the_other(image: Any) -> None:
    content = read_content(image, "app:1", base="base:1")
    assert set(content.files()) == {
        "/etc", "/etc/passwd", "/old/c", "/app/main.py", "/app/data", "/app/open", "/app/link"
    }  # fmt: skip
    assert set(content.files(with_base=False)) == {"/old/c", "/app/main.py", "/app/data", "/app/open", "/app/link"}
    assert content.files()["/app/link"].target == "/etc/passwd"


def test_what_a_later_layer_deleted_is_named(image: Any) -> None:
    assert read_content(image, "app:1", base="base:1").deleted() == ["/app/key"]


def test_writable_by(image: Any) -> None:
    files = read_content(image, "app:1").files()
    assert [path for path, entry in sorted(files.items()) if entry.writable_by(1001, 1001)] == ["/app/data", "/app/open"]


def hidden(kind: str) -> bytes:
    """A made-up secret of each kind, put together here so that no scanner mistakes this file for a leak."""
    return {
        "OpenAI key": b"sk-" + b"a1B2c3D4" * 4,
        "AWS access key": b"AKIA" + b"ABCDEFGH12345678",
        "GitHub token": b"ghp_" + b"a1B2" * 9,
        "npm token": b"npm_" + b"a1B2" * 9,
        "registry login": b"//registry.invalid/:_authToken=" + b"abcdefgh1234",
        "private key": b"-----BEGIN RSA " + b"PRIVATE KEY-----\n" + b"MIIE" * 20,
        "database password": b"postgresql+psycopg://todo:" + b"hunter2@db:5432/todo",
        "JSON Web Token": b"eyJ" + b"a" * 12 + b".eyJ" + b"b" * 12 + b"." + b"c" * 24,
        "JWT secret": b"JWT_SECRET=" + b"abcdefgh12345678",
    }[kind]


@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_of_secret_is_found_also_where_it_was_deleted(docker: Any, member: Any, save_archive: Any, kind: str) -> None:
    layers = [[member("app/x", b"text before " + hidden(kind) + b"\n")], [member("app/.wh.x", b"")]]
    docker.archive = save_archive(layers, {})
    assert find_secrets(docker, "app:1") == [Hit(kind, "layer 1", "/app/x")]


@pytest.mark.parametrize(
    "text",
    [
        b"task-" + b"a1" * 20,
        b"postgresql://user:pass@localhost/db",
        b"postgresql+psycopg2://scott:tiger@localhost/test",
        b"postgresql://USER:PASSWORD@HOST:PORT/NAME",
        b"postgresql://{user}:{password}@{host}",
        b"-----BEGIN PRIVATE KEY-----\\n...",
        b"JWT_SECRET=${JWT_SECRET}",
        b"eyJ" + b"a" * 12 + b".eyJzb21lIjoicGF5bG9hZCJ9." + b"c" * 24,  # an example of a library's documentation
        b":_authToken=${NPM_TOKEN}",
    ],
)
def test_placeholders_are_let_through(docker: Any, member: Any, save_archive: Any, text: bytes) -> None:
    docker.archive = save_archive([[member("x", text)]], {})
    assert find_secrets(docker, "app:1") == []


def test_a_secret_across_two_blocks_is_found(docker: Any, member: Any, save_archive: Any) -> None:
    docker.archive = save_archive([[member("x", b" " * ((1 << 20) - 10) + hidden("OpenAI key"))]], {})
    assert find_secrets(docker, "app:1") == [Hit("OpenAI key", "layer 1", "/x")]


def test_a_canary_is_found_in_configuration_and_base(docker: Any, member: Any, save_archive: Any) -> None:
    config = {"config": {"Env": ["TOKEN=bird-42"]}, "history": [{"created_by": "RUN echo bird-42"}]}
    docker.archive = save_archive([[member("x", b"a bird-42 sings")]], config)
    docker.layers = {"base:1": ["layer-1"]}
    hits = find_secrets(docker, "app:1", base="base:1", canaries={"pip": "bird-42"})
    assert hits == [
        Hit("canary pip", "environment"), Hit("canary pip", "history"), Hit("canary pip", "layer 1", "/x", from_base=True)
    ]  # fmt: skip
    assert "bird-42" not in str(hits)


def test_a_strange_archive_is_one_sentence(docker: Any, member: Any, save_archive: Any) -> None:
    docker.archive = save_archive([[member("x", b"1")]], {"rootfs": {"diff_ids": []}})
    with pytest.raises(SeatrialError, match="is not what `docker save` writes"):
        read_content(docker, "app:1")
