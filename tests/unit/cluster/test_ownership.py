from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from seatrial.cluster.ownership import HOST, OWNER, RUN, Owner, this_host


def test_the_present_process_owns_what_it_labels() -> None:
    labels = Owner.current().labels("r1")
    assert labels[RUN] == "r1"
    assert labels[OWNER].startswith(f"{os.getpid()}:")
    owner = Owner.parse(labels)
    assert owner is not None and owner.pid == os.getpid() and owner.lives()


def test_labels_of_kubernetes_objects_read_back_the_same() -> None:
    labels = Owner.current().object_labels("r1")
    assert ":" not in labels[OWNER]
    owner = Owner.parse(labels)
    assert owner is not None and owner.pid == os.getpid() and owner.lives()


def test_a_process_that_ended_owns_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = Owner(child.pid, int(psutil.Process(child.pid).create_time()), this_host())
        assert owner.lives()
    assert not owner.lives()


def test_a_zombie_owns_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner(child.pid, int(psutil.Process(child.pid).create_time()), this_host())
    assert child.stdin is not None
    child.stdin.close()
    psutil.wait_procs([psutil.Process(child.pid)], timeout=0)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet reaped
    assert not owner.lives()
    child.wait()


def test_another_process_with_the_same_pid_is_not_the_owner() -> None:
    now = Owner.current()
    assert not Owner(now.pid, now.started - 3600, now.host).lives()


def test_of_another_host_nothing_is_known_so_it_counts_as_alive() -> None:
    assert Owner(1, 1, "elsewhere-1").lives()


@pytest.mark.parametrize("value", ["", "12", "12:", ":12", "a:b", "12:34:56"])
def test_labels_that_name_no_owner(value: str) -> None:
    assert Owner.parse({OWNER: value, HOST: this_host()}) is None
