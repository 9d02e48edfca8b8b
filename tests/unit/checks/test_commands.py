from __future__ import annotations

from collections.abc import Sequence

import pytest

from seatrial.checks.commands import Command, commands_of, judge_command, syntax
from seatrial.checks.markdown import Span

HELP = {
    (
        "helm",
    ): "Available Commands:\n  install     install a chart\n  upgrade     upgrade a release\n\nFlags:\n  --namespace string\n",
    ("helm", "install"): "Usage:\n  helm install [NAME] [CHART]\n\nFlags:\n  --set stringArray\n  --wait\n",
    ("helm", "upgrade"): "Usage:\n  helm upgrade\n\nFlags:\n  --install\n",
    ("kubectl",): "Commands:\n  create   Create\n  top      Use\n\n--namespace='': the namespace\n",
    ("kubectl", "create"): "Available Commands:\n  secret   Create a secret\n",
    ("kubectl", "create", "secret"): "Available Commands:\n  generic  Create one\n",
    ("kubectl", "create", "secret", "generic"): "Options:\n    --from-env-file=[]:\n",
    ("kubectl", "top"): "Available Commands:\n  pod   Display\n",
    ("kubectl", "top", "pods"): "Options:\n    --containers=false:\n",
    ("docker",): "Commands:\n  build     Build\n",
    ("seatrial",): "    run    judge\n    doctor    look\n",
    ("seatrial", "run"): "usage: seatrial run [--reports REPORTS]\n",
    ("seatrial", "doctor"): "usage: seatrial doctor [--json]\n",
}


def ask(chain: Sequence[str]) -> str | None:
    return HELP.get(tuple(chain))


def judged(text: str, *, there: bool = True) -> tuple[str | None, str | None]:
    (command,) = commands_of(Span(text, 1))
    said = judge_command(command, lambda name: there, ask)
    return said.fault, said.unknown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b", [(1, "a b")]),
        ("a \\\n  b\nc", [(1, "a b"), (3, "c")]),
        ("a |\n  b && c; d", [(1, "a"), (1, "b"), (1, "c"), (1, "d")]),
        ("X=1 a 'b c' > file 2>> log", [(1, "a 'b c' 2")]),
        ("export X=$(make it)", [(1, "make it")]),
        ("# nothing\na # b", [(2, "a")]),
        ("for x in 1 2; do run $x; done", [(1, "run '$x'")]),
        ("a --x 'one\ntwo'", [(1, "a --x 'one two'")]),
    ],
)
def test_commands_of_a_block(text: str, found: list[tuple[int, str]]) -> None:
    assert [(each.line, str(each)) for each in commands_of(Span(text, 1))] == found


def test_a_quotation_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(ValueError, match="quotation"):
        commands_of(Span('a "b', 1))


@pytest.mark.parametrize(
    "text",
    [
        "helm install a b --set x=y --wait --namespace z",
        "helm --namespace a install b c",
        "kubectl create --namespace a secret generic b --from-env-file=c",
        "kubectl top pods --containers",
        "kubectl create secret generic b -- --not-an-option",
        "seatrial run . --anything-for-pytest",
        "docker build x",
        "openssl rand",
        "cd x",
    ],
)
def test_commands_that_exist(text: str) -> None:
    assert judged(text) in ((None, None), (None, "docker build is not here to be asked"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("helm instal a b", "helm knows no command instal"),
        ("helm --namespace x instal", "helm knows no command instal"),
        ("helm install a b --sett x", "helm install knows no option --sett"),
        ("helm install a b --install", "helm install knows no option --install"),
        ("kubectl create secret generic a --from-file-env=b", "kubectl create secret generic knows no option --from-file-env"),
        ("kubectl tops pods", "kubectl knows no command tops"),
        ("seatrial doctr", "seatrial knows no command doctr"),
        ("seatrial doctor --jsn", "seatrial doctor knows no option --jsn"),
    ],
)
def test_commands_that_do_not(text: str, says: str) -> None:
    assert judged(text) == (says, None)


def test_what_is_not_there_is_a_fault_and_what_cannot_be_asked_is_not() -> None:
    assert judged("frobnicate x", there=False) == ("no program frobnicate is to be had", None)
    assert judged("minikube image load x") == (None, "minikube is not here to be asked")
    assert judged("docker compose up") == (None, "docker compose is not here to be asked")
    assert judged("docker frob up") == ("docker knows no command frob", None)


def test_programs_of_the_virtual_environment_go_by_their_own_name() -> None:
    assert Command((".venv/bin/seatrial", "doctor"), 1).program == "seatrial"
    assert Command(("docker/run.sh",), 1).program == "docker/run.sh"


def test_a_shell_is_asked_whether_it_can_read_a_text() -> None:
    assert syntax("for x in a b; do echo $x; done") is None
    assert syntax("for x in a b; do echo $x") is not None
