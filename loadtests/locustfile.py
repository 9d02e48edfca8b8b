"""Load on the Todo application: people who work on their lists, and people who open the page.

Read from the environment:
    LOAD_HOST_HEADER    Host header to send, such as ``todo.local``, where ``--host`` is an address; default: none of its own.
    LOAD_AUTHORIZATION  Authorization header to send, ``Bearer`` and the token of a user who signed up before: all share one, for
                        a password that is hashed for each of them would be the load. Without it nobody gets at any todo.
    LOAD_SEED           seed of choices and pauses; default 1. User n makes the same choices in the same order each time.

Run alone, with a stop time-out so that users finish what they are doing and clear up after themselves:
    LOAD_HOST_HEADER=todo.local LOAD_AUTHORIZATION="Bearer $TOKEN" locust -f loadtests/locustfile.py --headless --users 20 \\
        --run-time 30s --stop-timeout 10 --host http://127.0.0.1:8080
"""

from __future__ import annotations

import itertools
import os
import random
import re
from typing import Any

from locust import FastHttpUser, task

SEED = os.environ.get("LOAD_SEED", "1")
HOST_HEADER = os.environ.get("LOAD_HOST_HEADER", "")
AUTHORIZATION = os.environ.get("LOAD_AUTHORIZATION", "")
TODOS = "/api/todos"
MOST_TODOS = 20
"""A user's list stays this short, so that the database does not grow with the length of the run."""

ASSET = re.compile(r'(?:src|href)="(/_next/static/[^"]+)"')

_numbers = itertools.count(1)


class SeededUser(FastHttpUser):
    """A user whose choices and pauses come from a generator of its own."""

    abstract = True
    connection_timeout = 10.0
    network_timeout = 15.0

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.number = next(_numbers)
        self.random = random.Random(f"{SEED}/{self.number}")
        self.headers = {"Host": HOST_HEADER} if HOST_HEADER else {}

    def wait_time(self) -> float:
        """Seconds between two tasks."""
        return self.random.uniform(0.1, 0.5)


class ListKeeper(SeededUser):
    """Reads, adds, completes and deletes todos; touches only those that it made, and deletes them at the end."""

    weight = 4

    def on_start(self) -> None:
        self.own: list[int] = []
        if AUTHORIZATION:
            self.headers["Authorization"] = AUTHORIZATION

    def on_stop(self) -> None:
        while self.own:
            self._delete(self.own.pop())

    @task(6)
    def list_todos(self) -> None:
        with self.client.get(
            TODOS, params={"limit": 50}, name=f"GET {TODOS}", headers=self.headers, catch_response=True
        ) as answer:
            if answer.status_code == 200 and not isinstance(answer.json(), list):
                answer.failure("the list is not a list")

    @task(3)
    def add_todo(self) -> None:
        if len(self.own) >= MOST_TODOS:
            self.delete_todo()
            return
        title = f"load user {self.number}, {self.random.randrange(10**6):06d}"
        with self.client.post(
            TODOS,
            json={"title": title, "description": "made under load"},
            name=f"POST {TODOS}",
            headers=self.headers,
            catch_response=True,
        ) as answer:
            if answer.status_code != 201:
                answer.failure(f"status {answer.status_code} instead of 201")
            elif answer.json().get("title") != title:
                answer.failure("another todo came back than was sent")
            else:
                self.own.append(answer.json()["id"])

    @task(2)
    def complete_todo(self) -> None:
        if not self.own:
            return
        path = f"{TODOS}/{self.random.choice(self.own)}"
        with self.client.patch(
            path, json={"completed": True}, name=f"PATCH {TODOS}/[id]", headers=self.headers, catch_response=True
        ) as answer:
            if answer.status_code == 200 and answer.json().get("completed") is not True:
                answer.failure("the todo is not completed")

    @task(1)
    def delete_todo(self) -> None:
        if self.own:
            self._delete(self.own.pop(self.random.randrange(len(self.own))))

    def _delete(self, todo_id: int) -> None:
        self.client.delete(f"{TODOS}/{todo_id}", name=f"DELETE {TODOS}/[id]", headers=self.headers)


class Visitor(SeededUser):
    """Opens the page with the scripts and styles that it names, as a browser with an empty cache does."""

    weight = 1

    @task
    def open_page(self) -> None:
        page = self.client.get("/", name="GET /", headers=self.headers)
        for path in sorted(set(ASSET.findall(page.text or ""))):
            self.client.get(path, name="GET /_next/static/[file]", headers=self.headers)
