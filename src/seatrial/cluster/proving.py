"""Proves capabilities in the background, each by a thread of its own; whoever needs one waits for that one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

from seatrial.cluster.canary import CAPABILITIES, Canary
from seatrial.cluster.provider import Capability, Proof, Step
from seatrial.errors import ClusterError

PROOF_SECONDS = 240.0
"""How long one proof may take."""
AGAIN_SECONDS = 120.0
"""The same on a kept cluster: all that it needs runs already, but for the canary."""


class Proofs:
    """The proofs of one cluster.

    Args:
        cluster: its name, for messages.
        started: ``time.monotonic()`` at the start of the cluster.
        steps: the time of each proof is added here.
    """

    def __init__(self, cluster: str, started: float, steps: list[Step]) -> None:
        self._cluster = cluster
        self._started = started
        self._steps = steps
        self._pool = ThreadPoolExecutor(max_workers=len(Capability) + 2, thread_name_prefix="proofs")
        self._futures: dict[Capability, Future[Proof]] = {}
        self._canary: Canary | None = None

    def settle(self, capability: Capability, detail: dict[str, object]) -> Proof:
        """Note a capability that was proven otherwise."""
        future: Future[Proof] = Future()
        proof = Proof(capability, time.monotonic() - self._started, detail)
        future.set_result(proof)
        self._futures[capability] = future
        return proof

    def begin(self, canary: Canary, place: Callable[[], None], prepare: Callable[[Capability], None]) -> None:
        """Prove everything else by a canary.

        Args:
            place: brings the canary, and what it needs, into the cluster.
            prepare: blocks until a capability can be proven at all, where that can be watched.
        """
        self._canary = canary
        placed = self._pool.submit(place)
        for capability in CAPABILITIES:
            self._futures[capability] = self._pool.submit(self._prove, canary, capability, placed, prepare)
        self._pool.submit(self._remove_canary, canary)

    def get(self, capability: Capability) -> Proof:
        """Block until it is proven; ClusterError with the cause where it is not."""
        try:
            return self._futures[capability].result(timeout=2 * PROOF_SECONDS)
        except FutureTimeout:
            raise ClusterError(
                f"{capability} of {self._cluster} was neither proven nor refuted within {2 * PROOF_SECONDS:.0f} s"
            ) from None

    def stop(self, *, leave: bool = True) -> None:
        """Let every proof that is under way end with an error, and start no further one.

        Args:
            leave: the cluster stays, so the canary is removed from it.
        """
        if self._canary is not None:
            self._canary.stop()
            if leave:
                self._canary.remove()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _prove(
        self, canary: Canary, capability: Capability, placed: Future[None], prepare: Callable[[Capability], None]
    ) -> Proof:
        placed.result()
        began = time.monotonic() - self._started
        prepare(capability)
        detail = CAPABILITIES[capability](canary)
        proof = Proof(capability, time.monotonic() - self._started, detail)
        self._steps.append(Step(f"proof of {capability}", began, proof.seconds - began))
        return proof

    def _remove_canary(self, canary: Canary) -> None:
        """As soon as nothing needs it any more."""
        for future in list(self._futures.values()):
            future.exception(timeout=2 * PROOF_SECONDS)
        if not canary.stopped:
            canary.remove()
