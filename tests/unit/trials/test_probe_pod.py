from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from seatrial import process
from seatrial.tools.kube import ApiError, ExecResult, Kube
from seatrial.trials import probe_pod
from seatrial.trials.probe_pod import (
    NEVER_READY,
    SLOW_ASKED_AGAIN,
    Answer,
    Reach,
    Source,
    Target,
    ask_slow_again,
    helper_pod,
    judge_connect,
    parse_fetch,
    parse_reach,
    reach,
)


@pytest.mark.parametrize(
    ("code", "words", "outcome"),
    [
        (0, "", "reached"),
        (1, "REFUSED", "denied"),
        (1, "TIMEOUT", "denied"),
        (1, "OTHER: dial tcp: connect: no route to host", "denied"),
        (1, "OTHER: dial tcp: permission denied", "unknown"),
        (1, "DNS: lookup x: no such host", "unknown"),
        (1, "nc: can't connect to remote host (10.0.0.1): Connection refused", "denied"),
        (1, "nc: can't connect to remote host (10.0.0.1): No route to host", "denied"),
        (1, "nc: can't connect to remote host (10.0.0.1): Connection timed out", "denied"),
        (1, "nc: timed out", "denied"),
        (1, "nc: bad address 'x'", "unknown"),
        (1, "nc: can't connect to remote host (10.0.0.1): Cannot assign requested address", "unknown"),
        (127, "agnhost: not found", "unknown"),
        (1, "", "unknown"),
    ],
)
def test_three_outcomes_of_a_connection(code: int, words: str, outcome: str) -> None:
    assert judge_connect(code, words).outcome == outcome


@pytest.mark.parametrize(
    ("code", "words", "found"),
    [
        (0, "", Reach("reached", "answered")),
        (1, "REFUSED: read udp 10.0.0.1:9->10.0.0.2:9: read: connection refused", Reach("denied", "refused")),
        (1, "TIMEOUT: read udp 10.0.0.1:9->10.0.0.2:9: i/o timeout", Reach("denied", "timeout")),
        (1, "UNKNOWN: write udp: operation not permitted", Reach("denied", "write udp: operation not permitted")),
        (1, "UNKNOWN: write udp: no buffer space", Reach("unknown", "UNKNOWN: write udp: no buffer space")),
        (1, "OTHER: No data received from the server.", Reach("unknown", "OTHER: No data received from the server.")),
    ],
)
def test_three_outcomes_by_udp(code: int, words: str, found: Reach) -> None:
    assert judge_connect(code, words, "UDP") == found


@pytest.mark.parametrize("usage", ["\t-e PROG\tRun PROG after connect", "nc HOST PORT"])
def test_a_probe_by_tcp_is_made_by_nc_where_it_can_and_by_agnhost_elsewhere(usage: str, tmp_path: Path) -> None:
    tools = {
        "nc": f"[ $# -gt 0 ] || {{ echo '{usage}'; exit 1; }}; [ $4 = 1 ] && exit 0; echo 'nc: timed out' >&2; exit 1",
        "agnhost": "case $4 in *:1|[a-z]*) exit 0;; esac; echo TIMEOUT; exit 1",
    }
    for name, text in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    class Shell:
        def exec(self, pod: str, namespace: str, argv: list[str], **_: Any) -> process.Completed:
            script = argv[2].replace("b=/bin/busybox", "b=/nowhere")
            return process.run(
                ["/bin/sh", "-c", script], timeout=10, env={**process.environment(), "PATH": f"{tmp_path}:/usr/bin:/bin"}
            )

    source = Source("p", "n", "c", "10.0.0.1")
    found = reach(cast(Kube, Shell()), source, [("10.0.0.2", 1), ("10.0.0.2", 2), Target("10.0.0.2", 1, "UDP")])
    assert [one.how for one in found] == ["connected", "timeout", "answered"]


def test_reach_lines_in_any_order_and_missing_ones() -> None:
    found = parse_reach("1 1 REFUSED\nnoise\n0 0 \n3 0 \n", ["TCP", "TCP", "TCP", "UDP"])
    assert [one.outcome for one in found] == ["reached", "denied", "unknown", "reached"]
    assert [found[0].how, found[3].how] == ["connected", "answered"]
    assert found[2] == Reach("unknown", "the probe said nothing")


