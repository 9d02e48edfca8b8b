from collections.abc import Callable

import httpx

Say = Callable[..., dict]


def test_words_become_a_todo(user: httpx.Client, say: Say) -> None:
    answer = say("add water the plants")
    assert [(call["name"], call["ok"]) for call in answer["message"]["tool_calls"]] == [("add_task", True)]
    assert "water the plants" in [todo["title"] for todo in user.get("/api/todos").json()]


def test_the_list_is_told(user: httpx.Client, say: Say) -> None:
    title = user.post("/api/todos", json={"title": "sweep the yard"}).json()["title"]
    answer = say("list my tasks")
    assert [call["name"] for call in answer["message"]["tool_calls"]] == ["list_tasks"]
    assert title in answer["message"]["content"]


def test_a_conversation_is_kept_in_order(user: httpx.Client, say: Say) -> None:
    first = say("good morning")
    say("thank you", first["conversation_id"])
    messages = user.get(f"/api/conversations/{first['conversation_id']}/messages").json()
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert [message["content"] for message in messages[::2]] == ["good morning", "thank you"]


def test_a_conversation_can_be_deleted(user: httpx.Client, say: Say) -> None:
    conversation = say("good evening")["conversation_id"]
    assert conversation in [item["id"] for item in user.get("/api/conversations").json()]
    assert user.delete(f"/api/conversations/{conversation}").status_code == 204
    assert user.get(f"/api/conversations/{conversation}/messages").status_code == 404


def test_an_answer_comes_as_events(user: httpx.Client) -> None:
    answer = user.post("/api/chat", json={"message": "hello"}, headers={"Accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    assert (events[0], events[-1]) == ("conversation", "done")
    assert "delta" in events
