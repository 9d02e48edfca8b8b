"""What the sweep takes back, on recorded output of iptables-save and /proc/mounts."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seatrial.errors import ToolchainError
from seatrial.toolchain.engine import leftovers
from seatrial.toolchain.engine.leftovers import Baseline, undo_rules
from seatrial.toolchain.engine.places import Places

DATA = Path(__file__).parent / "data"
AFTER = (DATA / "iptables-after-kill.txt").read_text()
BEFORE = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
"""


def removed(undo: str) -> list[str]:
    return [line for line in undo.splitlines() if line.startswith("-D")]


def test_everything_of_a_lone_engine_goes_and_nothing_else() -> None:
    undo = undo_rules(AFTER, BEFORE, links=["eth0"], known=None)
    kept = [line for line in AFTER.splitlines() if line.startswith("-A") and f"-D {line[3:]}" not in undo]
    outside = [line for line in kept if not line.startswith("-A DOCKER")]
    assert outside == [
        "-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A POSTROUTING -s 10.9.0.0/24 -o eth0 -j MASQUERADE",
    ]
    chains = {line.split()[0][1:] for line in AFTER.splitlines() if line.startswith(":DOCKER")}
    assert chains == {line.split()[1] for line in undo.splitlines() if line.startswith("-X")}
    assert "-P FORWARD ACCEPT" in undo


def test_rules_are_deleted_before_their_chains_are_flushed_and_removed() -> None:
    for table in undo_rules(AFTER, BEFORE, links=[], known=None).split("COMMIT\n")[:-1]:
        verbs = [line[:2] for line in table.splitlines()[1:] if line[:2] in ("-D", "-F", "-X")]
        assert verbs == sorted(verbs, key=["-D", "-F", "-X"].index)


def test_hairpin_rules_of_published_ports_go() -> None:
    undo = undo_rules(AFTER, BEFORE, links=[], known=None)
    assert "-D POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE" in undo


def test_beside_another_engine_only_rules_about_our_bridges_go() -> None:
    undo = undo_rules(AFTER, BEFORE, links=["eth0"], known=frozenset({"br-5561dbc058f4"}))
    assert removed(undo) and all("br-5561dbc058f4" in line for line in removed(undo))
    assert "-X" not in undo and "-F" not in undo and "FORWARD ACCEPT" not in undo


def test_rules_about_links_that_were_there_before_stay() -> None:
    before = AFTER
    assert undo_rules(AFTER, before, links=["docker0", "br-5561dbc058f4"], known=None) == ""


def test_a_policy_that_was_drop_before_stays() -> None:
    before = BEFORE.replace(":FORWARD ACCEPT", ":FORWARD DROP")
    assert "FORWARD ACCEPT" not in undo_rules(AFTER, before, links=[], known=None)


def test_a_machine_without_an_engine_needs_nothing() -> None:
    assert undo_rules(BEFORE, BEFORE, links=["eth0"], known=None) == ""


def test_the_baseline_survives_writing_and_reading_and_not_a_reboot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = leftovers.BOOT_ID.read_text().strip()
    baseline = Baseline(boot, Path("/rootfs"), frozenset({"lo", "eth0"}), "0", {"iptables": BEFORE})
    baseline.write(tmp_path / "state.json")
    assert Baseline.read(tmp_path / "state.json") == baseline
    (tmp_path / "boot").write_text("another-boot")
    monkeypatch.setattr(leftovers, "BOOT_ID", tmp_path / "boot")
    assert Baseline.read(tmp_path / "state.json") is None
    assert Baseline.read(tmp_path / "nothing.json") is None


def test_bridges_are_read_from_the_engine_s_database(tmp_path: Path) -> None:
    database = tmp_path / "network" / "files" / "local-kv.db"
    database.parent.mkdir(parents=True)
    value = json.dumps({"BridgeName": "br-5561dbc058f4", "Mtu": 1500}, separators=(",", ":")).encode()
    database.write_bytes(b"\x00\x01bolt" + value + b'\xff"BridgeName":"docker0"\x00')
    assert leftovers._bridges_on_record(tmp_path) == {"br-5561dbc058f4"}
    assert leftovers._bridges_on_record(tmp_path / "nowhere") == frozenset()


