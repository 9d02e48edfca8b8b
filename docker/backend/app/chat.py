"""``/api/chat``: talk to the assistant."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, format_sse_event

from app.assistant import Assistant
from app.conversations import Conversations
from app.errors import ApiError
from app.events import Event
from app.identity import UserId
from app.schemas import ChatAnswer, ChatRequest

router = APIRouter(prefix="/api/chat", tags=["chat"])

STREAM = {
    "description": "The assistant's answer. With `Accept: text/event-stream` it comes as events: `conversation`, then `tool` and "
    "`delta` as often as need be, and at the end `done` with the answer or `error`.",
    "content": {EventSourceResponse.media_type: {"schema": {"type": "string"}}},
}


@router.post("", response_model=ChatAnswer, responses={status.HTTP_200_OK: STREAM})
async def chat(request: Request, user_id: UserId, conversations: Conversations, body: ChatRequest) -> Response:
    """Say something to the assistant. It is stored before the model is asked, and stays so whatever becomes of the answer.

    As long as nothing of the answer has been sent, a fault gives the answer its status, also where events are asked for.
    """
    assistant: Assistant = request.app.state.assistant
    agent = await assistant.agent()
    if agent is None:
        message = "The chat is not set up here: there is no key for a model."
        raise ApiError(status.HTTP_503_SERVICE_UNAVAILABLE, "chat_not_configured", message)
    conversation_id, messages = await conversations.ask(body.conversation_id, body.message)
    events = agent.begin(user_id, conversation_id, messages).events()
    first = await anext(events)
    if EventSourceResponse.media_type in request.headers.get("Accept", "") and isinstance(first, Event):
        # X-Accel-Buffering: the ingress controller passes events on as they come.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return EventSourceResponse(_stream(conversation_id, first, events), headers=headers)
    *_, outcome = [first, *[event async for event in events]]
    if isinstance(outcome, ApiError):
        raise outcome
    return JSONResponse(outcome.data)


async def _stream(conversation_id: int, first: Event, rest: AsyncIterator[Event | ApiError]) -> AsyncIterator[bytes]:
    yield _encoded(Event("conversation", {"conversation_id": conversation_id}))
    yield _encoded(first)
    async for event in rest:
        yield _encoded(Event("error", event.body) if isinstance(event, ApiError) else event)


def _encoded(event: Event) -> bytes:
    return format_sse_event(event=event.name, data_str=json.dumps(event.data))
