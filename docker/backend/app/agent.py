"""The assistant: answers what a user says by asking the model and using the tools that the MCP server offers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS
from prometheus_client import Counter
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import open_session
from app.errors import DATABASE_FAULTS, ApiError, database_unavailable, internal_error
from app.events import Event
from app.model import Call, Model, failed, timed_out
from app.models import Message
from app.schemas import ChatAnswer, MessageRead, ToolCall
from app.settings import Settings
from app.tool_server import ToolServer
from app.user_conversations import UserConversations

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

INSTRUCTIONS = (
    "You look after the todo list of the user you talk to. Use the tools for everything that concerns it, and look todos up "
    "where you do not know their ids. Say that something was done only if a tool's result says so. "
    "Answer briefly, in the user's language."
)
MOST_ROUNDS = 6
"""How often the model may be asked in one turn."""
TOOL_SECONDS = 3
"""Until a tool counts as lost. It runs to its end although the turn's time is up: half done is worse than late."""
STOP_SECONDS = 1
"""What a turn that has been told to stop gets to give its connections back."""
UNKNOWN = "There was no answer; whether it took effect is not known."

TURNS = Counter("chat_turns_total", "Turns of the chat by how they ended: answered, or the code of the fault", ["outcome"])

logger = logging.getLogger(__name__)


class Agent:
    """Answers, each turn in a task of its own: it goes on when the client goes away.

    Args:
        engine: where conversations are stored.
        tools: the MCP server.
        settings: of the model.
    """

    def __init__(self, engine: AsyncEngine, tools: ToolServer, settings: Settings) -> None:
        self.engine, self.tools, self.model = engine, tools, Model(settings)
        self._seconds = settings.model_timeout_seconds
        self._turns: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive
        self._latest = 0.0  # deadline of the turn that began last

    def begin(self, user_id: int, conversation_id: int, messages: Sequence[Message]) -> Turn:
        """Begin to answer the last of these messages, all of them stored."""
        self._latest = asyncio.get_running_loop().time() + self._seconds
        turn = Turn(self, user_id, conversation_id, messages, self._latest)
        task = asyncio.create_task(turn.run())
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)
        return turn

    async def close(self) -> None:
        """Wait for the turns, also for those whose clients went away, and stop what is not done when its time is up."""
        if self._turns:
            left = self._latest + TOOL_SECONDS - asyncio.get_running_loop().time()
            await asyncio.wait(self._turns, timeout=max(0.0, left))
        for task in self._turns:
            task.cancel()
        if self._turns:
            await asyncio.wait(self._turns, timeout=STOP_SECONDS)
        await self.model.close()


