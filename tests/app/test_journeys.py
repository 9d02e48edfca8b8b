"""What people do on a good day. That something was done is read in the database, not only on the page."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Route, expect

from .application import Application
from .people import Person

People = Callable[..., Person]


@pytest.fixture
def title() -> str:
    """A title that no other todo has."""
    return f"buy milk {secrets.token_hex(4)}"


@pytest.mark.parametrize("path", ["/", "/login", "/chat"])
def test_document(app: Application, path: str) -> None:
    answer = httpx.get(app.url + path, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_sign_up(people: People) -> None:
    person = people()
    person.email = person.email.upper()
    person.sign_up()
    person.picture("todos")
    ((password_hash,),) = person.rows("select password_hash from users where email = '{}'", person.email.lower())
    assert password_hash.startswith("$argon2id$")
    (cookie,) = (cookie for cookie in person.page.context.cookies() if cookie["name"] == "todo_session")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert person.page.evaluate("document.cookie") == ""


def test_log_out_and_in(user: Person, title: str) -> None:
    user.add(title)
    user.log_out()
    user.picture("logged-out")
    user.open("/")
    expect(user.page.get_by_role("heading", name="Todos", exact=True)).to_have_count(0)
    expect(user.todo(title)).to_have_count(0)
    user.log_in()
    user.sees_todos()
    expect(user.todo(title)).to_be_visible()


def test_wrong_password(people: People) -> None:
    person = people(expected=[401])
    person.sign_up()
    person.log_out()
    person.log_in("not the password")
    expect(person.alert).to_be_visible()
    person.picture("alert")
    wrong = person.alert.inner_text()
    person.email = "nobody@example.org"
    person.log_in()
    expect(person.alert).to_have_text(wrong)


def test_taken_email(people: People) -> None:
    first = people()
    first.sign_up()
    second = people(expected=[409])
    second.email = first.email
    second.ask_for_account()
    expect(second.alert).to_be_visible()


def test_todos_by_form(user: Person, title: str) -> None:
    user.add(title)
    assert user.rows("select completed, email from todos join users on users.id = user_id where title = '{}'", title) == [
        ["f", user.email]
    ]
    user.open("/")
    expect(user.todo(title)).not_to_be_checked()

    user.todo(title).click()
    expect(user.todo(title)).to_be_checked()
    user.picture("completed")
    user.open("/")
    expect(user.todo(title)).to_be_checked()
    assert user.rows("select completed from todos where title = '{}'", title) == [["t"]]

    number, other = user.number(title), title.replace("milk", "oat milk")
    user.press(f"Edit {title}")
    user.page.get_by_label("Title", exact=True).fill(other)
    user.picture("editing")
    user.press("Save")
    expect(user.todo(other)).to_be_checked()
    assert user.rows("select title, completed from todos where id = {}", number) == [[other, "t"]]

    user.press(f"Delete {other}")
    expect(user.todo(other)).to_have_count(0)
    user.open("/")
    expect(user.todo(other)).to_have_count(0)
    assert user.rows("select id from todos where id = {}", number) == []


def test_before_the_script_runs(user: Person, title: str) -> None:
    """As on a slow machine: what is typed stays, and no button is pressed in vain."""
    held: list[Route] | None = []
    user.page.route("**/_next/static/**/*.js", lambda route: route.continue_() if held is None else held.append(route))
    user.page.goto("/", wait_until="commit")
    buttons = [user.page.get_by_role("button", name=name, exact=True) for name in ("Add", "Send", "Log out")]
    user.page.get_by_label("New todo", exact=True).fill(title)
    user.page.get_by_label("Message", exact=True).fill("what is open?")
    for button in buttons:
        expect(button).to_be_disabled()

    assert held, "the page has no script"
    scripts, held = held, None
    for script in scripts:
        script.continue_()
    user.press("Add")
    expect(user.todo(title)).to_be_visible()
    user.press("Send")
    expect(user.log).to_contain_text(title)
    expect(buttons[2]).to_be_enabled()


def test_todos_by_chat(user: Person, title: str) -> None:
    user.say(f"add {title}")
    expect(user.log).to_contain_text("I added")
    expect(user.todo(title)).to_be_visible()
    number = user.number(title)
    user.picture("added")

    user.say("what is open?")
    expect(user.log).to_contain_text(f"Your todos: {number}, “{title}”.")

    user.say(f"{number} is done")
    expect(user.log).to_contain_text("Done:")
    expect(user.todo(title)).to_be_checked()
    assert user.rows("select completed from todos where id = {}", number) == [["t"]]

    other = title.replace("milk", "oat milk")
    user.say(f"rename {number} to {other}")
    expect(user.log).to_contain_text("I changed")
    expect(user.todo(other)).to_be_checked()
    assert user.rows("select title from todos where id = {}", number) == [[other]]

    user.say(f"delete {number}")
    expect(user.log).to_contain_text("I deleted")
    expect(user.todo(other)).to_have_count(0)
    assert user.rows("select id from todos where id = {}", number) == []
    assert _tools(user) == ["add_task", "list_tasks", "complete_task", "update_task", "delete_task"]


def test_talk_calls_no_tool(user: Person) -> None:
    user.say("hello")
    expect(user.log).to_contain_text("I look after your todos.")
    assert _tools(user) == []


def test_chat_is_still_there_later(user: Person, title: str) -> None:
    user.say(f"add {title}")
    expect(user.log).to_contain_text("I added")
    user.open("/chat")
    expect(user.log).to_contain_text(f"add {title}")
    expect(user.log).to_contain_text("I added")
    user.say("what is open?")
    expect(user.log).to_contain_text("Your todos:")
    assert user.rows("select count(distinct conversation_id), count(*) from messages join conversations on conversations.id ="
        " conversation_id join users on users.id = user_id where email = '{}'", user.email) == [["1", "4"]]  # fmt: skip


def test_users_are_kept_apart(people: People, title: str) -> None:
    ada, bob = people(), people(expected=[404])
    ada.sign_up()
    bob.sign_up()
    ada.add(title)
    ada.say("what is open?")
    expect(ada.log).to_contain_text(title)
    number = ada.number(title)
    ((conversation,),) = ada.rows(
        "select conversations.id from conversations join users on users.id = user_id where email = '{}'", ada.email
    )

    bob.open("/")
    expect(bob.todo(title)).to_have_count(0)
    bob.say("what is open?")
    expect(bob.log).to_contain_text("There is nothing on that list.")
    for order in (f"delete {number}", f"{number} is done", f"rename {number} to mine"):
        bob.say(order)
        expect(bob.log).to_contain_text(order)
        expect(bob.page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    for method, path in (
        ("GET", f"/api/todos/{number}"),
        ("DELETE", f"/api/todos/{number}"),
        ("GET", f"/api/conversations/{conversation}/messages"),
        ("DELETE", f"/api/conversations/{conversation}"),
    ):
        assert bob.page.evaluate("async ([method, path]) => (await fetch(path, {method})).status", [method, path]) == 404
    assert ada.rows("select title, completed from todos where id = {}", number) == [[title, "f"]]
    ada.open("/")
    expect(ada.todo(title)).not_to_be_checked()
    expect(ada.log).to_contain_text("what is open?")


def test_injected_text_is_text(user: Person, title: str) -> None:
    titles = [
        f"<img src=x onerror=console.error(1)> {title}",
        f"{title}'); drop table todos; --",
        f"{{{{7*7}}}} ${{7*7}} {title}",
    ]
    for injected in titles:
        user.add(injected)
    user.say("what is open?")
    for injected in titles:
        expect(user.log).to_contain_text(injected)
    user.open("/")
    for injected in titles:
        expect(user.todo(injected)).to_be_visible()
        expect(user.log).to_contain_text(injected)
    expect(user.page.locator("img")).to_have_count(0)
    query = "select title from todos join users on users.id = user_id where email = '{}' order by todos.id"
    assert user.rows(query, user.email) == [[injected] for injected in titles]


def test_on_a_phone(people: People, title: str) -> None:
    person = people(viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True)
    person.sign_up()
    person.add(title)
    person.picture("todos")
    person.open("/chat")
    person.say("what is open?")
    expect(person.log).to_contain_text(title)
    person.picture("chat")
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 375


def test_by_keyboard(user: Person, title: str) -> None:
    keyboard = user.page.keyboard
    user.page.get_by_label("New todo", exact=True).focus()
    keyboard.type(title)
    keyboard.press("Enter")
    expect(user.todo(title)).to_be_visible()
    user.todo(title).focus()
    keyboard.press("Space")
    expect(user.todo(title)).to_be_checked()
    user.page.get_by_label("Message", exact=True).focus()
    keyboard.type("what is done?")
    keyboard.press("Enter")
    expect(user.log).to_contain_text("(done)")


def _tools(person: Person) -> list[str]:
    """Names of the tools that ran in a person's chats, in order, as they are stored."""
    query = (
        "select call->>'name' from messages join conversations on conversations.id = conversation_id join users on users.id = user_id"
        " cross join jsonb_array_elements(tool_calls) as call where email = '{}' and (call->>'ok')::boolean order by messages.id"
    )
    return [name for (name,) in person.rows(query, person.email)]