OUTPUT = """\
tok 0 100.10 100.22 1795175943
  HTTP/1.1 200 OK
  Content-Type: application/json
  X-Thing: a: b

{"status": "ok",
 "more": 1}
tok 1 100.30 100.31 1795175944
  HTTP/1.1 404 Not Found
wget: server returned error: HTTP/1.1 404 Not Found
tok 1 100.40 103.40 1795175947
wget: can't connect to remote host (10.0.0.1): Connection refused
"""


def test_fetch_answers() -> None:
    good, missing, refused, silent = parse_fetch(OUTPUT, "tok", ["http://a", "http://b", "http://c", "http://d"])
    assert (good.status, good.seconds, good.at, good.error) == (200, 0.12, 1795175943, "")
    assert good.headers == {"content-type": "application/json", "x-thing": "a: b"}
    assert '"more": 1' in good.body
    assert (missing.status, missing.error) == (404, "")
    assert (refused.status, refused.seconds) == (None, 3.0)
    assert "Connection refused" in refused.error
    assert silent.error == "the probe said nothing"


@pytest.mark.parametrize(("later", "seconds"), [(0.1, 0.1), (1.4, 1.4)])
def test_a_slow_answer_is_asked_again_and_only_what_stays_slow_is_slow(
    monkeypatch: pytest.MonkeyPatch, later: float, seconds: float
) -> None:
    asked: list[list[str | float]] = []

    def fetch(kube: object, source: object, urls: list[str | float]) -> list[Answer]:
        asked.append(urls)
        return [Answer(url, 200, {}, "", later, 0, "") for url in urls if isinstance(url, str)]

    monkeypatch.setattr(probe_pod, "fetch", fetch)
    first = [Answer("http://a", 200, {}, "", 1.5, 0, ""), Answer("http://b", 200, {}, "", 0.2, 0, "")]
    slow, quick = ask_slow_again(None, Source("p", "n", "c", "1.2.3.4"), first, 1.0)  # type: ignore[arg-type]
    assert asked == [[1, "http://a"] * SLOW_ASKED_AGAIN]
    assert (slow.seconds, slow.tries) == (seconds, (1.5, *[later] * SLOW_ASKED_AGAIN))
    assert (quick.seconds, quick.tries) == (0.2, ())


def test_no_answer_and_quick_answers_are_not_asked_again() -> None:
    answers = [Answer("http://a", None, {}, "", 5.0, 0, "refused"), Answer("http://b", 200, {}, "", 0.2, 0, "")]
    assert ask_slow_again(None, Source("p", "n", "c", "1.2.3.4"), answers, 1.0) == answers  # type: ignore[arg-type]


