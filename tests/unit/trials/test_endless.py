"""The client inside the cluster that never stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from seatrial.tools.kube import ExecFailed, Kube
from seatrial.trials.endless import EndlessClient, Request, parse, script
from seatrial.trials.probe_pod import Source

SOURCE = Source("client", "shop", "helper", "10.0.0.9")


class _Lines(Kube):
    """A Kube whose command prints lines, and then goes on in silence, ends, or breaks off."""

    def __init__(self, *lines: str, then: str = "silent") -> None:
        self.lines, self.then = lines, then
        self.silent = threading.Event()

    def follow(
        self, pod: str, namespace: str, argv: Sequence[str], *, container: str | None = None, ended: Callable[[], bool]
    ) -> Iterator[str]:
        assert (pod, namespace, container, argv[:2]) == ("client", "shop", "helper", ["/bin/sh", "-c"])
        yield from self.lines
        if self.then == "breaks":
            raise ExecFailed("the connection broke off")
        while self.then == "silent" and not ended():
            self.silent.wait(0.01)


def test_requests_are_known_as_they_end_and_it_is_stopped_by_its_with() -> None:
    with EndlessClient(_Lines("5.00 5.02 0", "5.03 8.03 143", "no line of its"), SOURCE, "http://web/ready") as client:
        assert client.wait(lambda requests: len(requests) >= 2, 5)
        assert not client.wait(lambda requests: len(requests) >= 3, 0.05), "time is up"
    assert client.requests() == [Request(5.0, 5.02), Request(5.03, 8.03, "no answer in 3.0 s")]
    assert client.broke == ""


@pytest.mark.parametrize(("then", "why"), [("breaks", "the connection broke off"), ("ends", "it ended by itself")])
def test_a_client_that_stops_by_itself_says_so_and_nobody_waits_for_it(then: str, why: str) -> None:
    with EndlessClient(_Lines("5.00 5.02 0", then=then), SOURCE, "http://web/ready") as client:
        assert not client.wait(lambda requests: len(requests) >= 2, 60)
    assert (len(client.requests()), client.broke) == (1, why)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("1.00 1.50 0", Request(1.0, 1.5)),
        (
            "1.00 1.50 1 wget: server returned error: HTTP/1.1 503",
            Request(1.0, 1.5, "wget: server returned error: HTTP/1.1 503"),
        ),
        ("1.00 4.00 143 Terminated", Request(1.0, 4.0, "Terminated")),
        ("", None),
        ("sh: out of memory", None),
    ],
)
def test_lines_are_read(line: str, request_: Request | None) -> None:
    assert parse(line) == request_


def test_what_is_asked_for_is_no_part_of_the_shell() -> None:
    assert "/dev/null 'http://web/a?b=$c&d' 2>&1" in script("http://web/a?b=$c&d")
