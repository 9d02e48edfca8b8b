from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from seatrial.toolchain import Toolchain
from seatrial.toolchain.store import Store

from .application import Application, application
from .checks import CHECKS
from .people import SECONDS, Person
from .programs import browser_program
from .workshop import REPORTS, Workshop

BROWSER_OPTIONS = ("--no-proxy-server", "--disable-gpu", "--disable-background-networking", "--no-first-run")
DESKTOP = {"width": 1280, "height": 900}
TERMINAL = pytest.StashKey[int]()
"""A descriptor of our own: pytest captures its own during each test, and things are made meanwhile."""


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    config.stash[TERMINAL] = os.dup(sys.stdout.fileno())


def _interrupt(number: int, frame: Any) -> None:
    """SIGTERM ends a run like Ctrl-C does: with everything taken down."""
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def workshop(request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """The workshop, which has begun with everything that the selected tests will ask it for."""
    shutil.rmtree(REPORTS, ignore_errors=True)  # what lies there afterwards is of this run
    REPORTS.mkdir(parents=True)
    say = partial(_tell, request.config.stash[TERMINAL])
    toolchain = Toolchain(progress=lambda event: say(str(event)))
    with Store(toolchain.cache).staging("app") as folder, TemporaryDirectory(prefix="todo-app-tests-") as shared:
        Path(shared).chmod(0o755)
        workshop = Workshop(toolchain, folder, Path(shared), say)
        try:
            _begin(workshop, request.session.items)
            yield workshop
        finally:
            workshop.close()


def _tell(terminal: int, told: str) -> None:
    os.write(terminal, f"  {told}\n".encode())


def _begin(workshop: Workshop, items: list[pytest.Item]) -> None:
    """The longest chain, the application's, first."""
    tests = [item for item in items if isinstance(item, pytest.Function)]
    if any("app" in test.fixturenames for test in tests):
        workshop.start(browser_program)
        workshop.start(application)
    for check in CHECKS:
        if any(check is given for test in tests if hasattr(test, "callspec") for given in test.callspec.params.values()):
            workshop.start(check)


@pytest.fixture(scope="session")
def running(workshop: Workshop) -> Application:
    """The whole application."""
    return workshop.demand(application)


@pytest.fixture
def app(running: Application) -> Application:
    """The whole application, with a model that works."""
    running.model_fault()
    return running


@pytest.fixture(scope="session")
def chromium(workshop: Workshop) -> Iterator[Browser]:
    expect.set_options(timeout=SECONDS * 1000)
    program = workshop.demand(browser_program)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(BROWSER_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def people(request: pytest.FixtureRequest, app: Application, chromium: Browser) -> Iterator[Callable[..., Person]]:
    """Makes people, each with a browser that knows nobody. At the end each leaves a picture, and no browser may have complained."""
    made: list[Person] = []
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")

    def make(*, expected: Collection[int] = (), **context: Any) -> Person:
        """``expected``: statuses that the test brings about; ``context``: how the browser differs from a desktop's."""
        options: dict[str, Any] = {"base_url": app.url, "viewport": DESKTOP, "service_workers": "block", **context}
        page = chromium.new_context(**options).new_page()
        page.set_default_timeout(SECONDS * 1000)
        made.append(Person(page, app, f"{name}-{len(made)}" if made else name, frozenset(expected)))
        return made[-1]

    yield make
    complaints = []
    for person in made:
        person.picture("end")
        person.page.context.close()
        complaints += person.seen.complaints
    assert not complaints, "the browser complained"


@pytest.fixture
def user(people: Callable[..., Person]) -> Person:
    """Somebody who has just signed up."""
    person = people()
    person.sign_up()
    return person
