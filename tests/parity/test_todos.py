import httpx


def test_a_todo_is_added_read_changed_and_deleted(user: httpx.Client) -> None:
    added = user.post("/api/todos", json={"title": "buy milk ü", "description": "a & <b>"})
    assert added.status_code == 201
    todo = added.json()
    assert (todo["title"], todo["description"], todo["completed"]) == ("buy milk ü", "a & <b>", False)
    path = f"/api/todos/{todo['id']}"
    assert user.get(path).json() == todo
    changed = user.patch(path, json={"title": "buy oat milk", "completed": True})
    assert changed.status_code == 200
    assert (user.get(path).json()["title"], user.get(path).json()["completed"]) == ("buy oat milk", True)
    assert user.delete(path).status_code == 204
    assert user.get(path).status_code == 404


def test_todos_are_listed_newest_first_in_parts(stranger: httpx.Client) -> None:
    titles = [f"errand {number}" for number in range(3)]
    for title in titles:
        assert stranger.post("/api/todos", json={"title": title}).status_code == 201
    listed = stranger.get("/api/todos")
    assert [todo["title"] for todo in listed.json()] == titles[::-1]
    assert listed.headers["x-total-count"] == "3"
    assert [todo["title"] for todo in stranger.get("/api/todos?limit=1&offset=1").json()] == ["errand 1"]


def test_another_users_todo_is_not_there(user: httpx.Client, stranger: httpx.Client) -> None:
    path = f"/api/todos/{user.post('/api/todos', json={'title': 'mine'}).json()['id']}"
    assert stranger.get(path).status_code == 404
    assert stranger.patch(path, json={"title": "taken"}).status_code == 404
    assert stranger.delete(path).status_code == 404
    assert user.get(path).json()["title"] == "mine"


def test_a_todo_needs_a_title(user: httpx.Client) -> None:
    answer = user.post("/api/todos", json={"description": "nothing else"})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_request"
