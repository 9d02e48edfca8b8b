from collections.abc import Callable
from typing import Any

import pytest

from seatrial.trials.api_url import folders_of, is_backends, judge_calls
from seatrial.verdict import Outcome

BACKEND = {"hosts": ["shop-api", "shop.local"], "ports": [8001]}


def seen(**changed: Any) -> dict[str, Any]:
    good = {
        "origin": "http://shop.local",
        "calls": [{"method": "POST", "url": "http://shop.local/api/items", "status": 201}],
        "loaded": ["http://shop.local/_next/static/chunks/a.js"],
        "folders": ["./app/.next/static"],
        "scripts": ["./app/.next/static/chunks/a.js", "./app/.next/static/chunks/b.js"],
        "addresses": [{"file": "./app/.next/static/chunks/a.js", "url": "https://react.dev"}],
        "backend": BACKEND,
        "changed": {"variable": "API_URL", "origin": "http://other", "calls": ["http://other/api/me"]},
        "stopped": "",
        "unknown": [],
    }
    return {**good, **changed}


def test_relative_calls_and_scripts_without_the_backends_address_pass() -> None:
    verdict = judge_calls(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    assert "2 scripts in ./app/.next/static; absolute addresses: https://react.dev" in verdict.evidence[1].what


@pytest.mark.parametrize("url", ["http://localhost:8001", "http://shop-api", "http://shop-api.shop.svc", "http://shop.local"])
def test_a_frozen_address_fails(url: str) -> None:
    verdict = judge_calls(seen(addresses=[{"file": "./app/b.js", "url": url}]))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith(f"script ./app/b.js: found the address {url}")


@pytest.mark.parametrize("url", ["https://react.dev", "http://localhost", "http://shop-api-docs.org", "http://localhost:3000"])
def test_other_addresses_are_none_of_the_backends(url: str) -> None:
    assert not is_backends(url, BACKEND)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"calls": []}, "pages called nothing of the backend's"),
        ({"calls": [], "stopped": "click 'Add': gone"}, "the journey stopped: click 'Add': gone"),
        (
            {"calls": [{"method": "GET", "url": "http://api.shop.local/items", "status": 200}], "changed": None},
            "pages call http://api.shop.local: whether that follows the ConfigMap at run time was not tried",
        ),
        ({"loaded": []}, "pages loaded no script"),
        ({"scripts": []}, "no script was found in them"),
        ({"unknown": ["the scripts that are shipped could not be searched: no node"]}, "no node"),
    ],
)
def test_what_proves_too_little_cannot_be_told(changed: dict[str, Any], words: str) -> None:
    verdict = judge_calls(seen(**changed))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert words in verdict.reason


def test_a_variable_without_effect_fails() -> None:
    verdict = judge_calls(seen(changed={"variable": "API_URL", "origin": "http://other", "calls": ["http://shop.local/api/me"]}))
    assert verdict.outcome is Outcome.FAILED
    assert "with API_URL=http://other: found calls to http://shop.local/api/me" in verdict.reason


def test_a_first_page_that_calls_nothing_shows_nothing() -> None:
    silent = {"variable": "API_URL", "origin": "http://other", "calls": []}
    assert judge_calls(seen(changed=silent)).outcome is Outcome.PASSED, "relative paths are enough"
    calls = [{"method": "GET", "url": "http://api.shop.local/items", "status": 200}]
    verdict = judge_calls(seen(changed=silent, calls=calls))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "was not seen: with another API_URL the first page calls nothing" in verdict.reason


def test_pages_that_call_another_origin_pass_where_it_follows_the_variable() -> None:
    calls = [{"method": "GET", "url": "http://api.shop.local/items", "status": 200}]
    assert judge_calls(seen(calls=calls)).outcome is Outcome.PASSED


def test_without_a_variable_relative_calls_pass() -> None:
    assert judge_calls(seen(changed=None)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("path", "files", "folder"),
    [
        ("/_next/static/chunks/a.js", ["./app/node_modules/x/a.js", "./app/.next/static/chunks/a.js"], "./app/.next/static"),
        ("/assets/a.js", ["./usr/share/nginx/html/assets/a.js"], "./usr/share/nginx/html/assets"),
        ("/a.js", ["./srv/www/a.js"], "./srv/www"),
    ],
)
def test_the_folder_that_is_served(path: str, files: list[str], folder: str) -> None:
    assert folders_of([path], files) == [folder]


def test_folders_inside_others_are_searched_once() -> None:
    files = ["./srv/www/a.js", "./srv/www/static/b.js"]
    assert folders_of(["/a.js", "/static/b.js"], files) == ["./srv/www"]
    assert folders_of(["/c.js"], files) == []


def test_a_recorded_visit_passes(recorded: Callable[[str], Any]) -> None:
    verdict = judge_calls(recorded("calls"))
    assert verdict.outcome is Outcome.PASSED, verdict.reason
