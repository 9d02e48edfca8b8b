"""How traffic that a steady client saw is judged; shared by every trial that disturbs something.

Where the application has no edge there was no client, its traffic is None, and nothing is told of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.verdict import Evidence, Fault

HELD_UP_SECONDS = 1.0
"""A client whose own requests begin this late runs on a machine that is starved: what then gets no answer proves nothing."""


def starved(traffic: Mapping[str, Any]) -> bool:
    """Whether all that failed went unanswered while the client itself was held up: the machine's doing, for all one can tell."""
    return bool(traffic["failed"] and traffic["failed"] == traffic["unanswered"] and traffic["held_up"] >= HELD_UP_SECONDS)


def faults_of(
    traffic: Mapping[str, Any] | None, *, while_: str, max_failed: float = 0, max_rate: float | None = None
) -> list[Fault]:
    """Failed requests as faults; none where the machine was starved, of which :func:`too_few` speaks.

    Args:
        traffic: see :func:`seatrial.trials.client.summary`; None where there is no edge.
        while_: what went on meanwhile ("during the upgrade").
        max_failed: how many requests may fail.
        max_rate: the share that may fail, 0 to 1, in place of ``max_failed``.
    """
    if traffic is None:
        return []
    failed, requests = traffic["failed"], traffic["requests"]
    allowed = max_failed if max_rate is None else max_rate * requests
    if failed <= allowed or starved(traffic):
        return []
    first = traffic["failures"][0]
    said = first["error"] or f"status {first['status']}"
    wanted = f"at most {max_failed:g}" if max_rate is None else f"less than {max_rate:.1%}"
    return [
        Fault(
            f"client at the edge {while_}",
            f"{failed} of {requests} requests failed, the first at {first['at']} s: {first['path']}: {said}",
            wanted,
            "Let pods leave slowly (preStop), never below full capacity (maxUnavailable 0), and answer while they end",
        )
    ]


def gap_of(traffic: Mapping[str, Any], *, while_: str, limit: float) -> tuple[list[Fault], list[str]]:
    """The longest time without any good answer: a fault, or unknown where the client itself was held up."""
    gap = traffic["longest_gap"]
    if gap <= limit:
        return [], []
    if traffic["held_up"] >= HELD_UP_SECONDS:
        return [], [f"no good answer for {gap} s {while_}, but the client itself was held up for {traffic['held_up']} s"]
    mend = "Keep the old pods until the new ones answer"
    return [Fault(f"client at the edge {while_}", f"no good answer for {gap} s", f"at most {limit:g} s", mend)], []


def too_few(traffic: Mapping[str, Any] | None, *, while_: str) -> list[str]:
    """Unknown where the client could not keep its rate (90 % of what was asked for is taken as kept), or was held up."""
    if traffic is None:
        return []
    if starved(traffic):
        late = f"the client itself was held up for {traffic['held_up']} s"
        return [f"{traffic['failed']} requests went unanswered {while_}, but {late}: this machine is too busy to tell"]
    due = traffic["rate"] * traffic["seconds"]
    if traffic["requests"] >= 0.9 * due - 1:
        return []
    return [f"the client made only {traffic['requests']} of {due:.0f} requests {while_}: this machine is too busy to tell"]


def seen(traffic: Mapping[str, Any] | None, *, while_: str) -> Evidence:
    """The evidence of a client's run."""
    if traffic is None:
        return Evidence(f"nobody asked {while_}: seatrial.yaml has no ingress section")
    counts = f"{traffic['requests']} requests {while_}: {traffic['failed']} failed"
    return Evidence(f"{counts}, longest gap {traffic['longest_gap']} s, p95 {traffic['p95']} s", data=dict(traffic))
