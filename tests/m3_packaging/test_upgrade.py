"""Milestone 3: an upgrade of the running release. It is made once, by the rollback trial of milestone 5."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import history, rollback, upgrade
from seatrial.verdict import inconclusive


@criterion("M3-UP-01")
@trial(rollback.observe_rollback, needs=("release", "edge", "browser"), disturbs="node")
def test_upgrade_without_downtime(observed, record):
    if observed["missing"]:
        record(inconclusive(f"seatrial.yaml names no {observed['missing'][0]}"))
    record(upgrade.judge_upgrade(observed["upgrade"]))


@criterion("M3-UP-02")
@trial(history.observe_history, needs=("release", "edge", "browser"), disturbs="node")
def test_overrides_take_hold_and_history_is_kept(observed, record):
    record(history.judge_history(observed))
