"""Users at browsers of their own, and what their browsers complain of."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

from .application import Application
from .workshop import REPORTS

SECONDS = 15.0
"""How long a page may take to load, and a field, a button or a text to appear."""

_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_ABORTED = "net::ERR_ABORTED"
"""A request that the page itself gave up."""


@dataclass
class Seen:
    """What a page reported.

    Attributes:
        origin: of the application; whatever is asked of others is a fault.
        expected: statuses that the browser may complain of, because the test brings them about.
    """

    origin: str
    expected: frozenset[int]
    complaints: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error.message}"))
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failed)
        page.on("crash", lambda page: self.complaints.append("the page crashed"))

    def _on_console(self, message: ConsoleMessage) -> None:
        refused = _REFUSED.match(message.text)
        if message.type == "error" and not (refused and int(refused[1]) in self.expected):
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme.startswith("http") and not request.url.startswith(f"{self.origin}/"):
            self.complaints.append(f"asked of another origin: {request.url}")

    def _on_failed(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self.complaints.append(f"failed: {request.method} {request.url}: {request.failure}")


class Person:
    """A user whom nobody knows yet.

    Args:
        page: of a browser context of its own.
        name: of the pictures in ``reports/app``.
        expected: see :class:`Seen`.
    """

    def __init__(self, page: Page, app: Application, name: str, expected: frozenset[int]) -> None:
        self.page = page
        self.app = app
        self.name = name
        self.email = f"{secrets.token_hex(4)}@example.org"
        self.password = secrets.token_urlsafe(12)
        self.seen = Seen(app.url, expected)
        self.seen.listen(page)

    # what can be seen

    @property
    def log(self) -> Locator:
        """What was said in the chat."""
        return self.page.get_by_role("log")

    @property
    def alert(self) -> Locator:
        """Next.js has an alert of its own for screen readers, empty, outside the page's content."""
        return self.page.locator("[role=alert]:not(#__next-route-announcer__)")

    def todo(self, title: str) -> Locator:
        return self.page.get_by_role("checkbox", name=title, exact=True)

    def number(self, title: str) -> str:
        """The id of a todo, from the database."""
        ((number,),) = self.rows("select id from todos where title = '{}'", title)
        return number

    def rows(self, query: str, *values: str) -> list[list[str]]:
        """Rows of the database; the values are the test's own and hold no quotes."""
        return self.app.database.rows(query.format(*values))

    def picture(self, what: str) -> None:
        """Keep what is to be seen, as ``reports/app/<test>-<what>.png``."""
        self.page.screenshot(path=REPORTS / f"{self.name}-{what}.png", full_page=True)

    # what can be done

    def open(self, path: str) -> None:
        """Go to a page and wait until it is at rest: what is filled in before its script has taken over is lost."""
        self.page.goto(path, wait_until="networkidle")

    def go_to_sign_up(self) -> None:
        """From the page on which one logs in."""
        self.open("/login")
        link = self.page.get_by_role("link", name="Sign up", exact=True)
        link.or_(self.page.get_by_role("tab", name="Sign up", exact=True)).click()
        expect(self.page.get_by_role("button", name="Sign up", exact=True)).to_be_visible()
        self.page.wait_for_load_state("networkidle")

    def ask_for_account(self) -> None:
        """Give e-mail and password for a new account; where that leads to is for the caller to see."""
        self.go_to_sign_up()
        self._give("Sign up", self.password)

    def sign_up(self) -> None:
        """Open an account; the todos are shown then."""
        self.ask_for_account()
        self.sees_todos()

    def log_in(self, password: str | None = None) -> None:
        """Give e-mail and password; where that leads to is for the caller to see."""
        self.open("/login")
        self._give("Log in", password or self.password)

    def log_out(self) -> None:
        self.press("Log out")
        expect(self.page.get_by_role("button", name="Log out", exact=True)).to_have_count(0)
        self.page.wait_for_load_state("networkidle")

    def sees_todos(self) -> None:
        """Wait until the application shows that it knows this user, and has loaded what it shows of both panes."""
        expect(self.page.get_by_role("heading", name="Todos", exact=True)).to_be_visible()
        expect(self.page.get_by_role("button", name="Log out", exact=True)).to_be_visible()
        expect(self.page.locator("main [role=status]")).to_have_count(0)
        self.page.wait_for_load_state("networkidle")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def add(self, title: str) -> None:
        """Add a todo by the form."""
        self.page.get_by_label("New todo", exact=True).fill(title)
        self.press("Add")
        expect(self.todo(title)).to_be_visible()

    def say(self, message: str) -> None:
        """Say something in the chat; what comes of it is for the caller to see."""
        self.page.get_by_label("Message", exact=True).fill(message)
        self.press("Send")

    def _give(self, button: str, password: str) -> None:
        self.page.get_by_label("E-mail", exact=True).fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.press(button)
