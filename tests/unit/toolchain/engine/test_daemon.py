"""dockerd's configuration, and what of the machine it sees."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.toolchain.engine import daemon, enter
from seatrial.toolchain.engine.places import Places


def machine(tmp_path: Path) -> Path:
    for name in ("sys", "dev", "home/a", "work", "usr/bin", "etc/ssl/certs", "var", "run", "lib/modules"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc" / "resolv.conf").write_text("nameserver 10.0.0.1\n")
    (tmp_path / "bin").symlink_to("usr/bin")
    return tmp_path


def test_directories_that_runs_may_name_are_seen_at_their_own_paths(tmp_path: Path) -> None:
    root = machine(tmp_path)
    bound = dict(daemon.binds(Places(cache=Path("/home/a/.cache/seatrial"), run=Path("/run/seatrial-engine-0")), root))
    assert {target for target in bound.values() if target.count("/") == 1} == {"/sys", "/dev", "/home", "/work"}, bound
    assert bound[str(root / "etc/resolv.conf")] == "/etc/resolv.conf"
    assert bound[str(root / "etc/ssl")] == "/etc/ssl"
    assert bound["/run/seatrial-engine-0"] == "/run/seatrial-engine-0"
    assert bound[str(root / "lib/modules")] == "/usr/lib/modules", "/lib is a symlink in Debian"


def test_a_cache_in_a_directory_that_is_not_bound_is_bound_itself() -> None:
    places = Places(cache=Path("/var/cache/seatrial"), run=Path("/run/seatrial-engine-0"))
    targets = [target for _, target in daemon.binds(places, Path("/"))]
    assert targets[-2:] == ["/var/cache/seatrial", "/run/seatrial-engine-0"]


def test_all_that_dockerd_keeps_lies_in_its_data_or_dies_with_its_run_directory(tmp_path: Path) -> None:
    places = Places(cache=tmp_path, run=Path("/run/seatrial-engine-0"))
    settings = daemon.configuration(places)
    assert settings["hosts"] == [f"unix://{places.socket}"]
    assert settings["data-root"] == str(tmp_path / "engine" / "data")
    assert settings["exec-root"].startswith("/run/") and settings["pidfile"].startswith("/run/")
    assert settings["default-cgroupns-mode"] == "host", "systemd in the node wants the machine's hierarchy"


def test_two_caches_never_share_a_cgroup() -> None:
    first, second = (Places(cache=Path(path), run=Path("/run/x")).cgroup for path in ("/a", "/b"))
    assert first != second


def test_the_engine_gets_the_machine_s_proxies_and_no_other_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    monkeypatch.setenv("SSL_CERT_DIR", "/usr/local/certificates")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    places = Places(cache=Path("/c"), run=Path("/run/x"))
    assert set(daemon._environment(places)) == {"PATH", "HOME", "NOTIFY_SOCKET", "https_proxy", "SSL_CERT_FILE"}


needs_root = pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="makes namespaces")


def enter_and_run(root: Path, binds: list[list[str]], script: str, **options: object) -> subprocess.CompletedProcess[str]:
    spec = {
        "root": str(root),
        "binds": binds,
        "tmpfs": ["/run"],
        "argv": ["/bin/sh", "-c", script],
        "env": {"PATH": "/usr/bin:/bin"},
    }
    argv = [sys.executable, "-I", enter.__file__, json.dumps(spec), str(options.get("parent", os.getpid()))]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20)


@needs_root
def test_a_program_is_process_1_in_another_root_and_mounts_nothing_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("seen\n")
    system = [[f"/{name}", f"/{name}"] for name in ("usr", "bin", "lib", "lib64") if Path(f"/{name}").exists()]
    before = Path("/proc/self/mounts").read_text()
    done = enter_and_run(
        root, [*system, [str(tmp_path / "shared"), "/shared"]], "echo $$; cat /shared/file; ls /; mount | wc -l; exit 7"
    )
    assert done.returncode == 7, done.stderr
    said = done.stdout.split()
    assert said[:2] == ["1", "seen"]
    assert {"proc", "run", "shared"} <= set(said) and "root" not in said
    assert Path("/proc/self/mounts").read_text() == before


@needs_root
def test_it_does_not_start_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    done = enter_and_run(tmp_path / "root", [], "echo never", parent=1 if os.getpid() != 1 else 2)
    assert (done.returncode, done.stdout) == (1, "")


@needs_root
def test_a_root_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = enter_and_run(tmp_path / "nowhere", [], "echo never")
    assert done.returncode == 127 and "nowhere" in done.stderr
