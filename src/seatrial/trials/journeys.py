"""What users do in a browser, as ``journeys`` of seatrial.yaml says, and the rows in the database that prove it happened.

The browser is headless, knows nobody (each journey is a fresh user, who may come back with the cookies that he got) and reaches
the edge's loopback port under the application's host name by a resolver rule of its own: neither /etc/hosts nor a proxy is asked.
It must be used in the thread that opened it.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Frame,
    Locator,
    Page,
    Request,
    Response,
    StorageState,
    sync_playwright,
)

from seatrial.app import App, Journey, Step
from seatrial.errors import ToolchainError
from seatrial.process import environment
from seatrial.trials import users
from seatrial.trials.database import Database
from seatrial.verdict import Evidence, Fault
from seatrial.world import World

STEP_SECONDS = 15.0
"""How long a page may take to load, and a field, a button or a text to appear."""
LOOK_MS = 100
"""How often a page is asked whether its requests have come to rest."""
KEPT = 20
"""How many console errors and failed requests of a journey are kept."""
ROLES: Sequence[Literal["button", "link", "tab", "checkbox"]] = ("button", "link", "tab", "checkbox")
"""What can be clicked, in the order in which it is looked for: a tab often has the name of the button that it brings up."""

Profiles = dict[str, StorageState]
"""Cookies and storage of the browsers that walked, by their marker; they hold tokens and never go into an observation."""

FOREIGN_HOST = "foreign.seatrial.test"
"""Another site at the same edge, which knows no such host: pages of it are of a foreign origin."""
UNCAUGHT = "uncaught: "
"""What the text of an exception that nobody caught begins with."""
SCRIPTED = ("fetch", "xhr", "eventsource")
"""Kinds of request that a page's scripts make; all others fetch documents and assets."""
MIXED = "Mixed Content"
"""What Chromium's words on mixed content begin with."""

_QUIET = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
_ABORTED = "net::ERR_ABORTED"
"""A request that the page itself gave up, as a router does with what it had begun to fetch in advance."""
_IDLE = "(_, timeout) => new Promise((idle) => requestIdleCallback(() => idle(), {timeout}))"
"""Ends when a page's thread has nothing left to do, such as to take over what the server has rendered, piece by piece, and after
``timeout`` milliseconds where it never has."""


@dataclass
class Seen:
    """What a page reported.

    Attributes:
        console: errors, and exceptions that nobody caught.
        mixed: warnings of mixed content.
        requests: how many were made.
        answers: of each request that came to its end: method, url, kind (Playwright's resource type), status (None without an
            answer), error.
        failed: requests without an answer or with a status >= 500, as messages say it.
        settled: whether the page was waited for since it last turned to another address; see :meth:`Sitting.settle`.
    """

    console: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    requests: int = 0
    under_way: set[Request] = field(default_factory=set)
    answers: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    crashed: bool = False
    settled: bool = False

    def listen(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.console.append(f"{UNCAUGHT}{error.message}"))
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_finished)
        page.on("requestfailed", self._on_failed)
        page.on("response", self._on_response)
        page.on("crash", self._on_crash)
        page.on("framenavigated", self._on_navigated)

    def rest(self, page: Page) -> None:
        """Wait until nothing that the page asked for is under way, no longer than a step may take.

        Nobody turns away from a page that has yet to do what he clicked; a request that is given up with its page proves nothing.
        """
        deadline = time.monotonic() + STEP_SECONDS
        page.wait_for_timeout(LOOK_MS)  # a click is not yet a request
        while self.under_way and not self.crashed and time.monotonic() < deadline:
            page.wait_for_timeout(LOOK_MS)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.text.startswith(MIXED):
            self.mixed.append(message.text)
        if message.type == "error":
            self.console.append(message.text)

    def _on_request(self, request: Request) -> None:
        self.requests += 1
        self.under_way.add(request)

    def _on_finished(self, request: Request) -> None:
        self.under_way.discard(request)

    def _on_failed(self, request: Request) -> None:
        self.under_way.discard(request)
        if request.failure != _ABORTED:
            self.failed.append(f"{request.method} {request.url}: {request.failure}")
            self.answers.append(_request(request, None, request.failure or "no answer"))

    def _on_response(self, response: Response) -> None:
        self.answers.append(_request(response.request, response.status, ""))
        if response.status >= 500:
            self.failed.append(f"{response.request.method} {response.url}: status {response.status}")

    def _on_crash(self, page: Page) -> None:
        self.crashed = True

    def _on_navigated(self, frame: Frame) -> None:
        if frame.parent_frame is None:
            self.settled = False


