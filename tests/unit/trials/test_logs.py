from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from seatrial.app import Harmless, Logs
from seatrial.trials.logs import (
    error_in,
    errors_in,
    judge_quiet,
    judge_retrievable,
    judge_structured,
    leaks,
    level_of,
    read_line,
    structure,
)
from seatrial.trials.sensitive import Sensitive
from seatrial.verdict import Outcome

PASSWORD = "Zf3-xyQ9_kLmN2pR"
LINE = '{"timestamp": "2026-01-01T00:00:00Z", "level": "INFO", "message": "GET /api 200"}'


def log(**changes: Any) -> dict[str, Any]:
    base = {"component": "api", "pod": "api-1", "container": "api", "init": False, "previous": False, "lines": 3, "error": ""}
    return {**base, **changes}


def backend(**changes: Any) -> dict[str, Any]:
    level = {"variable": "LOG_LEVEL", "value": "info"}
    return {**log(lines=200), "parsed": 200, "wrong": {}, "levels": {"info": 200}, "level": level, **changes}


def seen(**changes: Any) -> dict[str, Any]:
    base = {
        "marker": {
            "text": "seatrial-1",
            "asked": ["api: status 404"],
            "found": ["Pod api-1 / container api"],
            "seconds": 0.6,
            "limit": 30.0,
        },
        "logs": [log(), log(previous=True), log(pod="db-0", container="db")],
        "backend": [backend()],
        "leaks": [],
        "searched": 7,
        "parsed_limit": 99.0,
        "roles": {"api": "backend"},
    }
    return {**base, **changes}


def marker(**changes: Any) -> dict[str, Any]:
    return {"marker": {**seen()["marker"], **changes}}


def test_logs_that_were_read_on_a_cluster_pass(recorded: Callable[[str], Any]) -> None:
    assert judge_retrievable(recorded("logs")).outcome is Outcome.PASSED
    assert judge_structured(recorded("logs")).outcome is Outcome.PASSED


def test_logs_that_can_be_read_and_tell_pass() -> None:
    verdict = judge_retrievable(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    assert "1 of them of containers' previous lives" in verdict.evidence[-1].what


def test_where_nobody_serves_logs_are_read_and_no_request_is_looked_for() -> None:
    verdict = judge_retrievable(seen(marker=None, backend=[]))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    assert "no request was looked for" in verdict.evidence[0].what


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"logs": [log(error="gone", previous=True)]}, "the log of its previous life cannot be read: gone"),
        (marker(found=[]), "no line in a frontend's or backend's log within 30 s"),
        (
            {"backend": [backend(levels={"debug": 7, "info": 1})]},
            "7 lines of level debug, wanted none below info, as LOG_LEVEL of",
        ),
        ({"logs": []}, "Nothing to judge"),
    ],
)
def test_logs_that_do_not_tell_fail(changes: dict[str, Any], words: str) -> None:
    verdict = judge_retrievable(seen(**changes))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_where_nobody_answered_nothing_is_known() -> None:
    assert judge_retrievable(seen(**marker(asked=["api: ConnectError"], found=[]))).outcome is Outcome.INCONCLUSIVE


def test_a_level_that_is_not_configured_is_left_alone() -> None:
    odd = [
        backend(levels={"debug": 7}, level={"variable": "", "value": ""}),
        backend(levels={"debug": 7, "audit": 2, "error": 1}),
    ]
    assert judge_retrievable(seen(backend=odd[:1])).outcome is Outcome.PASSED
    odd[1]["level"] = {"variable": "LOG_LEVEL", "value": "debug"}
    assert judge_retrievable(seen(backend=odd[1:])).outcome is Outcome.PASSED


# M5-LOG-02


