"""That what a browser complains of is noticed: the journeys rest on it."""

from __future__ import annotations

from playwright.sync_api import Browser, Page

from .application import Application
from .people import Seen


def test_complaints(app: Application, chromium: Browser) -> None:
    page = chromium.new_page()
    seen = _watched(page, app.url)
    page.evaluate("console.error('told')")
    page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    page.evaluate("fetch('/api/no/such/path')")
    page.evaluate("location.assign('http://127.0.0.1:9/')")
    page.wait_for_event("requestfailed")
    page.close()
    told = "\n".join(seen.complaints)
    for complaint in ("console: told", "uncaught: thrown", "status of 404", "asked of another origin: http://127.0.0.1:9/"):
        assert complaint in told


def test_what_a_test_brings_about_is_no_complaint(app: Application, chromium: Browser) -> None:
    page = chromium.new_page()
    seen = _watched(page, app.url)
    with page.expect_response("**/api/auth/me"):
        page.evaluate("fetch('/api/auth/me')")
    page.wait_for_load_state("networkidle")
    page.close()
    assert seen.complaints == []


def _watched(page: Page, origin: str) -> Seen:
    seen = Seen(origin, expected=frozenset({401}))
    seen.listen(page)
    page.goto(f"{origin}/login", wait_until="networkidle")
    return seen
