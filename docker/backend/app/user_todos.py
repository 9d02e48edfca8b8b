"""One user's todos, for the REST API and for the assistant's tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ApiError, unauthorized
from app.models import Todo


class UserTodos:
    """Reads and changes what belongs to one user; everything else does not exist here.

    Args:
        session: each change is committed.
        user_id: whose todos.
    """

    def __init__(self, session: AsyncSession, user_id: int) -> None:
        self._session = session
        self._user_id = user_id

    async def count(self, completed: bool | None = None) -> int:
        """Return how many there are; ``completed`` counts only those that are, or are not."""
        return await self._session.scalar(select(func.count()).select_from(Todo).where(*self._which(completed))) or 0

    async def page(self, limit: int, offset: int = 0, completed: bool | None = None) -> Sequence[Todo]:
        """Return todos, newest first."""
        found = select(Todo).where(*self._which(completed)).order_by(Todo.id.desc()).limit(limit).offset(offset)
        return (await self._session.scalars(found)).all()

    async def add(self, title: str, description: str | None) -> Todo:
        """Add a todo.

        Raises:
            ApiError: 401, the user is gone.
        """
        todo = Todo(user_id=self._user_id, title=title, description=description)
        self._session.add(todo)
        try:
            await self._session.commit()
        except IntegrityError:
            raise unauthorized() from None
        return todo

    async def read(self, todo_id: int) -> Todo:
        """Return one todo.

        Raises:
            ApiError: 404.
        """
        return await self._session.scalar(select(Todo).where(self._one(todo_id))) or _missing(todo_id)

    async def change(self, todo_id: int, changes: Mapping[str, Any]) -> Todo:
        """Change a todo in one statement: one that is deleted meanwhile is missing, never a conflict.

        Raises:
            ApiError: 404.
        """
        if not changes:
            return await self.read(todo_id)
        todo: Todo | None = await self._session.scalar(update(Todo).where(self._one(todo_id)).values(changes).returning(Todo))
        await self._session.commit()
        return todo or _missing(todo_id)

    async def delete(self, todo_id: int) -> Todo:
        """Delete a todo and return what it was.

        Raises:
            ApiError: 404.
        """
        todo: Todo | None = await self._session.scalar(delete(Todo).where(self._one(todo_id)).returning(Todo))
        await self._session.commit()
        return todo or _missing(todo_id)

    def _which(self, completed: bool | None) -> list[ColumnElement[bool]]:
        return [Todo.user_id == self._user_id] + ([] if completed is None else [Todo.completed.is_(completed)])

    def _one(self, todo_id: int) -> ColumnElement[bool]:
        return (Todo.id == todo_id) & (Todo.user_id == self._user_id)


def _missing(todo_id: int) -> NoReturn:
    raise ApiError(HTTPStatus.NOT_FOUND, "not_found", f"There is no todo {todo_id}.")
