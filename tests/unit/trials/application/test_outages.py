from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from seatrial.errors import ClusterError
from seatrial.tools.kube import ApiError
from seatrial.trials import live, users
from seatrial.trials.application import outages
from seatrial.trials.application.outages import DATABASE, MODEL, PATH, Caller, judge_outages
from seatrial.verdict import Outcome


def call(outage: str, what: str, **changed: Any) -> dict[str, Any]:
    return {
        "outage": outage,
        "what": what,
        "status": 503,
        "json": True,
        "seconds": 0.1,
        "ready": None,
        "error": "gone",
        **changed,
    }


def shown(outage: str, what: str, **changed: Any) -> dict[str, Any]:
    return {"outage": outage, "what": what, "text": "Try again later.", "seconds": 0.4, "screenshot": "x.png", **changed}


@pytest.fixture
def seen() -> dict[str, Any]:
    """Outages as they should be seen."""
    return {
        "controls": [{"what": "GET /api/todos", "status": 200, "error": ""}],
        "calls": [
            call(DATABASE, "GET /api/todos"),
            call(DATABASE, "chat"),
            call(DATABASE, "GET /api/todos", json=False, ready=0, error="no available server"),
            call(MODEL, "chat"),
            call(PATH, "GET /api/openapi.json through the frontend", status=502),
        ],
        "shown": [
            shown(DATABASE, "adding a todo"),
            shown(MODEL, "a message"),
            shown(PATH, "opening the page", text=outages.WORKS),
        ],
        "lasted": {DATABASE: 20.3, MODEL: 33.0, PATH: 33.0},
        "recovered": {DATABASE: 9.1, MODEL: 6.2, PATH: 1.1},
        "normal": [{"what": "adding by form and by chat", "done": 7, "stopped": ""}],
        "restarts": {"before": {"backend-1": 1}, "after": {"backend-1": 1, "backend-2": 0}},
        "trouble": [],
        "limits": {"outage": 20.0, "answer": 15.0, "restarts": 0.0, "recovered": 60.0},
    }


def test_outages_that_are_survived_pass(seen: dict[str, Any]) -> None:
    verdict = judge_outages(seen)
    assert verdict.outcome is Outcome.PASSED, verdict.reason
    assert verdict.judged == 8
    assert "3 calls, 2 answered in JSON, the rest by the edge, which had no backend left" in verdict.evidence[0].what


