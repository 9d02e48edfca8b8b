"""Milestone 4: what the application does for its users. Each trial works for users of its own and disturbs nobody."""

from __future__ import annotations

from seatrial.marks import criterion, trial
from seatrial.trials.application import access, chat, login, mistakes

NEEDS = ("release", "ingress")


@criterion("M4-APP-01")
@trial(login.observe_login, needs=NEEDS)
def test_login_issues_a_working_jwt(observed, record):
    record(login.judge_login(observed))


@criterion("M4-APP-02")
@trial(access.observe_access, needs=NEEDS)
def test_protected_routes_demand_a_token_and_keep_users_apart(observed, record):
    record(access.judge_access(observed))


@criterion("M4-APP-04")
@trial(chat.observe_chat, needs=NEEDS)
def test_chat_answers_and_remembers_the_conversation(observed, record):
    record(chat.judge_chat(observed))


@criterion("M4-APP-05")
@trial(chat.observe_tools, needs=NEEDS)
def test_chat_calls_the_tools_with_real_effect(observed, record):
    record(chat.judge_tools(observed))


@criterion("M4-APP-08")
@trial(mistakes.observe_mistakes, needs=NEEDS)
def test_bad_requests_get_proper_errors(observed, record):
    record(mistakes.judge_mistakes(observed))
