"""One user's conversations with the assistant, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import NoReturn

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ApiError, unauthorized
from app.models import Conversation, Message
from app.schemas import ToolCall

LONGEST_TITLE = 80
MOST_TOLD = 30
"""Messages of a conversation that the model is told."""


class UserConversations:
    """Reads and changes what belongs to one user; everything else does not exist here.

    Args:
        session: each change is committed, which gives its connection back.
        user_id: whose conversations.
    """

    def __init__(self, session: AsyncSession, user_id: int) -> None:
        self._session = session
        self._user_id = user_id

    async def count(self) -> int:
        """Return how many there are."""
        return await self._session.scalar(select(func.count()).select_from(Conversation).where(self._own)) or 0

    async def page(self, limit: int, offset: int) -> Sequence[Conversation]:
        """Return conversations, the one with the newest message first."""
        order = Conversation.updated_at.desc(), Conversation.id.desc()
        found = select(Conversation).where(self._own).order_by(*order).limit(limit).offset(offset)
        return (await self._session.scalars(found)).all()

    async def messages(self, conversation_id: int) -> Sequence[Message]:
        """Return everything that was said, in order.

        Raises:
            ApiError: 404.
        """
        found = await self._session.scalar(select(Conversation.id).where(self._own, Conversation.id == conversation_id))
        if found is None:
            _missing(conversation_id)
        said = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id)
        return (await self._session.scalars(said)).all()

    async def delete(self, conversation_id: int) -> None:
        """Delete a conversation with all that was said.

        Raises:
            ApiError: 404.
        """
        gone = delete(Conversation).where(self._own, Conversation.id == conversation_id).returning(Conversation.id)
        deleted = await self._session.scalar(gone)
        await self._session.commit()
        if deleted is None:
            _missing(conversation_id)

    async def ask(self, conversation_id: int | None, content: str) -> tuple[int, Sequence[Message]]:
        """Store what the user says, in a new conversation where none is named.

        Returns:
            The conversation's id, and what the model is told of it: its last messages in order, this one included.

        Raises:
            ApiError: 404; 401, the user is gone.
        """
        if conversation_id is None:
            conversation_id = await self._begin(content)
        else:
            await self._touch(conversation_id)
        self._session.add(Message(conversation_id=conversation_id, role="user", content=content))
        await self._session.flush()
        last = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id.desc()).limit(MOST_TOLD)
        messages = (await self._session.scalars(last)).all()
        await self._session.commit()
        return conversation_id, messages[::-1]

    async def answer(self, conversation_id: int, content: str, tool_calls: Sequence[ToolCall]) -> Message:
        """Store what the assistant says.

        Raises:
            ApiError: 404, the conversation was deleted meanwhile.
        """
        await self._touch(conversation_id)
        calls = [call.model_dump() for call in tool_calls]
        message = Message(conversation_id=conversation_id, role="assistant", content=content, tool_calls=calls)
        self._session.add(message)
        await self._session.commit()
        return message

    async def _begin(self, content: str) -> int:
        title = " ".join(content.split())[:LONGEST_TITLE]
        begin = insert(Conversation).values(user_id=self._user_id, title=title).returning(Conversation.id)
        try:
            return (await self._session.scalars(begin)).one()
        except IntegrityError:
            raise unauthorized() from None

    async def _touch(self, conversation_id: int) -> None:
        """Note that something is said. Locks the conversation until the commit, so it cannot be deleted meanwhile."""
        which = update(Conversation).where(self._own, Conversation.id == conversation_id)
        if await self._session.scalar(which.values(updated_at=func.now()).returning(Conversation.id)) is None:
            _missing(conversation_id)

    @property
    def _own(self) -> ColumnElement[bool]:
        return Conversation.user_id == self._user_id


def _missing(conversation_id: int) -> NoReturn:
    raise ApiError(HTTPStatus.NOT_FOUND, "not_found", f"There is no conversation {conversation_id}.")