def test_cgroup_hierarchies_of_both_versions_are_found() -> None:
    table = (DATA / "mounts-hybrid.txt").read_text()
    assert leftovers._hierarchies(table) == [
        Path("/sys/fs/cgroup/memory"),
        Path("/sys/fs/cgroup/systemd"),
        Path("/sys/fs/cgroup/unified"),
    ]


def test_empty_cgroups_go_deepest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seatrial-engine-1" / "container" / "init.scope").mkdir(parents=True)
    (tmp_path / "docker").mkdir()
    monkeypatch.setattr(leftovers, "_hierarchies", lambda table: [tmp_path])
    assert leftovers._cgroups("seatrial-engine-1") == ["removed 3 cgroup(s) of the private engine"]
    assert [path.name for path in tmp_path.iterdir()] == ["docker"]
    assert leftovers._cgroups("seatrial-engine-1") == []


def test_a_process_of_a_dead_reaper_s_engine_is_ended(places: Places) -> None:
    code = "import time; print('up', flush=True); time.sleep(60)"
    ours = subprocess.Popen([sys.executable, "-c", code, str(places.config)], stdout=subprocess.PIPE)
    other = subprocess.Popen([sys.executable, "-c", code, f"{places.config}.old"], stdout=subprocess.PIPE)
    try:
        assert ours.stdout is not None and ours.stdout.readline() == b"up\n"
        assert leftovers._processes(places) == ["ended 1 process(es) of a private engine whose reaper was gone"]
        assert ours.wait(5) == -9
        assert other.poll() is None
    finally:
        for child in (ours, other):
            child.kill()
            child.communicate()


def test_stale_files_go_and_locks_stay(places: Places) -> None:
    for path in (places.socket, places.state, places.lock, places.start_lock):
        path.touch()
    assert leftovers._files(places) == [f"removed stale docker.sock, state.json from {places.run}"]
    assert sorted(path.name for path in places.run.iterdir()) == ["reaper.lock", "start.lock"]


def test_a_dockerd_of_somebody_else_is_seen(places: Places, tmp_path: Path) -> None:
    program = tmp_path / "dockerd"  # the kernel names a process after its file
    program.symlink_to("/bin/sleep")
    other = subprocess.Popen([program, "60"])
    try:
        deadline = time.monotonic() + 10  # the kernel lets the parent go on a moment before it gives the child its name
        while other.pid not in leftovers.other_dockerds(places):
            assert time.monotonic() < deadline
        assert os.getpid() not in leftovers.other_dockerds(places)
    finally:
        other.kill()
        other.wait()


def test_without_the_engine_s_own_tools_the_next_engine_s_are_used(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = leftovers.BOOT_ID.read_text().strip()
    Baseline(boot, places.cache / "emptied", frozenset({"lo"}), "0", {}).write(places.state)
    asked: list[Path] = []
    monkeypatch.setattr(leftovers, "_network", lambda baseline, known: asked.append(baseline.rootfs) or [])
    leftovers.remove(places)
    assert asked == [places.home / f"rootfs-{leftovers.recipe()}"]
    assert not places.state.exists()


def test_a_sweep_that_fails_keeps_the_state_for_the_next(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = leftovers.BOOT_ID.read_text().strip()
    Baseline(boot, places.cache, frozenset({"lo"}), "0", {}).write(places.state)

    def fail(baseline: Baseline, known: frozenset[str] | None) -> list[str]:
        raise ToolchainError("no iptables")

    monkeypatch.setattr(leftovers, "_network", fail)
    with pytest.raises(ToolchainError):
        leftovers.remove(places)
    assert places.state.exists()
