"""The Kubernetes client against a small API server on loopback that answers what each test tells it to."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from websocket import ABNF

from seatrial.errors import ClusterError
from seatrial.tools.kube import MOST_LOST, ApiError, ExecFailed, Kube, WaitTimeout, selector_of

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeApi

    def handle_one_request(self) -> None:
        super().handle_one_request()

    def _any(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.server.seen.append(
            (self.command, parts.path, self.query, {name.title(): value for name, value in self.headers.items()}, body)
        )
        answers = self.server.answers.get((self.command, parts.path))
        if not answers:
            return self.say({"kind": "Status", "message": f"no answer for {self.command} {parts.path}"}, 404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer(self)

    do_GET = do_POST = do_PATCH = do_DELETE = _any

    def say(self, data: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> None:
        payload = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def stream(self, events: list[dict[str, Any]]) -> None:
        """A watch: chunked, one event cut into two pieces to see that lines are put together again."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            line = json.dumps(event).encode() + b"\n"
            for piece in (line[:7], line[7:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def websocket(self, frames: list[tuple[int, str]]) -> None:
        """An exec session: channel, text."""
        accept = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.end_headers()
        for channel, text in frames:
            frame = ABNF.create_frame(bytes([channel]) + text.encode(), ABNF.OPCODE_BINARY)
            frame.mask_value = 0
            self.wfile.write(frame.format())
        close = ABNF.create_frame(b"\x03\xe8", ABNF.OPCODE_CLOSE)
        close.mask_value = 0
        self.wfile.write(close.format())
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


class FakeApi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict[str, str], dict[str, str], str]] = []
        self.answers: dict[tuple[str, str], list[Answer]] = {}

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[(method, path)] = list(answers)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


