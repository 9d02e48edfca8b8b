import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from seatrial.trials import traffic
from seatrial.trials.client import Sample, SteadyClient, percentile, summary


def sample(at: float, *, status: int | None = 200, took: float = 0.1, due: float | None = None, path: str = "/") -> Sample:
    return Sample(path, at if due is None else due, at, at + took, status, "" if status else "ConnectError: refused")


def test_summary_counts_failures_and_the_longest_gap() -> None:
    samples = [sample(0.0), sample(1.0, status=502), sample(2.0, status=None), sample(3.0)]
    seen = summary(samples, seconds=4.0, rate=1.0)
    assert (seen["requests"], seen["failed"], seen["unanswered"]) == (4, 2, 1)
    assert seen["longest_gap"] == 3.0  # from 0.1 to 3.1
    assert seen["paths"] == {"/": {"requests": 4, "failed": 2}}
    assert [failure["status"] for failure in seen["failures"]] == [502, None]


def test_the_gap_reaches_to_both_ends() -> None:
    assert summary([sample(2.0)], seconds=2.2, rate=1.0)["longest_gap"] == 2.1
    assert summary([sample(0.0)], seconds=5.0, rate=1.0)["longest_gap"] == 4.9
    assert summary([], seconds=5.0, rate=1.0)["longest_gap"] == 5.0


def test_lateness_of_the_client_itself() -> None:
    assert summary([sample(3.0, due=1.0)], seconds=4.0, rate=1.0)["held_up"] == 2.0


def test_percentile_is_nearest_rank() -> None:
    assert percentile([], 95) is None
    assert percentile([0.1, 0.2, 0.3, 0.4], 50) == 0.2
    assert percentile([0.1, 0.2, 0.3, 0.4], 95) == 0.4


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hosts: ClassVar[list[str]] = []
    shown: ClassVar[set[str | None]] = set()

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.shown.add(self.headers["Authorization"])
        status = 500 if self.path == "/bad" else 200
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def edge() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_client_keeps_its_rate_and_sends_what_it_is_given(edge: str) -> None:
    done = threading.Event()
    with SteadyClient(edge, "todo.local", ["/", "/bad"], rate=50, headers={"Authorization": "Bearer x"}) as client:
        done.wait(0.5)
    seen = client.traffic()
    assert 2 <= seen["requests"] <= 50 * seen["seconds"] + 2  # fewer where the machine is busy, never more
    assert (set(Page.hosts), Page.shown) == ({"todo.local"}, {"Bearer x"})
    assert seen["paths"]["/"]["failed"] == 0
    assert seen["paths"]["/bad"]["failed"] == seen["paths"]["/bad"]["requests"]
    asked = client.asked()
    assert (len(asked), sum(not good for _, _, good in asked)) == (seen["requests"], seen["failed"])
    assert all(0 <= earlier[0] <= later[0] for earlier, later in itertools.pairwise(asked))
    assert all(0 <= seconds < 5 for _, seconds, _ in asked)
    assert client.clock() >= asked[-1][0]


def test_no_server_is_a_failure_of_every_request() -> None:
    with SteadyClient("127.0.0.1:9", "todo.local", ["/"], rate=50) as client:
        threading.Event().wait(0.2)
    seen = client.traffic()
    assert seen["failed"] == seen["unanswered"] == seen["requests"] > 0
    assert "ConnectError" in seen["failures"][0]["error"]


def seen(**changes: Any) -> dict[str, Any]:
    base = {
        "requests": 100,
        "failed": 0,
        "unanswered": 0,
        "seconds": 10.0,
        "rate": 10.0,
        "longest_gap": 0.2,
        "held_up": 0.01,
        "p95": 0.1,
    }
    return {**base, "failures": [{"at": 1.0, "path": "/", "status": None, "error": "ReadTimeout"}], **changes}


def test_faults_of_traffic() -> None:
    assert traffic.faults_of(seen(), while_="now") == []
    assert "1 of 100 requests failed" in str(traffic.faults_of(seen(failed=1, unanswered=1), while_="now")[0])
    assert traffic.faults_of(seen(failed=1), while_="now", max_rate=0.01) == []
    assert traffic.faults_of(seen(failed=2), while_="now", max_rate=0.01) != []


def test_a_starved_machine_proves_nothing_unless_something_answered_wrongly() -> None:
    starved = seen(failed=5, unanswered=5, held_up=1.8)
    assert traffic.faults_of(starved, while_="now") == []
    assert "too busy to tell" in traffic.too_few(starved, while_="now")[0]
    answered = seen(failed=5, unanswered=4, held_up=1.8)
    assert traffic.faults_of(answered, while_="now") != []


def test_gaps_and_missing_requests() -> None:
    assert traffic.gap_of(seen(), while_="now", limit=2) == ([], [])
    assert traffic.gap_of(seen(longest_gap=3.0), while_="now", limit=2)[0]
    assert traffic.gap_of(seen(longest_gap=3.0, held_up=1.5), while_="now", limit=2)[1]
    assert traffic.too_few(seen(requests=50), while_="now")
    assert traffic.too_few(seen(requests=92), while_="now") == []