def test_structured_logs_without_secrets_pass() -> None:
    verdict = judge_structured(seen(backend=[backend(parsed=198, wrong={"no JSON": 2})]))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 200)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"backend": [backend(parsed=197, wrong={"no JSON": 3})]},
            "98.5 % of 200 lines (3 lines are no JSON), wanted at least 99 %",
        ),
        (
            {"leaks": [{"what": "an API key", "where": "Pod api-1 / container api", "count": 2}]},
            "found an API key in 2 of its lines",
        ),
        ({"backend": []}, "Nothing to judge"),
    ],
)
def test_others_fail(changes: dict[str, Any], words: str) -> None:
    verdict = judge_structured(seen(**changes))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_lines_of_all_pods_count_together() -> None:
    few = backend(pod="api-2", lines=5, parsed=4, wrong={"no JSON": 1})
    assert judge_structured(seen(backend=[backend(), few])).outcome is Outcome.PASSED
    assert "most of all Pod api-2" in judge_structured(seen(backend=[few, backend(lines=5, parsed=5)])).reason


def test_what_was_not_read_proves_nothing() -> None:
    assert judge_structured(seen(logs=[log(error="gone")])).outcome is Outcome.INCONCLUSIVE
    assert judge_structured(seen(**marker(found=[]))).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("line", "trouble", "level"),
    [
        (LINE, "", "info"),
        ('{"time": 1767225600000, "level": 30, "msg": "pino"}', "", "info"),
        ('{"@timestamp": "x", "log.level": "ERROR", "message": "ecs"}', "", "error"),
        ('{"ts": 1.5, "severity": "NOTICE", "event": "structlog"}', "", "info"),
        ('{"level": "info", "message": ""}', "without timestamp, message", "info"),
        ("INFO: started", "no JSON", ""),
        ("[1]", "no JSON object", ""),
    ],
)
def test_a_line(line: str, trouble: str, level: str) -> None:
    assert read_line(line) == (trouble, level)


def test_lines_are_counted_by_kind() -> None:
    found = structure([LINE, "plain", LINE.replace("INFO", "debug")])
    assert found == {"lines": 3, "parsed": 2, "wrong": {"no JSON": 1}, "levels": {"info": 1, "debug": 1}}
    assert [level_of(text) for text in ("WARN", "Fatal", "trace")] == ["warning", "critical", "trace"]


def test_a_declared_format_takes_the_place_of_json() -> None:
    declared = r"(?P<timestamp>\S+) (?P<level>[A-Z]*) (?P<message>.*)"
    found = structure(["12:00 WARN slow", LINE, "12:01  nobody"], declared)
    assert found["wrong"] == {"of another format than log_format": 1, "without level": 1}
    assert found["levels"] == {"warning": 1}


def test_leaks_are_told_without_what_leaked() -> None:
    url = f"postgresql://todo:{PASSWORD}@db:5432/todo"
    values = [
        Sensitive("Secret s / DATABASE_URL", url),
        Sensitive("Secret s / PASSWORD", PASSWORD),
        Sensitive("Secret s / W", "todo"),
    ]
    text = "\n".join([LINE, f"connecting to {url}", f"again {url}", f"password {PASSWORD}", "todo", "GET /todo"])
    found = leaks(log(), text, values)
    assert [(leak["what"], leak["count"]) for leak in found] == [
        ("the value of Secret s / DATABASE_URL", 2),
        ("the value of Secret s / PASSWORD", 1),
    ]
    assert PASSWORD not in json.dumps(found)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("redis://:hunter2hunter2@cache:6379", "a connection string with a password"),
        ("key sk-abcdefghijklmnopqrstuv", "an API key"),
        ("Bearer eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", "a whole token"),
        ("postgresql://todo:***@db:5432/todo", None),
        ("http://backend:8001/api", None),
    ],
)
def test_what_looks_like_a_credential_is_a_leak_whosoever_it_is(line: str, what: str | None) -> None:
    assert [leak["what"] for leak in leaks(log(), line, [])] == ([what] if what else [])


# M5-LOG-03


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (LINE, ""),
        (LINE.replace("INFO", "ERROR"), "level error"),
        (LINE.replace("INFO", "WARNING").replace("GET", "Traceback (most recent call last)"), ""),
        ('{"level": 60, "msg": "x"}', "level critical"),
        ('2026-01-01 12:00:00.000 UTC [31] ERROR:  relation "x" does not exist', "level error"),
        ("2026-01-01 12:00:00.000 UTC [31] FATAL:  the database system is starting up", "level fatal"),
        ("2026-01-01 12:00:00.000 UTC [31] LOG:  checkpoint complete: no ERROR at all", ""),
        ("[ERROR] boom", "level error"),
        ("Traceback (most recent call last):", "an unhandled error"),
        (" ⨯ UnhandledPromiseRejection: x", "an unhandled error"),
        ("GET /error 200", ""),
    ],
)
def test_lines_that_tell_of_errors(line: str, kind: str) -> None:
    assert error_in(line) == kind