@pytest.fixture
def api() -> Iterator[FakeApi]:
    server = FakeApi()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def kube(api: FakeApi, tmp_path: Path) -> Iterator[Kube]:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{api.server_address[1]}"}}],
        "users": [{"name": "u", "user": {"token": "the-token"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    client = Kube(path, "here")
    yield client
    client.close()


def say(data: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return lambda handler: handler.say(data, status, headers)


def pods(*names: str, version: str = "5", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PodList",
        "metadata": {"resourceVersion": version},
        "items": [{"metadata": {"name": name}, **more} for name in names],
    }


PODS = "/api/v1/namespaces/shop/pods"


def test_find_sends_selector_and_token_and_names_the_kind(api: FakeApi, kube: Kube) -> None:
    api.on("GET", PODS, say(pods("a", "b")))
    found = kube.find("Pod", "shop", selector_of({"app": "x", "b": "y"}))
    assert [(item["kind"], item["apiVersion"], item["metadata"]["name"]) for item in found] == [
        ("Pod", "v1", "a"),
        ("Pod", "v1", "b"),
    ]
    _, _, query, headers, _ = api.seen[0]
    assert query == {"labelSelector": "app=x,b=y"}
    assert headers["Authorization"].removeprefix("Bearer ") == "the-token"


def test_read_returns_none_for_what_is_missing_and_raises_for_what_is_refused(api: FakeApi, kube: Kube) -> None:
    assert kube.read("Pod", "a", "shop") is None
    api.on("GET", PODS + "/a", say({"message": "not for you"}, 403))
    with pytest.raises(ApiError, match="403: not for you") as caught:
        kube.read("Pod", "a", "shop")
    assert caught.value.status == 403


def test_no_answer_is_a_cluster_error(api: FakeApi, kube: Kube) -> None:
    api.shutdown()
    api.server_close()
    with pytest.raises(ClusterError, match="no answer from the API server"):
        kube.find("Pod", "shop")


def test_create_is_strict_and_a_dry_run_changes_nothing(api: FakeApi, kube: Kube) -> None:
    api.on("POST", PODS, say({"metadata": {"name": "a"}}, 201))
    item = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}}
    kube.create(item)
    kube.create(item, dry_run=True)
    assert [seen[2] for seen in api.seen] == [{"fieldValidation": "Strict"}, {"dryRun": "All", "fieldValidation": "Strict"}]
    assert json.loads(api.seen[0][4]) == item


def test_a_kind_outside_the_table_is_looked_up_once(api: FakeApi, kube: Kube) -> None:
    resources = [
        {"name": "widgets", "kind": "Widget", "namespaced": True},
        {"name": "widgets/status", "kind": "Widget", "namespaced": True},
    ]
    api.on("GET", "/apis/x.io/v1", say({"resources": resources}))
    api.on("PATCH", "/apis/x.io/v1/namespaces/shop/widgets/w", say({}))
    item = {"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "w"}}
    kube.apply(item, "shop")
    kube.apply(item, "shop")
    assert [seen[1] for seen in api.seen].count("/apis/x.io/v1") == 1


def test_dry_run_reports_warnings_and_refusals_and_unknown_kinds(api: FakeApi, kube: Kube) -> None:
    path = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/h"
    warning = (("Warning", '299 - "autoscaling/v2beta2 is \\"old\\""'),)
    api.on("PATCH", path, say({}, 200, warning), say({"message": 'unknown field "spec.x"'}, 400))
    item = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}
    taken = kube.dry_run(item, "shop")
    assert (taken.status, taken.error, taken.warnings) == (200, "", ('autoscaling/v2beta2 is "old"',))
    assert api.seen[0][2]["dryRun"] == "All"
    assert api.seen[0][2]["fieldValidation"] == "Strict"
    refused = kube.dry_run(item, "shop")
    assert (refused.status, refused.error) == (400, 'unknown field "spec.x"')
    unknown = kube.dry_run({**item, "apiVersion": "autoscaling/v2beta2"}, "shop")
    assert unknown.status == 0
    assert "does not serve autoscaling/v2beta2/HorizontalPodAutoscaler" in unknown.error


@pytest.mark.parametrize(
    ("body", "strategic", "content_type"),
    [
        ([{"op": "remove", "path": "/x"}], False, "application/json-patch+json"),
        ({"x": 1}, False, "application/merge-patch+json"),
        ({"x": 1}, True, "application/strategic-merge-patch+json"),
    ],
)
def test_patch_types(api: FakeApi, kube: Kube, body: Any, strategic: bool, content_type: str) -> None:
    api.on("PATCH", PODS + "/a/ephemeralcontainers", say({}))
    kube.patch("Pod", "a", "shop", body, subresource="ephemeralcontainers", strategic=strategic)
    assert api.seen[0][3]["Content-Type"] == content_type


def test_delete_says_whether_it_was_there_and_passes_the_grace(api: FakeApi, kube: Kube) -> None:
    assert kube.delete("Pod", "gone", "shop") is False
    api.on("DELETE", PODS + "/a", say({}))
    assert kube.delete("Pod", "a", "shop", grace=0) is True
    assert json.loads(api.seen[-1][4])["gracePeriodSeconds"] == 0


def test_evict_tells_a_budget_from_a_fault(api: FakeApi, kube: Kube) -> None:
    path = PODS + "/a/eviction"
    api.on("POST", path, say({}, 201), say({"message": "disruption budget"}, 429), say({"message": "boom"}, 500))
    assert kube.evict("a", "shop") == 201
    assert kube.evict("a", "shop") == 429
    with pytest.raises(ApiError, match="boom"):
        kube.evict("a", "shop")


def test_wait_sees_a_change_through_the_watch(api: FakeApi, kube: Kube) -> None:
    def answer(handler: Handler) -> None:
        if handler.query.get("watch"):
            handler.stream(
                [
                    {"type": "ADDED", "object": {"metadata": {"name": "b"}, "ok": False}},
                    {"type": "DELETED", "object": {"metadata": {"name": "a"}}},
                    {"type": "MODIFIED", "object": {"metadata": {"name": "b"}, "ok": True}},
                ]
            )
        else:
            handler.say(pods("a", ok=False))

    api.on("GET", PODS, answer)
    found = kube.wait("Pod", "shop", lambda known: known if all(p["ok"] for p in known.values()) else None, what="all", timeout=5)
    assert list(found) == ["b"]
    assert api.seen[1][2]["resourceVersion"] == "5"


def test_a_watch_that_breaks_off_begins_again_with_a_list(api: FakeApi, kube: Kube) -> None:
    lists = iter([pods("a", version="1"), pods("a", "b", version="9")])

    def answer(handler: Handler) -> None:
        if handler.query.get("watch"):
            handler.stream([{"type": "ERROR", "object": {"code": 410, "message": "too old"}}])
        else:
            handler.say(next(lists))

    api.on("GET", PODS, answer)
    assert kube.wait("Pod", "shop", lambda known: True if "b" in known else None, what="b", timeout=5) is True


def test_wait_says_what_stood_in_the_way(api: FakeApi, kube: Kube) -> None:
    def answer(handler: Handler) -> None:
        if handler.query.get("watch"):
            time.sleep(0.3)
            handler.stream([])
        else:
            handler.say(pods("a"))

    api.on("GET", PODS, answer)
    told = [("b", "09"), ("a-x1", "07"), ("a-x1", "08"), ("c", None)]
    events = [
        {
            "metadata": {},
            "involvedObject": {"kind": "Pod", "name": name},
            "lastTimestamp": second and f"2026-01-01T00:00:{second}Z",
            "reason": "BackOff",
            "message": f"crash {second}\n",
            "type": "Warning",
        }
        for name, second in told
    ]
    api.on("GET", "/api/v1/namespaces/shop/events", say({"apiVersion": "v1", "metadata": {}, "items": events}))
    with pytest.raises(
        WaitTimeout,
        match=r"waited 1 s for a to be ready; a is Pending; Pod/a-x1: BackOff: crash 08; Pod/a-x1: .* 07; Pod/b: .* 09.$",
    ):
        kube.wait(
            "Pod",
            "shop",
            lambda known: None,
            what="a to be ready",
            timeout=0.6,
            why_not=lambda known: f"{next(iter(known))} is Pending",
        )


def test_exec_returns_output_and_exit_code(api: FakeApi, kube: Kube) -> None:
    status = json.dumps({"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}})
    api.on("GET", PODS + "/a/exec", lambda handler: handler.websocket([(1, "out "), (2, "err"), (1, "more"), (3, status)]))
    done = kube.exec("a", "shop", ["prog", "--flag"], container="c")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out more", "err")
    assert api.seen[0][2]["container"] == "c"


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([(3, json.dumps({"status": "Failure", "message": "no such file"}))], "could not be run: no such file"),
        ([], "without a status"),
    ],
)
def test_exec_that_says_nothing_about_the_command_is_an_error(
    api: FakeApi, kube: Kube, frames: list[tuple[int, str]], words: str
) -> None:
    api.on("GET", PODS + "/a/exec", lambda handler: handler.websocket(frames))
    with pytest.raises(ExecFailed, match=words):
        kube.exec("a", "shop", ["prog"])


def test_a_command_is_followed_line_by_line_until_it_ends_or_that_is_enough(api: FakeApi, kube: Kube) -> None:
    api.on("GET", PODS + "/a/exec", lambda handler: handler.websocket([(1, "one\ntw"), (2, "err\n"), (1, "o\n\nlast")]))
    assert list(kube.follow("a", "shop", ["prog"], container="c", ended=lambda: False)) == ["one", "two", "last"]
    heard: list[str] = []
    for line in kube.follow("a", "shop", ["prog"], ended=lambda: bool(heard)):
        heard.append(line)
        break
    assert heard == ["one"]
    with pytest.raises(ExecFailed, match="could not be run"):
        list(kube.follow("gone", "shop", ["prog"], ended=lambda: False))


def test_exec_into_a_pod_that_is_not_there_is_an_error(kube: Kube) -> None:
    with pytest.raises(ExecFailed, match="could not be run"):
        kube.exec("gone", "shop", ["prog"])


def test_logs_are_text(api: FakeApi, kube: Kube) -> None:
    api.on("GET", PODS + "/a/log", say("one\ntwo\n"))
    assert kube.logs("a", "shop", "c", previous=True, tail=5) == "one\ntwo\n"
    assert api.seen[0][2] == {"container": "c", "previous": "true", "tailLines": "5"}


def test_exec_is_asked_again_while_the_kubelet_does_not_know_the_container(api: FakeApi, kube: Kube) -> None:
    refusal = {"kind": "Status", "message": 'unable to upgrade connection: container not found ("c")'}
    api.on(
        "GET",
        PODS + "/a/exec",
        lambda handler: handler.say(refusal, 500),
        lambda handler: handler.websocket([(1, "out"), (3, json.dumps({"status": "Success"}))]),
    )
    assert kube.exec("a", "shop", ["prog"]).stdout == "out"
    assert len(api.seen) == 2


def test_exec_whose_output_was_lost_is_asked_again_where_it_only_looks(api: FakeApi, kube: Kube) -> None:
    well = json.dumps({"status": "Success"})
    lost, told = ([(3, well)], [(1, "out"), (3, well)])
    api.on("GET", PODS + "/a/exec", *(lambda handler, frames=frames: handler.websocket(frames) for frames in (lost, lost, told)))
    assert kube.exec("a", "shop", ["prog"]).stdout == ""
    assert kube.exec("a", "shop", ["prog"], looks=True).stdout == "out"
    assert len(api.seen) == 3


def test_exec_that_never_says_anything_ends(api: FakeApi, kube: Kube) -> None:
    api.on("GET", PODS + "/a/exec", lambda handler: handler.websocket([(3, json.dumps({"status": "Success"}))]))
    assert kube.exec("a", "shop", ["prog"], looks=True).stdout == ""
    assert len(api.seen) == MOST_LOST + 1


def test_exec_into_a_container_that_never_appears_is_an_error(api: FakeApi, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.tools.kube.APPEAR_SECONDS", 0.5)
    api.on("GET", PODS + "/a/exec", lambda handler: handler.say({"message": "container not found"}, 500))
    with pytest.raises(ExecFailed, match="container not found"):
        kube.exec("a", "shop", ["prog"])