@pytest.mark.parametrize(
    ("number", "change", "words"),
    [
        (0, {"status": 500}, "GET /api/todos without the database: found status 500"),
        (0, {"status": 200, "error": ""}, "found status 200"),
        (0, {"seconds": 15.4}, "found gone after 15.4 s, wanted an answer within 15 s"),
        (0, {"status": None, "error": "ReadTimeout"}, "found ReadTimeout after 0.1 s"),
        (2, {"ready": 2}, "found status 503 without JSON: no available server"),
        (2, {"ready": None}, "found status 503 without JSON"),
        (3, {"status": 500}, "chat without the model: found status 500"),
        (4, {"status": 200}, f"through the frontend without the {PATH}: found status 200"),
    ],
)
def test_a_call_that_fails_otherwise(seen: dict[str, Any], number: int, change: dict[str, Any], words: str) -> None:
    seen["calls"][number] |= change
    verdict = judge_outages(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("calls", [], "calls without the database: found none failed"),
        ("shown", [shown(DATABASE, "adding a todo", text=None)], "adding a todo without the database: found no alert"),
        ("shown", [shown(MODEL, "a message", seconds=16.0)], "found an alert after 16.0 s, wanted within 15 s"),
        ("recovered", {DATABASE: None, MODEL: 1.0, PATH: 1.0}, "after the outage of the database: found no normal service"),
        (
            "recovered",
            {DATABASE: 1.0, MODEL: 61.0, PATH: 1.0},
            "after the outage of the model: found normal service after 61.0 s",
        ),
        ("normal", [{"what": "adding", "done": 1, "stopped": "see 'x'"}], "adding on the pages afterwards: found see 'x'"),
        ("restarts", {"before": {"backend-1": 1}, "after": {"backend-1": 2}}, "Pod backend-1: found 1 restarts, wanted 0"),
        ("restarts", {"before": {}, "after": {"backend-3": 1}}, "Pod backend-3: found 1 restarts"),
    ],
)
def test_what_is_not_survived_fails(seen: dict[str, Any], part: str, change: Any, words: str) -> None:
    seen[part] = change
    verdict = judge_outages(seen)
    assert verdict.outcome is Outcome.FAILED
    assert words in " ".join(item.what for item in verdict.evidence)


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("controls", [{"what": "chat", "status": 503, "error": "no"}], "chat did not work without an outage (no)"),
        ("controls", [{"what": "the pages", "status": None, "error": "see 'x'"}], "the pages did not work without an outage"),
        ("trouble", ["the browser: Page crashed"], "the onlookers saw no more: the browser: Page crashed"),
        ("shown", [], "nobody looked at the pages without the database"),
        ("lasted", {DATABASE: 3.0, MODEL: 30.0, PATH: 30.0}, "the outage of the database lasted only 3.0 s of 20 s"),
    ],
)
def test_what_proves_too_little_cannot_be_told(seen: dict[str, Any], part: str, change: Any, words: str) -> None:
    seen[part] = change
    verdict = judge_outages(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_only_the_edges_own_words_prove_nothing_of_the_application(seen: dict[str, Any]) -> None:
    seen["calls"][0] |= {"json": False, "ready": 0}
    verdict = judge_outages(seen)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "GET /api/todos without the database: the application itself answered none of these calls" in verdict.reason


class Backend:
    """Answers well, until its database is gone, and again when it is back."""

    def __init__(self) -> None:
        self.gone = False
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.method)
        return httpx.Response(503, json={"error": {}}) if self.gone else httpx.Response(200, json=[])


def test_the_caller_writes_only_while_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend()

    def at_edge(*_: Any) -> httpx.Client:
        return httpx.Client(base_url="http://x", transport=httpx.MockTransport(backend))

    monkeypatch.setattr(users, "at_edge", at_edge)
    monkeypatch.setattr(outages, "CALL_SECONDS", 0.01)
    world: Any = SimpleNamespace(app=SimpleNamespace(chat=SimpleNamespace(path="/api/chat")))
    caller = Caller(world, users.NOBODY, 1.0)
    caller.start()
    while len(backend.asked) < 3:
        pass
    assert set(backend.asked) == {"GET"}, "nothing is written before a call has failed"
    backend.gone = True
    assert caller.failing.wait(5)
    while backend.asked.count("POST") < 2:
        pass
    caller.only_read()
    writes = backend.asked.count("POST")
    backend.gone = False
    recovered = caller.recovered(5.0)
    caller.stop()
    assert backend.asked.count("POST") == writes
    assert recovered is not None and recovered < 5
    assert {each["what"] for each in caller.calls} == {"GET /api/todos", "POST /api/todos", "chat"}
    assert all(each["status"] == 503 and each["json"] for each in caller.calls)


FRONTEND, BACKEND = {"app": "x", "part": "frontend"}, {"app": "x", "part": "backend"}


def policy(*peers: dict[str, Any], selects: dict[str, str] = FRONTEND) -> dict[str, Any]:
    return {"spec": {"podSelector": {"matchLabels": selects}, "egress": [{"to": list(peers)}]}}


