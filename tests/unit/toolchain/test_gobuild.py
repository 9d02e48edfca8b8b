import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from seatrial.errors import ChecksumError, MachineError, ToolchainError
from seatrial.toolchain import gobuild, lock
from seatrial.toolchain.gobuild import GoBuilder
from seatrial.toolchain.lock import Lock
from seatrial.toolchain.model import Progress, Source, State, Tool
from seatrial.toolchain.registries import RegistrySettings
from seatrial.toolchain.store import Store

PAUSE = {"version": "3.10.1", "minimum": "3.10.1", "build": {"graph": "pause", "package": "seatrial.build/pause", "seconds": 5}}

MAKES = 'for word; do case "$word" in */) out="$word";; esac; done\nprintf "#!/bin/sh\\necho pause 3.10.1\\n" > "${out}pause"; chmod +x "${out}pause"'
"""What a go that succeeds does: the word that ends in a slash is the directory after -o."""


@pytest.fixture
def locked(lock_of: Callable[..., Lock]) -> Lock:
    return lock_of({"pause": PAUSE}, {"pause": {"batches": [["pause"]]}})


class Bench:
    """A builder whose go is a shell script that notes each call."""

    def __init__(self, tmp_path: Path, locked: Lock, settings: RegistrySettings, program: Callable[..., Path]) -> None:
        self.cache, self.calls, self.events = tmp_path / "cache", tmp_path / "calls", list[Progress]()
        self._go, self._program, self._locked, self._settings = tmp_path / "go", program, locked, settings

    def go(self, does: str) -> None:
        self._program(self._go, "done", f'echo "$PWD $GOFLAGS $CGO_ENABLED $GOOS $@" >> {self.calls}\n{does}')

    def builder(self) -> GoBuilder:
        go = Tool("go", self._go, "1.26.6", Source.PROVIDED, "", "lock")
        return GoBuilder(
            Store(self.cache), self._locked, lock.this_platform(), self._settings, go=lambda: go, say=self.events.append
        )

    def build(self) -> Tool:
        return self.builder().build("pause", ["pause"])["pause"]

    @property
    def runs(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def bench(tmp_path: Path, locked: Lock, settings: RegistrySettings, make_program: Callable[..., Path]) -> Bench:
    return Bench(tmp_path, locked, settings, make_program)


def test_a_build_is_kept_and_not_repeated(bench: Bench, locked: Lock) -> None:
    bench.go(MAKES)
    tool = bench.build()
    assert (tool.version, tool.source, tool.checksum_from) == ("3.10.1", Source.BUILT, "lock")
    assert tool.path == bench.cache / "tools/pause/3.10.1/pause"
    assert bench.build() == tool and len(bench.runs) == 1
    assert "-mod=readonly" in bench.runs[0] and " 0 linux " in bench.runs[0], "modules as locked, without a C compiler"
    assert [event.state for event in bench.events][-1] is State.DONE
    assert bench.events[-1].estimate == gobuild.estimate(locked, ["pause"])


def test_an_interrupted_build_leaves_nothing_and_the_next_one_succeeds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gobuild, "LISTEN_SECONDS", 0.05)
    bench.go("sleep 60")
    builder = bench.builder()
    faults: list[ToolchainError] = []

    def work() -> None:
        try:
            builder.build("pause", ["pause"])
        except ToolchainError as error:
            faults.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: bool(bench.runs))
    builder.stop()
    thread.join(10)
    assert "was stopped" in str(faults[0]) and "is kept" in str(faults[0])
    assert list((bench.cache / "staging").iterdir()) == [] and not (bench.cache / "tools/pause").exists()
    assert not [child for child in psutil.Process().children(recursive=True) if child.name() == "sleep"]
    bench.go(MAKES)
    assert bench.build().version == "3.10.1"


