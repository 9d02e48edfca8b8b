import time
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.journal import HIDDEN
from seatrial.trials import live
from seatrial.trials.application import tokens

ELSEWHERE = ".".join(
    [
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ",
        "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    ]
)
"""The example of jwt.io: made by another program."""


def test_a_token_made_elsewhere_is_read_and_checked() -> None:
    assert tokens.parts(ELSEWHERE) == 3
    assert tokens.header(ELSEWHERE) == {"alg": "HS256", "typ": "JWT"}
    assert tokens.claims(ELSEWHERE) == {"sub": "1234567890", "name": "John Doe", "iat": 1516239022}
    assert tokens.is_signed(ELSEWHERE, "your-256-bit-secret")
    assert not tokens.is_signed(ELSEWHERE, "your-256-bit-secre")


@pytest.mark.parametrize("text", ["", "no token", "a.b.c", "eyJ.eyJ.eyJ", "W10.W10.x", "ü.ü.ü"])
def test_what_is_no_token_has_no_claims(text: str) -> None:
    assert tokens.claims(text) == {}
    assert not tokens.is_signed(text, "key")


def test_forgeries_differ_in_one_thing_each() -> None:
    now = int(time.time())
    token = tokens.sign({"sub": "7", "iat": now, "exp": now + 60}, "key")
    assert tokens.is_signed(token, "key")
    old = tokens.expired(token, "key")
    assert tokens.is_signed(old, "key") and tokens.claims(old)["exp"] < now and tokens.claims(old)["sub"] == "7"
    other = tokens.tampered(token, "8")
    assert not tokens.is_signed(other, "key")
    assert tokens.claims(other) == {**tokens.claims(token), "sub": "8"}
    assert other.rpartition(".")[2] == token.rpartition(".")[2]


def test_the_deployed_key_is_the_one_that_the_backend_reads(world: Any, key: str) -> None:
    assert tokens.deployed_key(world) == key
    assert world.journal.redactor.clean(f"key {key}") == f"key {HIDDEN}"


def test_a_whole_secret_may_be_the_environment(
    world: Any, key: str, deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container |= {"env": [], "envFrom": [{"secretRef": {"name": "all"}}]}
    monkeypatch.setattr(live, "workload_of", lambda *_: deployment)
    secret = world.kube.read("Secret", "keys", "todo")["data"]["KEY"]
    world.kube.read = lambda kind, name, namespace: {"data": {tokens.VARIABLE: secret}} if name == "all" else None
    assert tokens.deployed_key(world) == key


def test_no_key_is_said(world: Any) -> None:
    world.kube.read = lambda *_: None
    with pytest.raises(ClusterError, match="takes no BETTER_AUTH_SECRET from a Secret"):
        tokens.deployed_key(world)
