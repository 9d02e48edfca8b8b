import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seatrial.toolchain.model import Source, Tool
from seatrial.toolchain.store import Store, cache_path, write_atomically


def put(store: Store, body: str = "one", recipe: str = "r1") -> Tool:
    with store.staging("tool") as staging:
        tree = staging / "tree"
        tree.mkdir()
        (tree / "tool").write_text(body)
        return store.put(
            tree,
            "tool",
            "1.0",
            program="tool",
            source=Source.BUILT,
            checksum_from="lock",
            recipe=recipe,
            seconds=2.5,
            unit="tool, other",
        )


def test_what_is_put_is_got_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = put(store)
    assert store.get("tool", "1.0", "r1") == made
    assert made.path == tmp_path / "tools/tool/1.0/tool" and os.access(made.path, os.X_OK)
    receipt = json.loads((tmp_path / "tools/tool/1.0/receipt.json").read_text())
    assert (receipt["version"], receipt["source"], receipt["sha256"], receipt["seconds"]) == ("1.0", "built", made.sha256, 2.5)
    assert list((tmp_path / "staging").iterdir()) == []


def test_another_recipe_does_not_count_and_replaces(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store)
    assert store.get("tool", "1.0", "r2") is None
    put(store, "two", "r2")
    tool = store.get("tool", "1.0", "r2")
    assert tool is not None and tool.path.read_text() == "two"


@pytest.mark.parametrize("harm", ["changed", "removed", "torn receipt", "no receipt"])
def test_a_tool_that_was_harmed_does_not_count(harm: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    tool = put(store)
    receipt = tool.path.with_name("receipt.json")
    if harm == "changed":
        tool.path.write_text("evil")
    elif harm == "removed":
        tool.path.unlink()
    elif harm == "torn receipt":
        receipt.write_text(receipt.read_text()[:40])
    else:
        receipt.unlink()
    assert store.get("tool", "1.0", "r1") is None
    assert put(store) == store.get("tool", "1.0", "r1"), "it is made anew over what was left"


def test_a_copied_cache_still_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    tool = put(store)
    os.utime(tool.path, (1, 1))  # another time, the same content
    assert store.get("tool", "1.0", "r1") == tool


KILLED = """
import sys, pathlib, time
from seatrial.toolchain.store import Store
store = Store(pathlib.Path(sys.argv[1]))
with store.only_one("unit", lambda: None), store.staging("tool") as staging:
    (staging / "tool").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_kill_in_the_middle_leaves_nothing_that_counts_and_frees_the_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        store = Store(tmp_path)
        waited = threading.Event()
        threading.Timer(0.2, lambda: os.kill(child.pid, signal.SIGKILL)).start()
        with store.only_one("unit", waited.set):
            assert waited.is_set(), "the other process held the lock"
    assert store.get("tool", "1.0", "r1") is None
    assert len(list((tmp_path / "staging").iterdir())) == 1, "a killed process cannot clean up"
    with store.staging("mine") as mine:
        assert list((tmp_path / "staging").iterdir()) == [mine], "the next one does"
        with store.staging("other") as other:
            assert {mine, other} == set((tmp_path / "staging").iterdir()), "but not what somebody works on"


def test_two_threads_do_not_do_the_same_work_at_once(tmp_path: Path) -> None:
    store, inside, most = Store(tmp_path), [], []

    def work() -> None:
        with store.only_one("unit", lambda: None):
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1, 1, 1, 1]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_atomically(path, "old")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and [item.name for item in tmp_path.iterdir()] == ["f"]


def test_the_cache_directory_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_CACHE", str(tmp_path / "here"))
    assert cache_path() == tmp_path / "here"
    monkeypatch.delenv("SEATRIAL_CACHE")
    assert cache_path().name == "seatrial"