@pytest.mark.parametrize(
    "line",
    [
        'go: k8s.io/api@v0.34.4: Get "https://localhost:1/go/k8s.io/api": dial tcp 127.0.0.1:1: connect: connection refused',
        "go: k8s.io/api@v0.34.4: reading https://localhost:1/x.zip: 403 Forbidden",
        "go: k8s.io/api@v0.34.4: reading https://localhost:1/x.zip: 502 Bad Gateway",
        'verifying module: Get "https://x": net/http: TLS handshake timeout',
        "go: k8s.io/api@v0.34.4: unexpected EOF",
    ],
)
def test_an_unreachable_registry_is_one_sentence(line: str, bench: Bench) -> None:
    bench.go(f"echo 'go: downloading k8s.io/api v0.34.4' >&2; echo '{line}' >&2; exit 1")
    with pytest.raises(ToolchainError, match=r"the Go module proxy cannot be reached.*run again: what was fetched") as refused:
        bench.build()
    assert not isinstance(refused.value, ChecksumError) and "\n" not in str(refused.value)
    assert bench.events[-1].state is State.FAILED


def test_no_message_names_the_proxy(bench: Bench, settings: RegistrySettings) -> None:
    import dataclasses

    bench._settings = dataclasses.replace(settings, secrets=frozenset({"proxy.example"}))
    bench.go("echo 'Get https://me:secret@proxy.example/go: 403 Forbidden: x' >&2; exit 1")
    with pytest.raises(ToolchainError) as refused:
        bench.build()
    assert "proxy.example" not in str(refused.value) and "secret" not in str(refused.value)


def test_a_module_that_is_not_what_is_locked_is_a_checksum_fault(bench: Bench) -> None:
    bench.go("echo 'verifying k8s.io/api@v0.34.4: checksum mismatch' >&2; echo 'SECURITY ERROR' >&2; exit 1")
    with pytest.raises(ChecksumError, match="checksum mismatch"):
        bench.build()


def test_code_that_does_not_compile_says_so(bench: Bench) -> None:
    bench.go("echo 'go: downloading x v1' >&2; echo '# seatrial.build/pause' >&2; echo './main.go:3:1: syntax error' >&2; exit 1")
    with pytest.raises(
        ToolchainError, match=r"pause could not be built: # seatrial.build/pause \| ./main.go:3:1: syntax error\. See "
    ):
        bench.build()


def test_a_build_that_the_end_of_the_run_ends_lists_no_packages(bench: Bench) -> None:
    bench.go("echo internal/abi >&2; kill -TERM $$")
    with pytest.raises(ToolchainError, match=r"^the build of pause was stopped\. Run again"):
        bench.build()


def test_a_program_of_another_version_is_not_kept(bench: Bench) -> None:
    bench.go(MAKES.replace("3.10.1", "9.9.9"))
    with pytest.raises(ToolchainError, match=r"was built as 3\.10\.1 and says that it is 9\.9\.9"):
        bench.build()
    assert not (bench.cache / "tools/pause").exists()


def test_too_little_disk_is_said_before_the_build(bench: Bench, locked: Lock) -> None:
    bench.go(MAKES)
    bench._locked = locked.model_copy(update={"build_disk_bytes": 1 << 60})
    with pytest.raises(MachineError, match=r"GB are free at .* SEATRIAL_CACHE"):
        bench.build()
    assert bench.runs == []


TWICE = """
import sys, pathlib
from seatrial.toolchain import lock
from seatrial.toolchain.gobuild import GoBuilder
from seatrial.toolchain.model import Source, Tool
from seatrial.toolchain.registries import registry_settings
from seatrial.toolchain.store import Store
cache, go = map(pathlib.Path, sys.argv[1:])
locked = lock.shipped().model_copy(update={"build_disk_bytes": 1})
builder = GoBuilder(Store(cache), locked, lock.this_platform(), registry_settings(),
                    go=lambda: Tool("go", go, "1.26.6", Source.PROVIDED, "", "lock"), say=lambda event: print(event.state, flush=True))
print(builder.build("pause", ["pause"])["pause"].path, flush=True)
"""


def test_two_processes_at_once_build_once(bench: Bench) -> None:
    bench.go(f"sleep 1\n{MAKES}")
    argv = [sys.executable, "-c", TWICE, str(bench.cache), str(bench._go)]
    children = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    said = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    assert len(bench.runs) == 1 and sum("waiting" in text for text in said) == 1


