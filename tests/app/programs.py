"""Programs and environments: from the toolchain, and kept in the cache until the lock file changes that they were made from."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from seatrial import process
from seatrial.errors import SeatrialError, ToolchainError
from seatrial.toolchain import registry_settings
from seatrial.toolchain.packages import _uv_env as uv_env
from seatrial.toolchain.store import Store

from .workshop import DOCKER, Argv, Workshop

PYTHON = "3.13"
"""What the images run."""
NPM_CI = ("ci", "--no-audit", "--no-fund", "--no-update-notifier")


@dataclass(frozen=True)
class Node:
    """Node.js and the npm that belongs to it."""

    program: Path
    version: str
    npm: tuple[Path, ...]

    @property
    def path(self) -> str:
        """PATH for npm's scripts, which look for ``node`` themselves."""
        return f"{self.program.parent}{os.pathsep}{os.environ['PATH']}"


def node(workshop: Workshop) -> Node:
    """Node.js; npm beside it, or the one in PATH."""
    tool = workshop.toolchain.tool("node")
    program = tool.path
    beside = program.resolve().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if beside.is_file():
        return Node(program, tool.version, (program, beside))
    on_path = shutil.which("npm")
    if on_path is None:
        raise ToolchainError(f"there is no npm beside {program}, nor in PATH", todo="Install npm.")
    return Node(program, tool.version, (Path(on_path),))


def browser_program(workshop: Workshop) -> Path:
    """A Chromium without a window."""
    return workshop.toolchain.tool("chromium").path


def python(workshop: Workshop) -> Path:
    """The Python that the images run: one of this machine, else one that uv downloads; where neither is to be had, the own one."""
    for candidate in _pythons():
        if _is_wanted(candidate):
            return candidate
    uv = workshop.toolchain.tool("uv").path
    env = {**uv_env(registry_settings()), "UV_PYTHON_INSTALL_DIR": str(workshop.toolchain.cache / "app" / "python")}
    find: Argv = [uv, "python", "find", "--no-config", "--no-project", "--managed-python", PYTHON]
    try:
        process.run([uv, "python", "install", "--no-config", "--no-bin", PYTHON], timeout=600, env=env)
        return Path(process.run(find, timeout=60, env=env).stdout.strip())
    except SeatrialError:
        own = ".".join(map(str, sys.version_info[:2]))
        workshop.say(
            f"python: no {PYTHON}, which the images run, is here, and uv cannot download one: backend and model endpoint are tested on {own}"
        )
        return Path(sys.executable)


def _pythons() -> Iterable[Path]:
    """Where Python may be. A version manager's shims in PATH may lead nowhere, so pyenv's own folder comes as well."""
    yield Path(sys.executable)
    found = shutil.which(f"python{PYTHON}")
    if found:
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{PYTHON}.*/bin/python"), reverse=True)


def _is_wanted(program: Path) -> bool:
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    return process.run([program, "-c", code], timeout=30, check=False).stdout.strip() == PYTHON


def backend_python(workshop: Workshop) -> Path:
    """An interpreter with what the backend's tests need."""
    return _environment(workshop, "backend")


def model_python(workshop: Workshop) -> Path:
    """An interpreter with what the model endpoint's tests need."""
    return _environment(workshop, "model")


def _environment(workshop: Workshop, part: str) -> Path:
    interpreter, uv = workshop.get(python), workshop.toolchain.tool("uv").path
    folder = DOCKER / part
    names = ("requirements.in", "requirements-dev.in", "requirements.lock")

    def make(tree: Path) -> None:
        env = uv_env(registry_settings())
        workshop.run(
            f"{part}-venv", [uv, "venv", "--no-config", "--no-project", "--relocatable", "--python", interpreter, tree], env=env
        )
        install: Argv = [uv, "pip", "install", "--no-config", "--compile-bytecode", "--python", tree / "bin" / "python"]
        install += ["--requirement", folder / "requirements-dev.in", "--constraint", folder / "requirements.lock"]
        workshop.run(f"{part}-packages", install, env=env)

    place = _kept(workshop, f"{part}-python", [str(interpreter), *(folder / name for name in names)], make)
    return place / "bin" / "python"


def frontend_modules(workshop: Workshop) -> Path:
    """``node_modules`` of the frontend."""
    return _modules(workshop, DOCKER / "frontend")


def axe(workshop: Workshop) -> Path:
    """The script that looks for what keeps people out of a page."""
    return _modules(workshop, Path(__file__).parent) / "axe-core" / "axe.min.js"


def _modules(workshop: Workshop, folder: Path) -> Path:
    nodejs = workshop.get(node)
    manifests = [folder / "package.json", folder / "package-lock.json"]

    def make(tree: Path) -> None:
        tree.mkdir()
        for manifest in manifests:
            shutil.copy(manifest, tree)
        workshop.run(f"{folder.name}-packages", [*nodejs.npm, *NPM_CI], cwd=tree, env={"PATH": nodejs.path})

    return _kept(workshop, f"{folder.name}-modules", [nodejs.version, *manifests], make) / "node_modules"


def _kept(workshop: Workshop, name: str, made_from: Iterable[Path | str], make: Callable[[Path], None]) -> Path:
    """A folder in the cache, made if it is not there for just these inputs; a run that is killed leaves nothing half made.

    Args:
        made_from: lock files, whose content counts, and texts.
        make: fills the folder that it is given the path of.
    """
    digest = hashlib.sha256()
    for part in made_from:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
    place = workshop.toolchain.cache / "app" / f"{name}-{digest.hexdigest()[:16]}"
    store = Store(workshop.toolchain.cache)
    with store.only_one(f"app-{name}", lambda: None):
        if not place.exists():
            with store.staging("app") as staging:
                make(staging / "tree")
                place.parent.mkdir(exist_ok=True)
                (staging / "tree").rename(place)
    return place