class Turn:
    """What comes of one message.

    A turn that fails is truthful: what the tools had done by then is stored and told, and so is what is not known.
    """

    def __init__(self, agent: Agent, user_id: int, conversation_id: int, messages: Sequence[Message], deadline: float) -> None:
        self._agent = agent
        self._user_id = user_id
        self._conversation_id = conversation_id
        self._messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": INSTRUCTIONS}]
        for message in messages:
            self._messages.extend(_as_told(message))
        self._deadline = deadline
        self._told: asyncio.Queue[Event | ApiError] = asyncio.Queue()
        self._calls: list[ToolCall] = []
        self._text = self._gap = ""

    async def events(self) -> AsyncIterator[Event | ApiError]:
        """Yield what there is to tell as it comes; the last is ``done`` or the fault."""
        while True:
            event = await self._told.get()
            yield event
            if isinstance(event, ApiError) or event.name == "done":
                return

    async def run(self) -> None:
        """Answer, store the answer and tell it."""
        try:
            async with self._agent.tools.session(self._user_id) as session:
                # Told here, since the session does not end before a tool that hangs.
                self._told.put_nowait(await self._outcome(session))
        except Exception:
            logger.exception("a turn of the chat met a defect")
            self._told.put_nowait(internal_error())

    async def _outcome(self, session: Client) -> Event | ApiError:
        try:
            await self._converse(session)
            answer = await self._store(self._text)
        except ApiError as error:
            return await self._fail(error)
        except DATABASE_FAULTS as error:
            return await self._fail(database_unavailable(error))
        except Exception:
            logger.exception("a turn of the chat met a defect")
            return await self._fail(internal_error())
        TURNS.labels("answered").inc()
        return Event("done", answer.model_dump(mode="json"))

    async def _converse(self, session: Client) -> None:
        """Ask the model and use the tools that it asks for, until it has nothing more to ask for."""
        tools: list[ChatCompletionToolParam] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description or "", "parameters": tool.input_schema},
            }
            for tool in (await session.list_tools()).tools
        ]
        for _ in range(MOST_ROUNDS):
            reply = await self._agent.model.ask(self._messages, tools, self._deadline, self._say)
            if not reply.calls:
                return
            used = [(call.id, await self._use(session, call)) for _, call in sorted(reply.calls.items())]
            self._messages.extend(_calls_as_told(used, reply.text))
            self._gap = "\n\n" if self._text else ""
        raise failed("to come to an end")

    def _say(self, words: str) -> None:
        piece = self._gap + _storable(words)
        self._gap = ""
        self._text += piece
        self._told.put_nowait(Event("delta", {"text": piece}))

    async def _use(self, session: Client, call: Call) -> ToolCall:
        if asyncio.get_running_loop().time() >= self._deadline:
            raise timed_out()
        done = ToolCall(name=_storable(call.name), arguments={}, result=UNKNOWN, ok=False)
        self._calls.append(done)  # before it begins: so it stands should its end never be known
        arguments = _arguments(call.arguments)
        if arguments is None:
            done.result = "The arguments are not a JSON object."
        else:
            done.arguments = arguments
            await _carry_out(session, done)
        self._told.put_nowait(Event("tool", done.model_dump(mode="json")))
        return done

    async def _fail(self, error: ApiError) -> ApiError:
        """Return the fault with what the tools did, which is stored too: the model must know it in the next turn."""
        TURNS.labels(error.code).inc()
        if not self._calls:
            return error
        message = f"{error.message} {self._effects()}"
        try:
            await self._store(message)
        except (ApiError, *DATABASE_FAULTS):
            logger.exception("what the tools did in a turn that failed could not be stored")
        return ApiError(error.status, error.code, message, error.headers)

    def _effects(self) -> str:
        done = ", ".join(call.name for call in self._calls if call.ok)
        lost = ", ".join(call.name for call in self._calls if call.result == UNKNOWN)
        told = f"What the tools had done by then stays done: {done}." if done else "No tool is known to have done anything."
        return f"{told} Whether this took effect is not known: {lost}." if lost else told

    async def _store(self, content: str) -> ChatAnswer:
        async with open_session(self._agent.engine) as session:
            conversations = UserConversations(session, self._user_id)
            message = await conversations.answer(self._conversation_id, content, self._calls)
        return ChatAnswer(conversation_id=self._conversation_id, message=MessageRead.model_validate(message))


async def _carry_out(session: Client, call: ToolCall) -> None:
    """Have a tool do something, and note what came of it."""
    try:
        result = await session.call_tool(call.name, call.arguments, read_timeout_seconds=TOOL_SECONDS)
    except MCPError as error:
        logger.warning("the tool %s gave no answer: %s", call.name, error)
        if error.code == INVALID_PARAMS:  # refused before it began
            call.result = error.message
        return
    call.result, call.ok = result.structured_content, not result.is_error


def _as_told(message: Message) -> Iterator[ChatCompletionMessageParam]:
    """A stored message as the model is told it, with what the assistant did before it said this."""
    if message.role == "user":
        yield {"role": "user", "content": message.content}
        return
    calls = [ToolCall.model_validate(call) for call in message.tool_calls]
    if calls:
        yield from _calls_as_told([(f"call_{message.id}_{number}", call) for number, call in enumerate(calls)])
    yield {"role": "assistant", "content": message.content}


def _calls_as_told(calls: Sequence[tuple[str, ToolCall]], text: str = "") -> Iterator[ChatCompletionMessageParam]:
    yield {
        "role": "assistant",
        "content": text or None,
        "tool_calls": [
            {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
            for call_id, call in calls
        ],
    }
    for call_id, call in calls:
        told = {"error": call.result} if isinstance(call.result, str) else call.result
        yield {"role": "tool", "tool_call_id": call_id, "content": json.dumps(told, ensure_ascii=False)}


def _arguments(text: str) -> dict[str, Any] | None:
    """What the model wrote as arguments, where it is an object that PostgreSQL's jsonb can hold."""
    try:
        value = from_json(text.replace("\\u0000", "\\ufffd") or "{}", allow_inf_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _storable(text: str) -> str:
    """Replace what PostgreSQL's text cannot hold: U+0000 and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