def quiet(**changes: Any) -> dict[str, Any]:
    watched = {"parts": ["api"], "reasons": {}, "watched": 61.0, "idle": 60.0}
    return {"logs": [{**log(**changes), "errors": {}, "shown": [], "harmless": {}, **changes}], **watched}


def test_what_was_seen_on_a_cluster_passes(recorded: Callable[[str], Any]) -> None:
    assert judge_quiet(recorded("quiet")).outcome is Outcome.PASSED


def test_quiet_logs_pass_and_errors_fail() -> None:
    verdict = judge_quiet(quiet())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    bad = judge_quiet(quiet(errors={"level error": 2}, shown=["ERROR boom"], previous=True))
    assert bad.outcome is Outcome.FAILED
    assert "(its previous life): found 2 lines of level error, the first: ERROR boom" in bad.reason
    assert judge_quiet({**quiet(), "logs": []}).outcome is Outcome.FAILED


def test_a_part_without_any_log_is_not_taken_for_a_quiet_one() -> None:
    for verdict in (
        judge_quiet({**quiet(), "parts": ["api", "database"]}),
        judge_retrievable(seen(roles={"api": "backend", "database": "database"})),
        judge_structured(seen(roles={"api": "backend", "database": "database"})),
    ):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "component database has no log that could be read" in verdict.reason


def test_a_window_that_was_too_short_tells_nothing() -> None:
    assert judge_quiet({**quiet(), "watched": 12.0}).outcome is Outcome.INCONCLUSIVE
    assert judge_quiet(quiet(error="gone")).outcome is Outcome.INCONCLUSIVE
    found = {"lines": 5, "errors": {"level error": 5}, "shown": ["ERROR a"] * 3, "harmless": {}}
    assert errors_in(["ERROR a"] * 5, Logs()) == found


CACHE, REASON = "cache is (cold|not configured)", "the cache is filled by the first user"
DECLARED = Logs(errors=("gave up after",), harmless=(Harmless(pattern=CACHE, reason=REASON),))


def test_declared_errors_count_beside_all_others_whatever_their_level() -> None:
    structured = LINE.replace("GET", "gave up after 3 tries")
    found = errors_in([LINE, structured, "LOG: gave up after 3 tries", "ERROR boom"], DECLARED)
    assert found["errors"] == {"the declared error 'gave up after'": 2, "level error": 1}
    assert found["shown"][0] == structured
    verdict = judge_quiet(quiet(**{key: found[key] for key in ("errors", "shown", "harmless")}))
    assert verdict.outcome is Outcome.FAILED
    assert "2 lines of the declared error 'gave up after', 1 lines of level error, the first: " in verdict.reason


def test_declared_harmless_lines_are_no_errors_and_are_told_with_their_reason() -> None:
    found = errors_in(
        ["ERROR the cache is cold", "LOG the cache is cold", "ERROR boom", "ERROR cache is not configured"], DECLARED
    )
    assert found == {"lines": 4, "errors": {"level error": 1}, "shown": ["ERROR boom"], "harmless": {CACHE: 2}}
    verdict = judge_quiet({**quiet(harmless={CACHE: 2}), "reasons": {CACHE: REASON}})
    assert verdict.outcome is Outcome.PASSED
    told = [evidence.what for evidence in verdict.evidence]
    assert f"2 lines with {CACHE!r} are harmless by logs.harmless of seatrial.yaml: {REASON}" in told


def test_a_declared_harmless_line_that_is_in_no_log_is_told() -> None:
    told = [evidence.what for evidence in judge_quiet({**quiet(), "reasons": {CACHE: REASON}}).evidence]
    assert f"no line that looks like an error has {CACHE!r} of logs.harmless in seatrial.yaml: it may be out of date" in told