@pytest.mark.parametrize(
    ("item", "opens"),
    [
        (policy({"podSelector": {"matchLabels": BACKEND}}), True),
        (policy({"podSelector": {"matchLabels": {"part": "database"}}}), False),
        (policy({"podSelector": {"matchLabels": BACKEND}}, selects={"part": "test"}), False),
        (policy({"podSelector": {"matchLabels": BACKEND}, "namespaceSelector": {}}), False),
        ({"spec": {"podSelector": {}}}, False),
    ],
)
def test_the_policy_that_opens_the_way(item: dict[str, Any], opens: bool) -> None:
    assert outages._lets_out(item, FRONTEND, BACKEND) is opens


def test_nobody_looks_on_where_users_are_unknown() -> None:
    world: Any = SimpleNamespace(app=SimpleNamespace(reference=False, ingress=None, auth=None))
    with outages.watching(world) as watch:
        watch.mending()
        assert watch.seen() is None


@pytest.mark.parametrize(
    ("error", "status", "is_json"),
    [
        (None, 200, True),
        (ApiError("GET", "x", 502, '{"error": {"code": "backend_unreachable"}}'), 502, True),
        (ApiError("GET", "x", 503, "no endpoints available for service"), 503, False),
        (ClusterError("no answer from the API server"), None, False),
    ],
)
def test_the_frontend_is_asked_through_the_api_server(
    monkeypatch: pytest.MonkeyPatch, error: ClusterError | None, status: int | None, is_json: bool
) -> None:
    asked = []

    def path(kind: str, namespace: str, name: str) -> str:
        return f"{kind}/{namespace}/{name}"

    def request(method: str, path: str, **_: Any) -> Any:
        asked.append(path)
        if error is not None:
            raise error

    component = SimpleNamespace(service_port=80)
    app = SimpleNamespace(having=lambda role: {"web": component}, components={"web": component}, namespace="shop")
    onlookers = object.__new__(outages.Onlookers)
    onlookers._world = cast(Any, SimpleNamespace(app=app, kube=SimpleNamespace(path=path, request=request)))
    onlookers._limits = {"answer": 15.0}
    monkeypatch.setattr(live, "service_of", lambda *_: {"metadata": {"name": "shop-web"}, "spec": {"ports": [{"port": 80}]}})
    found = onlookers._through_frontend()
    assert asked == ["Service/shop/shop-web:80/proxy/api/openapi.json"]
    assert (found["status"], found["json"]) == (status, is_json)


def test_a_recorded_outage_passes(recorded: Callable[[str], Any]) -> None:
    verdict = judge_outages(recorded("outage")["users"])
    assert verdict.outcome is Outcome.PASSED, verdict.reason


@pytest.mark.parametrize(
    ("ready", "breaks", "status"),
    [(0, 1, 502), (0, 2, None), (1, 1, None)],
    ids=["once without a backend", "twice", "with a backend that could answer"],
)
def test_what_breaks_off_without_a_backend_is_asked_once_more(
    monkeypatch: pytest.MonkeyPatch, ready: int, breaks: int, status: int | None
) -> None:
    left = [breaks]

    def answer(request: httpx.Request) -> httpx.Response:
        if left[0]:
            left[0] -= 1
            raise httpx.RemoteProtocolError("peer closed connection", request=request)
        return httpx.Response(502, json={"error": "gone"})

    http = httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer))
    monkeypatch.setattr(users, "at_edge", lambda *_: http)
    monkeypatch.setattr(outages, "_ready_backends", lambda world: ready)
    caller = Caller(cast(Any, None), users.NOBODY, 1.0)
    caller._noted(lambda: outages._call(http, "GET", "/api/todos", None))
    (noted,) = caller.calls
    assert noted["status"] == status
    assert noted["broke"] == "RemoteProtocolError: peer closed connection"


def test_what_broke_off_is_told(seen: dict[str, Any]) -> None:
    seen["calls"][0] |= {"broke": "ReadError: reset"}
    verdict = judge_outages(seen)
    assert verdict.outcome is Outcome.PASSED
    assert "1 broke off and were asked once more: ReadError: reset" in verdict.evidence[0].what
