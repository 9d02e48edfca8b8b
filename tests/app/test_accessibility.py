"""What axe-core finds on each page, in both colour schemes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .application import Application
from .people import Person
from .programs import axe
from .workshop import Workshop

SERIOUS = ("serious", "critical")


@pytest.fixture(params=["light", "dark"])
def person(request: pytest.FixtureRequest, workshop: Workshop, people: Callable[..., Person]) -> Person:
    person = people(color_scheme=request.param, reduced_motion="reduce", expected=[502])
    # Before the page's own scripts: its content security policy would refuse a script that comes later.
    person.page.context.add_init_script(path=workshop.demand(axe))
    return person


def test_before_log_in(person: Person) -> None:
    for path in ("/", "/login", "/chat"):
        person.open(path)
        _judge(person, path)
    person.go_to_sign_up()
    _judge(person, "sign up")


def test_todos_and_chat(person: Person) -> None:
    person.sign_up()
    _judge(person, "empty")
    person.add("buy milk")
    person.add("rest")
    person.todo("rest").click()
    expect(person.todo("rest")).to_be_checked()
    person.say("what is open?")
    expect(person.log).to_contain_text("Your todos:")
    _judge(person, "todos")
    person.press("Edit buy milk")
    _judge(person, "editing")


def test_an_alert_on_a_phone(app: Application, person: Person) -> None:
    person.page.set_viewport_size({"width": 375, "height": 667})
    person.sign_up()
    _judge(person, "phone")
    app.model_fault(fail_status=500)
    person.open("/chat")
    person.say("add buy milk")
    expect(person.alert).to_be_visible()
    _judge(person, "alert")


def test_axe_sees_what_is_wrong(person: Person) -> None:
    person.open("/login")
    person.page.evaluate("document.querySelector('form').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        _judge(person, "broken")


def _judge(person: Person, where: str) -> None:
    person.picture(where.strip("/").replace(" ", "-") or "home")
    found = person.page.evaluate("async () => await axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe looked at nothing"
    told = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
    assert not told, f"on {where}:\n" + "\n".join(told)
