"""The application's edge as its users meet it: a steady client there, and the wait until it answers well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from seatrial.app import Ingress
from seatrial.errors import ClusterError
from seatrial.trials import live, steady, users
from seatrial.trials.client import SteadyClient
from seatrial.world import World

RATE = 10.0
"""Requests per second, where no criterion says otherwise."""
CALM_SECONDS = 1.0
"""So long without a failed request is called calm."""
CALMED_SECONDS = 60.0
SETTLED_SECONDS = 180.0
"""How long the release may take to be rolled out again after a disturbance that no limit speaks of."""


OPEN_SECONDS, OPEN_PAUSE = 30.0, 0.25
NOT_YET = frozenset({502, 503, 504})
"""What an ingress controller answers that is not let through to the pods yet."""


def open_up(world: World) -> float | None:
    """Wait until the edge leads to the release; seconds that it took, None where the application has no edge.

    Both are there by then, but the controller learns of the Ingress, and the policies of the controller's address, a little later
    and without telling. An edge that never leads there is no fault here: whoever asks there judges it.
    """
    ingress, address = world.app.ingress, world.cluster.edge.http
    if ingress is None or not address:
        return None
    began = time.monotonic()
    while (seconds := time.monotonic() - began) < OPEN_SECONDS and _is_closed(address, ingress):
        time.sleep(OPEN_PAUSE)
    return round(seconds, 1)


def _is_closed(address: str, ingress: Ingress) -> bool:
    try:
        answers = [
            httpx.get(f"http://{address}{path}", headers={"Host": ingress.host}, timeout=5, trust_env=False)
            for path in ingress.routes
        ]
    except httpx.HTTPError:
        return True
    codes = {answer.status_code for answer in answers}
    return bool(codes & NOT_YET) or codes == {404}  # one route may answer 404 for good, all of them only before they are known


def client(world: World, *, rate: float = RATE) -> SteadyClient:
    """A client that asks for the application's steady paths in turns, as the run's user, from ``with`` to its end.

    Raises:
        ClusterError: the application has no edge, or lets nobody sign up.
    """
    address, ingress = users.door(world)
    headers = users.named(world, users.USER).headers
    return SteadyClient(address, ingress.host, ingress.steady, rate=rate, headers=headers)


@contextmanager
def watched(world: World, *, rate: float = RATE) -> Iterator[SteadyClient | None]:
    """A :func:`client` from ``with`` to its end; None where the application has no edge, so that nobody could notice anything."""
    if world.app.ingress is None:
        yield None
        return
    with client(world, rate=rate) as asking:
        yield asking


def settle(world: World) -> None:
    """Wait until each component's workload is rolled out.

    Raises:
        WaitTimeout: which is not, and why.
    """
    found = [live.workload_of(world.kube, world.app, name) for name in world.app.components]
    steady.wait_rolled_out(world.kube, world.app.namespace, [item for item in found if item], timeout=SETTLED_SECONDS)


def wait_calm(world: World, *, timeout: float = CALMED_SECONDS) -> float:
    """Wait until all pods are ready and the edge, if there is one, answers every request of :data:`CALM_SECONDS`; seconds that it
    took.

    A pod that is ready is reached a little later: kube-proxy, policies and the ingress controller learn of it without telling.
    What fails until then is the work of what was disturbed before, not of what comes next.

    Raises:
        ClusterError: it did not in ``timeout`` seconds; WaitTimeout where a workload is not rolled out.
    """
    began = time.monotonic()
    while True:
        settle(world)
        if world.app.ingress is None:
            return round(time.monotonic() - began, 1)
        with client(world) as asking:
            time.sleep(CALM_SECONDS)
        traffic = asking.traffic()
        if traffic["requests"] and not traffic["failed"]:
            return round(time.monotonic() - began, 1)
        if time.monotonic() - began > timeout:
            last = traffic["failures"][-1] if traffic["failures"] else "no request could be made"
            raise ClusterError(f"the edge failed requests for {timeout:.0f} s, the last: {last}")