def _request(request: Request, status: int | None, error: str) -> dict[str, Any]:
    return {"method": request.method, "url": request.url, "kind": request.resource_type, "status": status, "error": error}


@dataclass
class Sitting:
    """A user at a page of his own; see :meth:`Visitor.sit`.

    Attributes:
        known: what stands for ``{marker}`` and ``{password}``.
    """

    page: Page
    seen: Seen
    known: Mapping[str, str]

    def take(self, steps: Sequence[Step]) -> tuple[int, str]:
        """Take steps; how many were done, and why they stopped (empty where they came to their end)."""
        done = 0
        try:
            for step in steps:
                if step.open is not None:
                    self.seen.rest(self.page)
                elif step.see is None:
                    self.settle()
                _take(self.page, step, self.known)
                if step.open is not None:
                    self.settle()
                done += 1
            self.seen.rest(self.page)
        except Error as error:
            done = min(done, len(steps) - 1)
            return done, f"{_words(steps[done], self.known['marker'])}: {_first_lines(error.message)}"
        return done, ""

    def settle(self) -> None:
        """Wait until the page's scripts have taken over, no longer than a step may take: what is filled in before is lost.

        A page may have turned to another by itself, and what is to be seen of that one tells nothing of its scripts.
        """
        deadline = time.monotonic() + STEP_SECONDS
        while not (self.seen.settled or self.seen.crashed) and time.monotonic() < deadline:
            self.seen.settled = True
            try:
                self.page.wait_for_load_state("networkidle")
                self.page.locator("html").evaluate(
                    _IDLE, STEP_SECONDS * 1000
                )  # a page's own evaluate would wait for one that hangs
            except Error:  # it never rests, or another page has come up meanwhile, which is then waited for
                self.page.wait_for_timeout(LOOK_MS)

    def await_answer(self, is_it: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait until a request that is meant has come to its end, no longer than a step may take.

        A page is at rest before a slow machine has run its scripts.
        """
        deadline = time.monotonic() + STEP_SECONDS
        while not any(is_it(answer) for answer in self.seen.answers) and time.monotonic() < deadline:
            self.page.wait_for_timeout(LOOK_MS)


class Visitor:
    """A headless Chromium at the application's edge; see :func:`visitor`."""

    def __init__(self, world: World, chromium: Browser, base_url: str, profiles: Profiles) -> None:
        self._world = world
        self._chromium = chromium
        self._base_url = base_url
        self._profiles = profiles
        self._password = users.password(world)

    def walk(self, journey: Journey, marker: str) -> dict[str, Any]:
        """Walk a journey, those that it comes after first, as a fresh user; a screenshot of where it ended or stopped is kept.

        Args:
            marker: stands in for ``{marker}``; unique, so that its rows are this walk's.

        Returns:
            ``journey``, ``marker``, ``steps``, ``done`` (how many of them), ``stopped`` (why, empty where it came to its end),
            ``crashed``, ``console`` (errors), ``requests``, ``failed`` (requests without an answer or with a status >= 500),
            ``seconds``, ``screenshot``.
        """
        return self._take_all(self._world.app.steps(journey), journey.name, marker, "")

    def come_back(self, journey: Journey, marker: str, moment: str) -> dict[str, Any]:
        """Take the steps ``again`` of a journey that was walked, with the cookies that its browser had; the same as :meth:`walk`.

        Args:
            moment: when ("after the upgrade").
        """
        return self._take_all(journey.again, journey.name, marker, moment)

    @contextmanager
    def sit(self, marker: str) -> Iterator[Sitting]:
        """A browser of one user with an empty page, for the length of a block; it has the cookies that the user had before."""
        profile = self._profiles.get(marker)
        context = self._chromium.new_context(base_url=self._base_url, service_workers="block", storage_state=profile)
        try:
            context.set_default_timeout(STEP_SECONDS * 1000)
            page, seen = context.new_page(), Seen()
            seen.listen(page)
            yield Sitting(page, seen, {"marker": marker, "password": self._password})
        finally:
            context.close()

    def _take_all(self, steps: Sequence[Step], name: str, marker: str, moment: str) -> dict[str, Any]:
        began = time.monotonic()
        with self.sit(marker) as sitting:
            done, stopped = sitting.take(steps)
            if not stopped:
                self._profiles[marker] = sitting.page.context.storage_state()
            screenshot = self.screenshot(sitting.page, f"{name} {marker} {moment}")
        seen = sitting.seen
        return {
            "journey": name,
            "marker": marker,
            "steps": len(steps),
            "done": done,
            "stopped": stopped,
            "crashed": seen.crashed,
            "console": seen.console[:KEPT],
            "requests": seen.requests,
            "failed": seen.failed[:KEPT],
            "seconds": round(time.monotonic() - began, 2),
            "screenshot": screenshot,
        }

    def screenshot(self, page: Page, name: str) -> str | None:
        """Keep what is to be seen; its path below the run's folder."""
        with contextlib.suppress(Error):  # of a page that crashed there is none, which must not hide why the journey stopped
            return self._world.artefact(f"journeys/{_slug(name)}.png", page.screenshot(full_page=True))
        return None


@contextmanager
def visitor(world: World, profiles: Profiles | None = None, *, address: str = "") -> Iterator[Visitor]:
    """Open a headless Chromium for the length of a block.

    Args:
        address: where the application's host is reached, in place of the edge.
        profiles: what browsers of former visitors had, for users who come back; this one's are added.

    Raises:
        ToolchainError: it does not start.
        ClusterError: the application has no edge to go to.
    """
    edge, ingress = users.door(world)
    address = address or edge
    program = world.toolchain.tool("chromium").path
    rules = ",".join(f"MAP {host}:80 {address}" for host in (ingress.host, FOREIGN_HOST))
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(
                executable_path=program,
                args=[*_QUIET, f"--host-resolver-rules={rules}"],
                # the edge is on loopback, and the headless shell takes the machine's proxy in spite of --no-proxy-server
                env={name: value for name, value in environment().items() if not name.lower().endswith("_proxy")},
            )
        except Error as error:
            said = _first_lines(error.message)
            raise ToolchainError(f"{program} does not start: {said}", todo="Run `seatrial doctor`.") from error
        try:
            yield Visitor(world, chromium, f"http://{ingress.host}", {} if profiles is None else profiles)
        finally:
            chromium.close()


def _take(page: Page, step: Step, known: Mapping[str, str]) -> None:
    """One step. Names and labels are matched in full."""
    if step.open is not None:
        page.goto(users.fill_in(step.open, known), wait_until="load")
    elif step.fill is not None:
        for label, text in step.fill.items():
            page.get_by_label(users.fill_in(label, known), exact=True).fill(users.fill_in(text, known))
    elif step.click is not None:
        _click(page, users.fill_in(step.click, known))
    elif step.see is not None:
        page.get_by_text(users.fill_in(step.see, known)).first.wait_for(state="visible")


def _click(page: Page, name: str) -> None:
    found = [page.get_by_role(role, name=name, exact=True) for role in ROLES]
    reduce(Locator.or_, found).first.wait_for()
    next((locator for locator in found if locator.count()), found[0]).click()


def _words(step: Step, marker: str) -> str:
    """A step as a message says it; the password stays what seatrial.yaml has for it."""
    action, value = next((key, value) for key, value in step.model_dump().items() if value is not None)
    shown = ", ".join(f"{label} = {text}" for label, text in value.items()) if isinstance(value, Mapping) else str(value)
    return f"{action} {users.fill_in(shown, {'marker': marker})!r}"


def _first_lines(message: str) -> str:
    """Playwright's words without its log of attempts."""
    return " ".join(message.partition("Call log:")[0].split())[:300]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


# proof


def provable(app: App) -> list[Journey]:
    """The journeys whose rows can be counted."""
    return [journey for journey in app.journeys if journey.proof is not None] if app.data is not None else []


def walk_and_count(visit: Visitor, database: Database, journeys: Sequence[Journey], marker: str) -> list[dict[str, Any]]:
    """Walk the journeys one after the other, and count their rows; see :meth:`Visitor.walk`.

    Args:
        marker: of this round; each journey adds its name, for its user is nobody else's.

    Returns:
        What was seen of each, with ``rows`` and ``expected``.
    """
    walks = [visit.walk(journey, marker_of(journey, marker)) for journey in journeys]
    return [{**walk, **count_rows(database, journey, marker)} for walk, journey in zip(walks, journeys, strict=True)]


def come_back(visit: Visitor, database: Database, journeys: Sequence[Journey], marker: str, moment: str) -> list[dict[str, Any]]:
    """The users of a round of :func:`walk_and_count` come back; the same is returned, with ``moment``."""
    return [
        {
            **visit.come_back(journey, marker_of(journey, marker), moment),
            **count_rows(database, journey, marker),
            "moment": moment,
        }
        for journey in journeys
        if journey.again
    ]


def marker_of(journey: Journey, marker: str) -> str:
    """The marker of a journey in a round."""
    return f"{marker}-{_slug(journey.name)}"


def count_rows(database: Database, journey: Journey, marker: str) -> dict[str, int]:
    """How many rows a journey has left in a round, and how many it should have."""
    assert journey.proof is not None, "only journeys with a proof are counted"
    sql = users.fill_in(journey.proof, {"marker": marker_of(journey, marker)})
    return {"rows": int(database.value(sql)), "expected": journey.rows}


def faults_of(walk: Mapping[str, Any], *, while_: str) -> list[Fault]:
    """Where a journey stopped, which of its requests failed, and rows that are not there.

    Args:
        walk: one of :func:`walk_and_count`.
        while_: when it was walked ("under revision 1").
    """
    if walk["crashed"]:
        return []
    subject = f"journey {walk['journey']!r} {while_}"
    faults = []
    if walk["stopped"]:
        found = f"stopped at step {walk['done'] + 1} of {walk['steps']}: {walk['stopped']}"
        faults.append(Fault(subject, found, "every step", "Look at its screenshot and the console's errors"))
    if walk["failed"]:
        found = f"{len(walk['failed'])} of {walk['requests']} requests failed, the first: {walk['failed'][0]}"
        faults.append(Fault(subject, found, "every request answered", "See the log of the component that answers there"))
    if walk["rows"] != walk["expected"]:
        mend = "See whether the page's request reached the backend and its database"
        faults.append(Fault(subject, f"{walk['rows']} rows in the database", f"{walk['expected']}", mend))
    return faults


def unknown_of(walk: Mapping[str, Any], *, while_: str) -> list[str]:
    """What cannot be told because the browser itself gave up."""
    return [f"the browser crashed in the journey {walk['journey']!r} {while_}"] if walk["crashed"] else []


def seen(walk: Mapping[str, Any], *, while_: str) -> Evidence:
    """The evidence of one walk."""
    text = f"{walk['journey']!r} {while_}: {walk['done']} of {walk['steps']} steps in {walk['seconds']} s, {walk['rows']} rows"
    errors = f", {len(walk['console'])} console errors" if walk["console"] else ""
    return Evidence(text + errors, data=dict(walk), artefact=walk["screenshot"])
