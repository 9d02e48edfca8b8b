"""Fixtures of the suite. They only wire: what they hand out is made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.run import Bench, bench_of
from seatrial.verdict import Verdict
from seatrial.world import World


@pytest.fixture(scope="session")
def seatrial_bench(request: pytest.FixtureRequest) -> Bench:
    """The run that this session belongs to."""
    return bench_of(request.config)


@pytest.fixture(scope="session")
def world(seatrial_bench: Bench) -> World:
    """What observations are handed; for tests that observe with fixtures of other plugins."""
    return seatrial_bench.world


@pytest.fixture
def judgement(request: pytest.FixtureRequest, seatrial_bench: Bench) -> Any:
    """The judgement of this test's criterion; skips where it does not apply or is blocked."""
    return seatrial_bench.judgement(request.node)


@pytest.fixture
def observed(judgement: Any) -> Any:
    """What the test's ``observe_*`` function saw; waits for it."""
    return judgement.observed()


@pytest.fixture
def record(judgement: Any) -> Callable[[Verdict], None]:
    """Writes the verdict into the journal and ends the test accordingly. A test that does not call it fails."""
    recorder: Callable[[Verdict], None] = judgement.record
    return recorder