def test_helper_pods_fit_the_restricted_level_and_may_never_be_ready() -> None:
    pod = helper_pod("x", {"app": "y"}, ports=[80, 81], never_ready=True)
    container = pod["spec"]["containers"][0]
    assert container["args"] == ["porter"]
    assert [entry["name"] for entry in container["env"]] == ["SERVE_PORT_80", "SERVE_PORT_81"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["readinessGates"] == [{"conditionType": NEVER_READY}]
    assert helper_pod("x", {})["spec"]["containers"][0]["args"] == ["pause"]
    assert helper_pod("x", {}, ports=[80], http=True)["spec"]["containers"][0]["args"][0] == "netexec"


def test_a_listener_by_udp_stands_beside_those_by_tcp() -> None:
    container = helper_pod("x", {}, ports=[80], udp=[53, 54])["spec"]["containers"][0]
    shell, _, script = container["command"]
    assert (shell, "args" in container) == ("/bin/sh", False)
    two = '; "$a" netexec --http-port=0 --udp-port=53 & "$a" netexec --http-port=0 --udp-port=54 & exec "$a" porter'
    assert script.endswith(two)
    assert [entry["name"] for entry in container["env"]] == ["SERVE_PORT_80"]


class _Shell(Kube):
    """A Kube that keeps the scripts it is to run, and says what the test says."""

    def __init__(self, *outputs: str) -> None:
        self._outputs = list(outputs)
        self.scripts: list[str] = []

    def exec(self, pod: str, namespace: str, argv: Sequence[str], **how: Any) -> ExecResult:
        self.scripts.append(argv[-1])
        return ExecResult(0, self._outputs.pop(0), "")


def test_all_targets_of_a_source_are_tried_in_one_exec_by_their_protocols() -> None:
    kube = _Shell("0 0 \n1 1 TIMEOUT: i/o timeout\n")
    found = probe_pod.reach(kube, Source("p", "n", "c", "1.2.3.4"), [("fd00::1", 80), Target("10.0.0.1", 53, "UDP")])
    assert found == [Reach("reached", "connected"), Reach("denied", "timeout")]
    assert "t 0 fd00::1 80 '[fd00::1]:80' &\nu 1 udp 10.0.0.1:53 &\nwait" in kube.scripts[0]
    assert len(kube.scripts) == 1


def test_what_a_probe_said_nothing_of_is_asked_again_and_nothing_else() -> None:
    kube = _Shell("1 1 REFUSED\n", "1 1 TIMEOUT\n", "0 0 \n")
    targets = [("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.3", 80)]
    found = probe_pod.reach(kube, Source("p", "n", "c", "1.2.3.4"), targets)
    assert [one.how for one in found] == ["connected", "refused", "timeout"]
    assert ["10.0.0.2:80" in script for script in kube.scripts] == [True, False, False]


def test_what_stays_silent_is_unknown() -> None:
    kube = _Shell("", "", "")
    found = probe_pod.reach(kube, Source("p", "n", "c", "1.2.3.4"), [("10.0.0.1", 80)])
    assert found == [Reach("unknown", "the probe said nothing")]


def test_a_new_pod_waits_until_every_way_is_open_and_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = [["denied", "reached"], ["unknown", "reached"], ["reached", "reached"], ["denied", "denied"]]
    asked: list[int] = []

    def reach(kube: Any, source: Any, targets: Any) -> list[probe_pod.Reach]:
        asked.append(len(targets))
        return [probe_pod.Reach(outcome, "") for outcome in rounds[len(asked) - 1]]

    monkeypatch.setattr(probe_pod, "reach", reach)
    monkeypatch.setattr(probe_pod, "WAY_LOOK_SECONDS", 0.0)
    source: Any = None
    probe_pod.await_way(source, source, [("web", 80), ("api", 81)])
    assert asked == [2, 2, 2]
    monkeypatch.setattr(probe_pod, "WAY_SECONDS", -1.0)
    probe_pod.await_way(source, source, [("web", 80), ("api", 81)])
    assert len(asked) == 4, "time is up: the caller finds out"


def test_a_way_that_is_open_because_policies_are_lifted_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    lifted: list[bool] = []

    def reach(kube: Any, source: Any, targets: Any) -> list[probe_pod.Reach]:
        lifted.append(not probe_pod.POLICIES.acquire(blocking=False))
        return [probe_pod.Reach("reached", "")]

    monkeypatch.setattr(probe_pod, "reach", reach)
    source: Any = None
    probe_pod.await_way(source, source, [("web", 80)])
    assert lifted == [True], "nobody else may lift them while the way is tried"
    assert not probe_pod.POLICIES.locked()


def test_a_helper_waits_for_room_in_the_quota_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_pod, "ROOM_LOOK_SECONDS", 0.0)

    class Full:
        """Refuses pods with these words, one after the other, and then takes one."""

        def __init__(self, *words: str) -> None:
            self.words = list(words)
            self.made: list[Any] = []

        def create(self, pod: Any, namespace: str) -> None:
            if self.words:
                raise ApiError("POST", "pods", 403, self.words.pop(0))
            self.made.append(pod)

    full = Full("exceeded quota: q, requested: limits.cpu=1", "exceeded quota: q, requested: limits.cpu=1")
    probe_pod._create(cast(Kube, full), {"kind": "Pod"}, "n")
    assert full.made == [{"kind": "Pod"}]
    with pytest.raises(ApiError, match="violates PodSecurity"):
        probe_pod._create(cast(Kube, Full("violates PodSecurity")), {}, "n")
    monkeypatch.setattr(probe_pod, "ROOM_SECONDS", -1.0)
    with pytest.raises(ApiError, match="exceeded quota"):
        probe_pod._create(cast(Kube, Full("exceeded quota")), {}, "n")
