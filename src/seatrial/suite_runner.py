"""Starts pytest on the milestone suite: the one in the wheel, or this repository's own while it is being developed."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import resources
from pathlib import Path

import pytest

from seatrial.app import load_app
from seatrial.run import new_run_id

FOLDERS = ("m1_environment", "m2_infrastructure", "m3_packaging", "m4_advanced", "m5_complete")


def suite_folder() -> Path:
    """Folder that holds the milestones' folders."""
    package = Path(str(resources.files("seatrial")))
    shipped = package / "suite"
    return shipped if shipped.is_dir() else package.parents[1] / "tests"


def run_suite(path: Path, rest: list[str], *, reports: Path | None = None) -> int:
    """Judge the application at ``path``.

    Args:
        path: seatrial.yaml or its folder.
        rest: further arguments for pytest, of seatrial's own and of pytest's.
        reports: folder for reports.

    Raises:
        ConfigError: seatrial.yaml is missing or invalid.

    Returns:
        pytest's exit code, which is one of :class:`seatrial.errors.ExitCode`.
    """
    app = load_app(path)
    folder = (reports or app.root / "reports") / new_run_id()
    package = Path(str(resources.files("seatrial")))
    suite = suite_folder()
    # pytest looks for conftest.py no higher than its settings file lies, unless told: in a checkout the suite's lies higher.
    top = suite if (suite / "conftest.py").exists() else suite.parent
    arguments = [
        f"--config-file={package / 'suite.ini'}",
        f"--rootdir={app.root}",
        f"--confcutdir={top}",
        f"--seatrial-app={path}",
        f"--seatrial-folder={folder}",
        f"--seatrial-terminal={os.dup(sys.stdout.fileno())}",
        f"--html={folder / 'pytest.html'}",
        "--self-contained-html",
        f"--junitxml={folder / 'junit.xml'}",
        *rest,
        *(str(suite / name) for name in FOLDERS),
        *(str(app.path(own)) for own in app.suite),
    ]
    # pytest-helm-charts wraps fixtures in decorators; pytest complains of it while it loads plugins, before it reads settings.
    warnings.filterwarnings("ignore", message="cannot discover fixture")
    return int(pytest.main(arguments))
