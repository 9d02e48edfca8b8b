"""Of what use the API is from inside: what a request came to, and what follows."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.errors import ClusterError
from seatrial.journal import Redactor
from seatrial.trials.api_access import _ASK, NO_WAY, REFUSED, USABLE, WITH, WITHOUT, answer, judge_requests, observe_requests
from seatrial.trials.probe_pod import UNKNOWN
from seatrial.verdict import Outcome


@pytest.mark.parametrize(
    ("said", "outcome", "words"),
    [
        ("200/0.001/0", USABLE, "HTTP 200"),
        ("401/0.001/0", REFUSED, "HTTP 401"),
        ("403/0.001/0", REFUSED, "HTTP 403"),
        ("000/0.000000/28", NO_WAY, "no answer"),
        ("000/0.000000/7", NO_WAY, "no connection"),
        ("000/0.002/28", UNKNOWN, "HTTP 000, curl ended with 28"),  # it was connected: the server is slow
        ("000/0.002/35", UNKNOWN, "HTTP 000, curl ended with 35"),
        ("500/0.002/0", UNKNOWN, "HTTP 500, curl ended with 0"),
        ("404/0.002/0", UNKNOWN, "HTTP 404, curl ended with 0"),
        ("/127", UNKNOWN, "HTTP , curl ended with "),
        ("", UNKNOWN, "the node tells nothing of it"),
    ],
)
def test_what_a_request_came_to(said: str, outcome: str, words: str) -> None:
    assert answer(said) == (outcome, words)


def request(outcome: str, words: str = "", *, how: str = WITHOUT, pod: str = "api-1") -> dict[str, Any]:
    return {"pod": pod, "container": "api", "account": "api", "how": how, "outcome": outcome, "words": words}


CONTROL = request(USABLE, "HTTP 200", how=WITH, pod="coredns")


def seen(*asked: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"asked": list(asked), "controls": [CONTROL], "error": "", "allowed": [], **changes}


def test_refused_and_without_a_way_passes_with_the_numbers() -> None:
    verdict = judge_requests(
        seen(request(REFUSED, "HTTP 403"), request(NO_WAY, "no answer"), request(REFUSED, "HTTP 403", how=WITH))
    )
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    assert [item.what for item in verdict.evidence] == [
        "1 requests with its own token: HTTP 403",
        "1 requests without a token: HTTP 403",
        "1 requests without a token: no answer",
        "1 with a token of namespace-controller, from kube-system: HTTP 200",
    ]


@pytest.mark.parametrize("how", [WITH, WITHOUT])
def test_a_list_of_secrets_is_a_fault(how: str) -> None:
    verdict = judge_requests(seen(request(REFUSED), request(USABLE, "HTTP 200", how=how)))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith(f"Pod api-1 / container api, {how}: found the API lists the namespace's Secrets")


def test_what_seatrial_yaml_allows_is_no_fault_with_that_token_alone() -> None:
    assert judge_requests(seen(request(USABLE, how=WITH), allowed=["api"])).outcome is Outcome.PASSED
    assert judge_requests(seen(request(USABLE, how=WITHOUT), allowed=["api"])).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"controls": []}, "kube-system has no pod with a network of its own"),
        ({"controls": [request(REFUSED, "HTTP 403")]}, "was not answered from kube-system either: HTTP 403"),
        ({"controls": [], "error": "no such account"}, "either: no such account"),
        ({"asked": [request(UNKNOWN, "HTTP 500, curl ended with 0")]}, "Pod api-1 / container api, without a token: HTTP 500"),
        ({"asked": [], "controls": [], "error": "gone"}, "either: gone"),
    ],
)
def test_without_a_control_or_an_answer_nothing_can_be_told(changes: dict[str, Any], words: str) -> None:
    verdict = judge_requests({**seen(request(REFUSED, "HTTP 403")), **changes})
    assert verdict.outcome is Outcome.INCONCLUSIVE and words in verdict.reason


def test_without_a_pod_there_is_nothing_to_judge() -> None:
    assert judge_requests(seen()).outcome is Outcome.FAILED


STUBS = {
    "crictl": 'for last; do :; done; [ "$last" != gone ] && echo $PPID_OF_ALL',
    "nsenter": '[ "$1 $2 $3" = "-t $PPID_OF_ALL -n" ] || exit 9; shift 3; exec "$@"',
    "curl": 'read -r header; case $header in *minted*) s=200;; Accept*) s=403;; *) s=500;; esac; printf "$s/0.01"; for u; do :; done;'
    ' [ "$u" = https://api/secrets ] || exit 3',
}


def test_the_script_asks_for_every_container_and_the_control(tmp_path: Path) -> None:
    for name, text in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PPID_OF_ALL": str(os.getpid())}
    argv = ["/bin/sh", "-c", _ASK, "ask", "https://api/secrets", "api:443:10.96.0.1", "minted", "dns", "one gone two"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert sorted(done.stdout.splitlines()) == ["dns control: 200/0.01/0", "one without: 403/0.01/0", "two without: 403/0.01/0"]


def _pod(name: str, identity: str, **spec: Any) -> dict[str, Any]:
    status = {"containerStatuses": [{"name": "main", "containerID": f"containerd://{identity}", "state": {"running": {}}}]}
    return {"metadata": {"name": name}, "spec": spec, "status": status}


class Kube:
    def __init__(self, **pods: list[dict[str, Any]]) -> None:
        self.pods = pods
        self.minted = ""

    def read(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        assert (kind, name, namespace) == ("Service", "kubernetes", "default")
        return {"spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443}]}}

    def find(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        return self.pods["mine" if namespace == "shop" else "system"]

    def path(self, kind: str, namespace: str, name: str) -> str:
        return f"/{namespace}/{kind}/{name}"

    def request(self, method: str, path: str, *, body: dict[str, Any]) -> dict[str, Any]:
        self.minted = f"{method} {path}"
        return {"status": {"token": "minted-token-value"}}


def _world(node_exec: Any, kube: Kube) -> Any:
    security = SimpleNamespace(rights={"api": ("list secrets",), "web": ("get pods",)})
    return SimpleNamespace(
        kube=kube,
        app=SimpleNamespace(namespace="shop", security=security),
        cluster=SimpleNamespace(node_exec=node_exec),
        journal=SimpleNamespace(redactor=Redactor()),
    )


def test_what_is_asked_from_where() -> None:
    asked: list[list[str]] = []

    def node_exec(argv: list[str], timeout: float) -> Any:
        asked.append(argv[4:])
        return SimpleNamespace(stdout="d1 control: 200/0.1/0\na1 without: 000/0.000000/28\na1 with: 403/0.1/0\n", stderr="")

    kube = Kube(
        mine=[_pod("api-1", "a1", serviceAccountName="api")], system=[_pod("dns", "d1"), _pod("proxy", "p1", hostNetwork=True)]
    )
    world = _world(node_exec, kube)
    found = observe_requests(world)
    url = "https://kubernetes.default.svc:443/api/v1/namespaces/shop/secrets"
    assert asked == [[url, "kubernetes.default.svc:443:10.96.0.1", "minted-token-value", "d1", "a1"]]
    assert kube.minted == "POST /kube-system/ServiceAccount/namespace-controller/token"
    assert [(one["how"], one["outcome"], one["account"]) for one in found["asked"]] == [
        (WITHOUT, NO_WAY, "api"),
        (WITH, REFUSED, "api"),
    ]
    assert found["allowed"] == ["api"] and judge_requests(found).outcome is Outcome.PASSED
    assert "minted" not in str(found) and "minted-token-value" in world.journal.redactor.known()


def test_a_pod_that_goes_meanwhile_is_asked_for_once_more_and_then_unknown() -> None:
    tries: list[int] = []

    def node_exec(argv: list[str], timeout: float) -> Any:
        tries.append(1)
        return SimpleNamespace(stdout="d1 control: 200/0.1/0\n", stderr="")

    found = observe_requests(_world(node_exec, Kube(mine=[_pod("api-1", "a1")], system=[_pod("dns", "d1")])))
    assert len(tries) == 2 and judge_requests(found).outcome is Outcome.INCONCLUSIVE


def test_a_node_that_cannot_be_used_leaves_it_open() -> None:
    def node_exec(argv: list[str], timeout: float) -> Any:
        raise ClusterError("programs cannot be run on the nodes")

    verdict = judge_requests(observe_requests(_world(node_exec, Kube(mine=[_pod("api-1", "a1")], system=[]))))
    assert verdict.outcome is Outcome.INCONCLUSIVE and "programs cannot be run on the nodes" in verdict.reason


def test_what_a_cluster_showed_passes_and_not_with_one_answer(recorded: Callable[[str], Any]) -> None:
    seen = recorded("requests")
    verdict = judge_requests(seen)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 6)
    seen["asked"][0] |= {"outcome": USABLE, "words": "HTTP 200"}
    assert seen["asked"][0]["pod"] in judge_requests(seen).reason
    assert judge_requests({**recorded("requests"), "controls": []}).outcome is Outcome.INCONCLUSIVE
