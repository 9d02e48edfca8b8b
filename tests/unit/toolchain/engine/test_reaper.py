"""The reaper's loop and the runs' side of its protocol, in real processes around a fake engine."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from seatrial.errors import MachineError
from seatrial.process import Background
from seatrial.toolchain.engine import lease as lease_module
from seatrial.toolchain.engine.lease import Lease, knock, obtain
from seatrial.toolchain.engine.places import Places
from seatrial.toolchain.engine.reaper import hold_now

FakeReaper = Callable[..., Background]
Take = Callable[[], Lease]


def until(what: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (seen := what()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(seen)


@pytest.fixture
def take(places: Places) -> Iterator[Take]:
    """Connects to the reaper as soon as its door opens; closed at the end of the test."""
    taken: list[Lease] = []

    def connect() -> Lease:
        def connected() -> bool:
            lease = knock(places)
            taken.extend([lease] if lease is not None else [])
            return lease is not None

        assert until(connected)
        return taken[-1]

    yield connect
    for lease in taken:
        lease.close()


def soon() -> float:
    return time.monotonic() + 10


def test_a_run_is_told_the_facts_once_the_engine_is_ready(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    fake_reaper()
    lease = take()
    facts = lease.wait_ready(soon())
    assert facts is not None and facts["version"] == "26.1.5"
    assert lease.ended() is None
    second = take()
    assert second.wait_ready(soon()) == facts, "who comes later is told at once"


def test_the_engine_ends_when_the_last_run_lets_go_and_not_before(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    reaper = fake_reaper()
    first, second = take(), take()
    assert first.wait_ready(soon()) and second.wait_ready(soon())
    engine = psutil.Process(reaper.pid).children()[0]
    first.close()
    with pytest.raises(psutil.TimeoutExpired):
        engine.wait(0.8)  # longer than the grace of 0.3 s
    assert second.ended() is None
    second.close()
    assert reaper.wait(10) == 0
    assert not engine.is_running()
    assert "torn down" in reaper.tail()
    assert not places.door.exists()


def test_kill_9_of_a_run_counts_as_letting_go(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    reaper = fake_reaper()
    code = (
        "import sys, time; from pathlib import Path; from seatrial.toolchain.engine.lease import knock;"
        "from seatrial.toolchain.engine.places import Places;"
        "lease = knock(Places(cache=Path(sys.argv[1]), run=Path(sys.argv[2])));"
        "print(bool(lease.wait_ready(time.monotonic() + 10)), flush=True); time.sleep(60)"
    )
    assert until(places.door.exists)
    run = subprocess.Popen([sys.executable, "-c", code, str(places.cache), str(places.run)], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None and run.stdout.readline() == "True\n"
    assert reaper.returncode is None
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=5)
    assert reaper.wait(10) == 0


def test_a_run_that_follows_within_the_grace_keeps_the_engine(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    reaper = fake_reaper(grace=2)
    first = take()
    assert first.wait_ready(soon())
    engine = psutil.Process(reaper.pid).children()[0]
    first.close()
    second = take()
    assert second.wait_ready(soon())
    with pytest.raises(psutil.TimeoutExpired):
        engine.wait(2.5)
    assert second.ended() is None


def test_a_reaper_does_not_wait_for_a_run_that_was_killed_before_it_connected(fake_reaper: FakeReaper, places: Places) -> None:
    starter = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    reaper = fake_reaper(starter=starter.pid)
    assert until(places.door.exists)
    starter.kill()
    starter.wait()
    assert reaper.wait(10) == 0
    assert fake_reaper(starter=starter.pid).wait(10) == 0, "gone before the reaper was there"


def test_an_engine_that_does_not_start_is_reported_with_its_last_line(
    places: Places, take: Take, fake_reaper: FakeReaper
) -> None:
    fake_reaper("dies")
    with pytest.raises(MachineError, match="exit code 3: no space left on device"):
        take().wait_ready(soon())


def test_an_engine_that_cannot_be_launched_is_reported_and_the_reaper_goes(take: Take, fake_reaper: FakeReaper) -> None:
    reaper = fake_reaper("impossible")
    lease = take()
    with pytest.raises(MachineError, match="No space left on device"):
        lease.wait_ready(soon())
    lease.close()
    assert reaper.wait(10) == 0


def test_an_engine_whose_api_refuses_is_reported(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    fake_reaper("refuses")
    with pytest.raises(MachineError, match="refused GET /version"):
        take().wait_ready(soon())


def test_an_engine_that_is_never_ready_is_given_up_by_the_run(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    fake_reaper("silent")
    with pytest.raises(MachineError, match="not ready in time"):
        take().wait_ready(time.monotonic() + 0.3)


def test_runs_learn_that_the_engine_died(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    reaper = fake_reaper("dies-later")
    lease = take()
    assert lease.wait_ready(soon())
    (places.run / "die").touch()
    assert until(lease.ended)
    assert reaper.wait(10) == 0


def test_runs_learn_that_the_reaper_was_killed(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    reaper = fake_reaper()
    lease = take()
    assert lease.wait_ready(soon())
    os.kill(reaper.pid, signal.SIGKILL)
    assert until(lease.ended)
    assert lease.ended() == "The reaper of the private engine was killed"
    held = hold_now(places.lock)
    assert held is not None, "the kernel gave the lock back"
    held.close()


def test_sigterm_ends_reaper_and_engine(places: Places, take: Take, fake_reaper: FakeReaper) -> None:
    reaper = fake_reaper()
    lease = take()
    assert lease.wait_ready(soon())
    os.kill(reaper.pid, signal.SIGTERM)
    assert reaper.wait(10) == 0
    assert lease.ended() == "The reaper was told to stop by SIGTERM"


def test_a_run_that_meets_a_reaper_on_its_way_out_starts_the_next(
    places: Places, take: Take, fake_reaper: FakeReaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Background] = []

    def start(places: Places, rootfs: Path, deadline: float) -> Lease:
        started.append(fake_reaper())
        lease = take()
        if len(started) == 1:
            os.kill(started[0].pid, signal.SIGKILL)  # gone before it said ready, or right after
            started[0].wait(5)
            while lease.wait_ready(deadline) is not None:
                pass
        return lease

    monkeypatch.setattr(lease_module, "_start", start)
    lease, facts = obtain(places, Path("/rootfs"))
    assert len(started) == 2 and facts["version"] == "26.1.5"
    lease.close()


def test_two_runs_at_once_start_one_reaper(
    places: Places, take: Take, fake_reaper: FakeReaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Background] = []

    def start(places: Places, rootfs: Path, deadline: float) -> Lease:
        started.append(fake_reaper())
        return take()

    monkeypatch.setattr(lease_module, "_start", start)
    leases: list[Lease] = []
    runs = [threading.Thread(target=lambda: leases.append(obtain(places, Path("/rootfs"))[0])) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20)
    assert (len(leases), len(started)) == (4, 1)
    for lease in leases:
        lease.close()
    assert started[0].wait(10) == 0


def test_a_failed_start_says_where_to_read(
    places: Places, take: Take, fake_reaper: FakeReaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "_start", lambda *_: (fake_reaper("dies"), take())[1])
    with pytest.raises(MachineError) as caught:
        obtain(places, Path("/rootfs"))
    assert str(caught.value).startswith("The private Docker engine did not start: The engine ended with exit code 3")
    assert str(places.log) in caught.value.todo


def test_the_lock_is_exclusive(places: Places) -> None:
    first = hold_now(places.lock)
    assert first is not None
    assert hold_now(places.lock) is None
    first.close()
    second = hold_now(places.lock)
    assert second is not None
    second.close()
