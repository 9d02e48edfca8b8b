"""The tools that work on one user's todos: what they are called, what they take and what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from app.models import Todo
from app.schemas import Body, Description, Id, Title, TodoChanges
from app.user_todos import UserTodos

MOST_LISTED = 100
"""Todos in one answer: a model reads every word of it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        name: as models call it.
        arguments: what it takes; the docstring tells models what it does.
        run: does it, and returns what models are told. Raises ApiError where it cannot be done.
        reads: whether it changes nothing.
        destroys: whether something is lost by it.
    """

    name: str
    arguments: type[Body]
    run: Callable[[UserTodos, Any], Awaitable[dict[str, Any]]]
    reads: bool = False
    destroys: bool = False


class AddTask(Body):
    """Add a todo to the user's list."""

    title: Title
    description: Description | None = None


class ListTasks(Body):
    """List the user's todos with their ids, newest first: those that are open, those that are done, or all."""

    status: Literal["open", "done", "all"] = "all"


class CompleteTask(Body):
    """Mark a todo as done."""

    id: Id


class UpdateTask(TodoChanges):
    """Change the title or the description of a todo; what is left out stays as it is."""

    id: Id


class DeleteTask(Body):
    """Delete a todo for good."""

    id: Id


async def _add(todos: UserTodos, wish: AddTask) -> dict[str, Any]:
    return _told(await todos.add(wish.title, wish.description))


async def _list(todos: UserTodos, wish: ListTasks) -> dict[str, Any]:
    completed = None if wish.status == "all" else wish.status == "done"
    found = await todos.page(MOST_LISTED, completed=completed)
    left_out = await todos.count(completed) - len(found) if len(found) == MOST_LISTED else 0
    return {"todos": list(map(_told, found))} | ({"left_out": left_out} if left_out else {})


async def _complete(todos: UserTodos, wish: CompleteTask) -> dict[str, Any]:
    return _told(await todos.change(wish.id, {"completed": True}))


async def _update(todos: UserTodos, wish: UpdateTask) -> dict[str, Any]:
    return _told(await todos.change(wish.id, wish.model_dump(exclude_unset=True, exclude={"id"})))


async def _delete(todos: UserTodos, wish: DeleteTask) -> dict[str, Any]:
    return _told(await todos.delete(wish.id))


def _told(todo: Todo) -> dict[str, Any]:
    return {"id": todo.id, "title": todo.title, "description": todo.description, "completed": todo.completed}


def _by_name(tools: Iterable[Tool]) -> dict[str, Tool]:
    return {tool.name: tool for tool in tools}


TOOLS = _by_name(
    [
        Tool("add_task", AddTask, _add),
        Tool("list_tasks", ListTasks, _list, reads=True),
        Tool("complete_task", CompleteTask, _complete),
        Tool("update_task", UpdateTask, _update),
        Tool("delete_task", DeleteTask, _delete, destroys=True),
    ]
)
