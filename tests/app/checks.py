"""Lint, types and unit tests of each part, as their own READMEs run them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from seatrial.process import Completed

from .application import link_modules
from .database import backend_database
from .programs import backend_python, model_python, node
from .workshop import Workshop

AT_ONCE = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))
"""The other cores are for the build and the journeys: on an overloaded machine tests that measure time fail."""
SECONDS = 1800.0
"""Until a check counts as stuck, also on a machine that is busy with other things."""
PYTEST = ("pytest", "-p", "no:cacheprovider", "--color=no", "-rfEs", "--durations=15")
ENVIRONMENT = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", "NO_COLOR": "1", "FORCE_COLOR": "0"}
"""What listens on this machine is reached without a proxy, and logs are plain text."""


def backend_types(workshop: Workshop) -> Completed:
    return _python(workshop, "backend", "types", workshop.get(backend_python), ["mypy"])


def backend_tests(workshop: Workshop) -> Completed:
    env = {"TEST_DATABASE_URL": workshop.get(backend_database).url}
    return _python(workshop, "backend", "tests", workshop.get(backend_python), PYTEST, env)


def model_types(workshop: Workshop) -> Completed:
    return _python(workshop, "model", "types", workshop.get(model_python), ["mypy"])


def model_tests(workshop: Workshop) -> Completed:
    return _python(workshop, "model", "tests", workshop.get(model_python), PYTEST)


def frontend_sources(workshop: Workshop) -> Path:
    """Apart from the folder that is built in: both write into .next."""
    folder = workshop.copy("frontend", "frontend-checks")
    link_modules(workshop, folder)
    return folder


def frontend_lint(workshop: Workshop) -> Completed:
    return _npm(workshop, "lint")


def frontend_types(workshop: Workshop) -> Completed:
    return _npm(workshop, "typecheck")


def frontend_tests(workshop: Workshop) -> Completed:
    return _npm(workshop, "test")


CHECKS = (backend_types, backend_tests, model_types, model_tests, frontend_lint, frontend_types, frontend_tests)


def _python(
    workshop: Workshop, part: str, what: str, python: Path, module: Sequence[str], env: dict[str, str] | None = None
) -> Completed:
    name = f"{part}-{what}"
    folder = workshop.copy(part, name)
    with AT_ONCE:
        return workshop.run(
            name, [python, "-m", *module], cwd=folder, env=ENVIRONMENT | (env or {}), timeout=SECONDS, check=False
        )


def _npm(workshop: Workshop, script: str) -> Completed:
    nodejs, folder = workshop.get(node), workshop.get(frontend_sources)
    env = ENVIRONMENT | {"PATH": nodejs.path, "NEXT_TELEMETRY_DISABLED": "1", "CI": "true"}
    with AT_ONCE:
        return workshop.run(f"frontend-{script}", [*nodejs.npm, "run", script], cwd=folder, env=env, timeout=SECONDS, check=False)
