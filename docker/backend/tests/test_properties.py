"""What must hold whatever is sent, said or made up."""

from __future__ import annotations

import json
from typing import Any

from fake_model import FakeModel, calls, says
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from users import SECRET, User, sign_up

from app.agent import UNKNOWN
from app.schemas import LARGEST_ID
from app.tokens import Tokens
from app.tools import TOOLS

bounded = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

titles = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200).filter(str.strip)
descriptions = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


class TwoLists(RuleBasedStateMachine):
    """Two users' todos against two dictionaries."""

    client: TestClient
    number = 0

    @initialize()
    def sign_up(self) -> None:
        type(self).number += 1
        self.users = [sign_up(self.client, f"user{self.number}.{which}@example.com") for which in (0, 1)]
        self.known: list[dict[int, Any]] = [{}, {}]

    def ask(self, who: int, method: str, path: str, body: Any = None) -> Any:
        return self.client.request(method, f"/api/todos{path}", json=body, headers=self.users[who].headers)

    @rule(who=st.integers(0, 1), title=titles, description=descriptions)
    def add(self, who: int, title: str, description: str | None) -> None:
        answer = self.ask(who, "POST", "", {"title": title, "description": description})
        assert answer.status_code == 201, answer.text
        assert answer.json()["title"] in title
        assert answer.json()["description"] == description
        self.known[who][answer.json()["id"]] = answer.json()

    @rule(who=st.integers(0, 1), which=st.integers(0, 5), changes=st.fixed_dictionaries({}, optional={
        "title": titles, "description": descriptions, "completed": st.booleans()}))  # fmt: skip
    def change(self, who: int, which: int, changes: dict[str, Any]) -> None:
        for todo_id, owner in self.some(which):
            answer = self.ask(who, "PATCH", f"/{todo_id}", changes)
            assert answer.status_code == (200 if owner == who else 404)
            if owner == who:
                self.known[who][todo_id] = answer.json()
                assert {key: answer.json()[key] for key in changes if key != "title"} == {
                    key: value for key, value in changes.items() if key != "title"
                }

    @rule(who=st.integers(0, 1), which=st.integers(0, 5))
    def delete(self, who: int, which: int) -> None:
        for todo_id, owner in self.some(which):
            assert self.ask(who, "DELETE", f"/{todo_id}").status_code == (204 if owner == who else 404)
            if owner == who:
                del self.known[who][todo_id]

    def some(self, which: int) -> list[tuple[int, int]]:
        """A todo of either user, and whose it is; none where there is none."""
        every = [(todo_id, owner) for owner in (0, 1) for todo_id in self.known[owner]]
        return every[which % len(every) :][:1] if every else []

    @invariant()
    def lists_are_as_known(self) -> None:
        for who in range(len(getattr(self, "users", []))):
            found = self.ask(who, "GET", "").json()
            assert found == sorted(self.known[who].values(), key=lambda todo: -todo["id"])


def test_two_users_todos(anonymous: TestClient) -> None:
    TwoLists.client = anonymous
    run_state_machine_as_test(TwoLists, settings=settings(bounded, max_examples=8, stateful_step_count=20))


@bounded
@given(
    name=st.sampled_from([*TOOLS, "made_up"]) | st.text(max_size=20),
    arguments=st.dictionaries(st.sampled_from(["title", "id", "status", "description"]) | st.text(), anything, max_size=4)
    | anything
    | st.text(),
    words=st.text(min_size=1, max_size=50),
)
def test_whatever_the_model_makes_up(client: TestClient, model: FakeModel, name: str, arguments: Any, words: str) -> None:
    """It is answered, what happened is told and stored, and the next turn goes on."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    model.will(calls((name, written)), says(words), says("Yes."))
    answer = client.post("/api/chat", json={"message": "do something"})
    assert answer.status_code == 200, answer.text
    conversation, message = answer.json()["conversation_id"], answer.json()["message"]
    (call,) = message["tool_calls"]
    assert call["ok"] is (isinstance(call["result"], dict) and "error" not in call["result"])
    assert call["result"] != UNKNOWN
    assert client.get(f"/api/conversations/{conversation}/messages").json()[1] == message
    assert client.post("/api/chat", json={"message": "again", "conversation_id": conversation}).status_code == 200
    assert client.delete(f"/api/conversations/{conversation}").status_code == 204


@bounded
@given(message=st.text(min_size=1, max_size=100))
def test_what_is_said_is_stored_as_it_was_said_or_refused(client: TestClient, model: FakeModel, message: str) -> None:
    model.answers = type(model.answers)()
    model.will(says("Yes."))
    answer = client.post("/api/chat", content=json.dumps({"message": message}), headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        stored = client.get(f"/api/conversations/{answer.json()['conversation_id']}/messages").json()
        assert stored[0]["content"] == message
        assert model.last[-1] == {"role": "user", "content": message}


@bounded
@given(st.integers(1, LARGEST_ID))
def test_a_token_says_whose_it_is(user_id: int) -> None:
    assert Tokens(SECRET, 1).user_id(Tokens(SECRET, 1).issue(user_id)) == user_id
    assert Tokens(SECRET + "x", 1).user_id(Tokens(SECRET, 1).issue(user_id)) is None


@bounded
@given(st.text() | st.lists(st.text("abcABC123-_="), min_size=3, max_size=3).map(".".join))
def test_made_up_tokens_do_not_count(token: str) -> None:
    assert Tokens(SECRET, 1).user_id(token) is None


@bounded
@given(place=st.integers(0, 200), character=st.sampled_from("abcXYZ019-_"))
def test_a_token_with_another_character_does_not_count(place: int, character: str, user: User) -> None:
    place %= len(user.token) - 1  # the last character holds bits that mean nothing
    changed = user.token[:place] + character + user.token[place + 1 :]
    if changed != user.token:
        assert user.client.get("/api/todos", headers={"Authorization": f"Bearer {changed}"}).status_code == 401