def test_kill_in_the_middle_leaves_nothing_that_counts(bench: Bench) -> None:
    bench.go("sleep 60")
    argv = [sys.executable, "-c", TWICE, str(bench.cache), str(bench._go)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        wait_for(lambda: bool(bench.runs))
        orphans = psutil.Process(child.pid).children(recursive=True)
        os.kill(child.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs(orphans, timeout=20)
    assert gone and not alive, "go ends with the seatrial that started it"
    assert not (bench.cache / "tools/pause").exists()
    bench.go(MAKES)
    assert bench.build().version == "3.10.1"


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


EDIT = {"module": "example.org/pause", "file": "main.go", "find": "two", "replace": "three"}


@pytest.mark.parametrize(("source", "times"), [("one two\n", 1), ("one\n", 0), ("two two\n", 2)])
def test_source_is_edited_before_it_is_compiled(
    source: str, times: int, bench: Bench, tmp_path: Path, lock_of: Callable[..., Lock]
) -> None:
    """Where the text does not stand there once, the module is not the one that the change was made for."""
    edited = {**PAUSE, "build": {**PAUSE["build"], "edits": [EDIT]}}
    bench._locked = lock_of({"pause": edited}, {"pause": {"batches": [["pause"]]}})
    module = tmp_path / "module"
    module.mkdir()
    (module / "main.go").write_text(source)
    words = f'*"mod download -json example.org/pause"*) echo \'{{"Dir": "{module}"}}\'; exit;; *"mod edit"*) exit;;'
    bench.go(f'case "$*" in {words} esac\n{MAKES}')
    if times != 1:
        with pytest.raises(ToolchainError, match=f"is another one: what the lock replaces is there {times} times"):
            bench.build()
        return
    assert bench.build().version == "3.10.1"
    copy = bench.cache / "go/edited/example.org/pause"
    assert (copy / "main.go").read_text() == "one three\n" and (module / "main.go").read_text() == source
    assert f"mod edit -replace=example.org/pause={copy} " in bench.runs[1]
    assert "-modfile=" in bench.runs[2]


def test_a_module_that_cannot_be_fetched_is_one_sentence(bench: Bench, lock_of: Callable[..., Lock]) -> None:
    edited = {**PAUSE, "build": {**PAUSE["build"], "edits": [EDIT]}}
    bench._locked = lock_of({"pause": edited}, {"pause": {"batches": [["pause"]]}})
    bench.go('echo "dial tcp: i/o timeout" >&2; exit 1')
    with pytest.raises(ToolchainError, match=r"example\.org/pause cannot be fetched: dial tcp: i/o timeout"):
        bench.build()


def test_an_edit_is_part_of_the_recipe_and_its_absence_is_not(locked: Lock, lock_of: Callable[..., Lock]) -> None:
    edited = {**PAUSE, "build": {**PAUSE["build"], "edits": [EDIT]}}
    assert lock.recipe(lock_of({"pause": edited}, {"pause": {"batches": [["pause"]]}}).entry("pause")) != lock.recipe(
        locked.entry("pause")
    )


def test_the_command_gives_each_package_its_own_linker_flags(tmp_path: Path) -> None:
    words = [str(word) for word in gobuild.command(Path("/go"), lock.shipped(), ["minikube", "etcd"], tmp_path)]
    assert "-ldflags=go.etcd.io/etcd/server/v3=-s -w" in words
    assert any(word.startswith("-ldflags=k8s.io/minikube/cmd/minikube=-s -w -X ") and "version=v1.38.1" in word for word in words)
    assert words[-2:] == ["k8s.io/minikube/cmd/minikube", "go.etcd.io/etcd/server/v3"]


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("go.etcd.io/etcd/server/v3", "server"),
        ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
        ("github.com/coredns/coredns", "coredns"),
    ],
)
def test_programs_are_named_as_go_names_them(package: str, name: str) -> None:
    assert gobuild.program_of(package) == name


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("go: downloading k8s.io/api v0.34.4", "fetching k8s.io/api"),
        ("k8s.io/client-go/kubernetes", "compiling k8s.io/client-go/kubernetes"),
        ("# command-line says: odd", "building"),
        ("", "building"),
    ],
)
def test_progress_says_what_is_being_done(line: str, said: str) -> None:
    assert gobuild.phrase(line) == said


def test_estimates_shrink_with_cores_but_not_to_nothing() -> None:
    two, four, many = (gobuild.estimate(lock.shipped(), ["traefik"], cores) for cores in (2, 4, 64))
    assert two == 417 and two > four > many > two / 5
