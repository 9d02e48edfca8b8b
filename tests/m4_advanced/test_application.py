"""Milestone 4: what the application does for its users. Each trial works for users of its own; all but the outages disturb nobody."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials import persistence
from seatrial.trials.application import access, browser, chat, cors, login, mistakes, outages, pages, parity, todos

NEEDS = ("release", "edge")
BROWSER = (*NEEDS, "browser")


@criterion("M4-APP-01")
@trial(login.observe_login, needs=NEEDS)
def test_login_issues_a_working_jwt(observed, record):
    record(login.judge_login(observed))


@criterion("M4-APP-02")
@trial(access.observe_access, needs=NEEDS)
def test_protected_routes_demand_a_token_and_keep_users_apart(observed, record):
    record(access.judge_access(observed))


@criterion("M4-APP-03")
@trial(todos.observe_todos, needs=BROWSER)
def test_todos_can_be_created_listed_updated_completed_and_deleted(observed, record):
    record(todos.judge_todos(observed))


@criterion("M4-APP-04")
@trial(chat.observe_chat, needs=NEEDS)
def test_chat_answers_and_remembers_the_conversation(observed, record):
    record(chat.judge_chat(observed))


@criterion("M4-APP-05")
@trial(chat.observe_tools, needs=NEEDS)
def test_chat_calls_the_tools_with_real_effect(observed, record):
    record(chat.judge_tools(observed))


@criterion("M4-APP-06")
@trial(cors.observe_cors, needs=BROWSER)
def test_the_own_origin_is_let_in_and_no_other(observed, record):
    record(cors.judge_cors(observed))


@criterion("M4-APP-07")
@trial(browser.observe_browser, needs=BROWSER)
def test_pages_load_with_a_clean_console(observed, record):
    record(pages.judge_pages(observed))


@criterion("M4-APP-08")
@trial(mistakes.observe_mistakes, needs=NEEDS)
def test_bad_requests_get_proper_errors(observed, record):
    record(mistakes.judge_mistakes(observed))


@criterion("M4-APP-09")
@trial(persistence.observe_outage, needs=NEEDS, disturbs="node")
def test_outages_of_dependencies_are_survived(observed, record):
    record(outages.judge_outages(observed["users"]))


@criterion("M4-APP-10")
@trial(parity.observe_parity, needs=NEEDS)
def test_every_feature_is_still_there(observed, record):
    record(parity.judge_parity(observed))
