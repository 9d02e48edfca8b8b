"""What people see when the model is slow, fails or is gone: a clear message, and nothing is lost."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .application import MODEL_TIMEOUT_SECONDS, Application
from .people import Person

People = Callable[..., Person]
REFUSALS = (502, 503, 504)


@pytest.fixture
def user(people: People) -> Person:
    """Somebody who has signed up, and whose browser may report that the model does not answer."""
    person = people(expected=REFUSALS)
    person.sign_up()
    return person


def test_a_slow_model_is_waited_for(app: Application, user: Person) -> None:
    title = f"wait {secrets.token_hex(4)}"
    app.model_fault(delay_ms=3000)
    user.say(f"add {title}")
    expect(user.log).to_contain_text(f"add {title}")
    user.picture("waiting")
    expect(user.log).not_to_contain_text("I added", timeout=1)
    assert _todos(user, title) == 0
    expect(user.log).to_contain_text("I added")
    expect(user.alert).to_have_count(0)
    assert _todos(user, title) == 1


@pytest.mark.parametrize("fault", [{"fail_status": 500}, {"fail_status": 429}, {"hang": True}], ids=["500", "429", "hangs"])
def test_a_model_that_fails(app: Application, user: Person, fault: dict[str, object]) -> None:
    title = f"survive {secrets.token_hex(4)}"
    app.model_fault(**fault)
    _is_told_and_goes_on(user, title, app.model_fault)


def test_a_model_that_is_gone(app: Application, user: Person) -> None:
    title = f"survive {secrets.token_hex(4)}"
    app.model.stop()
    try:
        _is_told_and_goes_on(user, title, app.model.start)
    finally:
        app.model.start()


def test_a_model_that_fails_after_the_tool_ran(app: Application, user: Person) -> None:
    title = f"once {secrets.token_hex(4)}"
    app.model_fault(delay_ms=1500)
    user.say(f"add {title}")
    _wait_until_stored(user, f"add {title}")
    time.sleep(0.5)  # by now the model has the question, and a fault meets only what comes next
    app.model_fault(fail_status=500)
    expect(user.alert).to_be_visible()
    user.picture("alert")
    expect(user.todo(title)).to_be_visible()
    app.model_fault()
    user.say("what is open?")
    expect(user.log).to_contain_text(f"“{title}”")
    assert _todos(user, title) == 1


def test_a_backend_that_is_gone(app: Application, user: Person) -> None:
    title = f"keep {secrets.token_hex(4)}"
    new_todo, message = (user.page.get_by_label(name, exact=True) for name in ("New todo", "Message"))
    app.backend.stop()
    try:
        new_todo.fill(title)
        user.press("Add")
        expect(user.alert).to_be_visible()
        user.say(f"add {title}")
        expect(user.alert).to_have_count(2)
        user.picture("alerts")
        expect(new_todo).to_have_value(title)
        expect(message).to_have_value(f"add {title}")
    finally:
        app.backend.start()
    user.press("Add")
    expect(user.todo(title)).to_be_visible()
    user.say("what is open?")
    expect(user.log).to_contain_text(f"“{title}”")
    assert _todos(user, title) == 1


def _is_told_and_goes_on(user: Person, title: str, mend: Callable[[], None]) -> None:
    began = time.monotonic()
    user.say(f"add {title}")
    expect(user.alert).to_be_visible()
    assert time.monotonic() - began < MODEL_TIMEOUT_SECONDS + 3
    user.picture("alert")
    assert len(user.alert.inner_text().split()) >= 4, "a sentence"
    expect(user.log).to_contain_text(f"add {title}")
    assert _stored(user, f"add {title}") == 1
    assert _todos(user, title) == 0

    mend()
    user.open("/")
    expect(user.log).to_contain_text(f"add {title}")
    user.say(f"add {title}")
    expect(user.log).to_contain_text("I added")
    expect(user.alert).to_have_count(0)
    expect(user.todo(title)).to_be_visible()
    assert _todos(user, title) == 1
    query = "select count(*) from conversations join users on users.id = user_id where email = '{}'"
    assert user.rows(query, user.email) == [["1"]]


def _todos(user: Person, title: str) -> int:
    ((count,),) = user.rows("select count(*) from todos where title = '{}'", title)
    return int(count)


def _stored(user: Person, content: str) -> int:
    ((count,),) = user.rows("select count(*) from messages where role = 'user' and content = '{}'", content)
    return int(count)


def _wait_until_stored(user: Person, content: str) -> None:
    deadline = time.monotonic() + 5
    while not _stored(user, content):
        assert time.monotonic() < deadline, "the message was not stored before the model was asked"
