"""How the engine's root file system is made and kept; mmdebstrap is a script here."""

import sys
from pathlib import Path

import pytest

from seatrial.errors import MachineError, ToolchainError
from seatrial.toolchain.engine import rootfs
from seatrial.toolchain.registries import registry_settings

MOUNTS = (Path(__file__).parent / "data" / "mounts-hybrid.txt").read_text()


def mmdebstrap(folder: Path, code: str) -> Path:
    program = folder / "mmdebstrap"
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\nargv = sys.argv[1:]\n{code}\n")
    program.chmod(0o755)
    return program


MAKES_A_ROOT = """
suite = argv.index("trixie")
print("I: running apt-get update...", file=sys.stderr)
(Path(argv[suite + 1]) / "usr" / "bin").mkdir(parents=True)
with open(Path(__file__).parent / "calls", "a") as calls:
    calls.write("called\\n")
"""


def test_it_is_made_once(tmp_path: Path) -> None:
    program = mmdebstrap(tmp_path, MAKES_A_ROOT)
    said: list[str] = []
    first = rootfs.ensure(tmp_path / "engine", lambda: program, said.append)
    assert (first / "usr" / "bin").is_dir()
    assert rootfs.ensure(tmp_path / "engine", lambda: program, said.append) == first
    assert (tmp_path / "calls").read_text() == "called\n"
    assert "about a minute" in said[0] and any("running apt-get update" in line for line in said)


def test_a_build_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    cut_off = tmp_path / "engine" / f"rootfs-{rootfs.recipe()}.part"
    (cut_off / "half").mkdir(parents=True)
    made = rootfs.ensure(tmp_path / "engine", lambda: mmdebstrap(tmp_path, MAKES_A_ROOT), lambda line: None)
    assert not cut_off.exists() and not (made / "half").exists()


def test_a_failure_carries_apt_s_own_complaint_and_leaves_nothing(tmp_path: Path) -> None:
    code = "print('E: Unable to locate package docker-buildx', file=sys.stderr); (Path(argv[-4])).mkdir(); sys.exit(1)"
    with pytest.raises(ToolchainError, match=r"Unable to locate package docker-buildx.*apt-get update"):
        rootfs.ensure(tmp_path / "engine", lambda: mmdebstrap(tmp_path, code), lambda line: None)
    assert [path.name for path in (tmp_path / "engine").iterdir() if path.is_dir()] == []


def test_packages_come_from_the_machine_s_own_mirror(tmp_path: Path) -> None:
    (tmp_path / "apt").mkdir()
    (tmp_path / "apt" / "sources.list").write_text("deb http://mirror.example/debian bookworm main\n")
    settings = registry_settings({}, etc=tmp_path, home=tmp_path)
    argv = rootfs.command(Path("/usr/bin/mmdebstrap"), Path("/target"), settings)
    suite = argv.index("trixie")
    assert argv[suite + 1] == "/target"
    assert argv[suite + 2] == "deb http://mirror.example/debian trixie main"


def test_the_recipe_changes_with_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rootfs.recipe()
    monkeypatch.setattr(rootfs, "PACKAGES", (*rootfs.PACKAGES, "git"))
    assert rootfs.recipe() != before and len(before) == 8


def test_mounts_below_a_tree_are_found_innermost_first() -> None:
    engine = Path("/home/a/.cache/seatrial/engine")
    assert rootfs.mounts_below(engine, MOUNTS) == [f"{engine}/data/overlay2/ab/merged", f"{engine}/rootfs-1/proc"]
    assert rootfs.mounts_below(Path("/home/a/my data"), MOUNTS) == ["/home/a/my data"]
    assert rootfs.mounts_below(Path("/home/a/.cache/seatrial/eng"), MOUNTS) == []


def test_a_tree_with_a_mount_in_it_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root" / "proc").mkdir(parents=True)
    monkeypatch.setattr(rootfs, "mounts_below", lambda tree, table: [f"{tree}/proc"])
    with pytest.raises(MachineError, match="still mounted"):
        rootfs.remove_tree(tmp_path / "root")
    assert (tmp_path / "root").is_dir()
