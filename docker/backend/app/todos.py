"""``/api/todos``: list, add, read, change and delete one's own todos."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response, status

from app.database import Session
from app.identity import UserId
from app.parameters import Limit, Offset, PathId
from app.schemas import TodoCreate, TodoPatch, TodoRead
from app.user_todos import UserTodos

router = APIRouter(prefix="/api/todos", tags=["todos"])


def _todos(session: Session, user_id: UserId) -> UserTodos:
    return UserTodos(session, user_id)


Todos = Annotated[UserTodos, Depends(_todos)]


@router.get("", response_model=list[TodoRead])
async def list_todos(todos: Todos, response: Response, limit: Limit = 100, offset: Offset = 0) -> Any:
    """Return todos, newest first; the header X-Total-Count says how many there are in all."""
    response.headers["X-Total-Count"] = str(await todos.count())
    return await todos.page(limit, offset)


@router.post("", response_model=TodoRead, status_code=status.HTTP_201_CREATED)
async def add_todo(todos: Todos, response: Response, body: TodoCreate) -> Any:
    """Add a todo; the header Location says where it is."""
    todo = await todos.add(body.title, body.description)
    response.headers["Location"] = f"{router.prefix}/{todo.id}"
    return todo


@router.get("/{todo_id}", response_model=TodoRead)
async def read_todo(todos: Todos, todo_id: PathId) -> Any:
    """Return one todo."""
    return await todos.read(todo_id)


@router.patch("/{todo_id}", response_model=TodoRead)
async def change_todo(todos: Todos, todo_id: PathId, body: TodoPatch) -> Any:
    """Change what the body names."""
    return await todos.change(todo_id, body.model_dump(exclude_unset=True))


@router.delete("/{todo_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_todo(todos: Todos, todo_id: PathId) -> None:
    """Delete a todo."""
    await todos.delete(todo_id)
