"""``/api/conversations``: list, read and delete one's own conversations; :mod:`app.chat` makes them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response, status

from app.database import Session
from app.identity import UserId
from app.parameters import Limit, Offset, PathId
from app.schemas import ConversationRead, MessageRead
from app.user_conversations import UserConversations

router = APIRouter(prefix="/api/conversations", tags=["chat"])


def _conversations(session: Session, user_id: UserId) -> UserConversations:
    return UserConversations(session, user_id)


Conversations = Annotated[UserConversations, Depends(_conversations)]


@router.get("", response_model=list[ConversationRead])
async def list_conversations(conversations: Conversations, response: Response, limit: Limit = 100, offset: Offset = 0) -> Any:
    """Return conversations, the one with the newest message first; the header X-Total-Count says how many there are in all."""
    response.headers["X-Total-Count"] = str(await conversations.count())
    return await conversations.page(limit, offset)


@router.get("/{conversation_id}/messages", response_model=list[MessageRead])
async def list_messages(conversations: Conversations, conversation_id: PathId) -> Any:
    """Return everything that was said, in order."""
    return await conversations.messages(conversation_id)


@router.delete("/{conversation_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_conversation(conversations: Conversations, conversation_id: PathId) -> None:
    """Delete a conversation with all that was said."""
    await conversations.delete(conversation_id)
