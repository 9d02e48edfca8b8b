"""What callers send to ``/v1/chat/completions``, as far as this endpoint looks at it; the rest is accepted and left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator


class Part(BaseModel):
    """A piece of a message's content."""

    type: Literal["text"]
    text: str


class Function(BaseModel):
    """A function that the caller offers."""

    name: str = Field(min_length=1)


class Tool(BaseModel):
    """A tool that the caller offers."""

    type: Literal["function"]
    function: Function


class CalledFunction(Function):
    """A function that was asked for; the arguments are JSON as text."""

    arguments: str


class ToolCall(BaseModel):
    """A call that an earlier answer asked for."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content, whichever of its forms it has."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """How a streamed answer is given."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A request for a completion."""

    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    tools: list[Tool] = []
    tool_choice: str | dict[str, Any] = "auto"
    n: Literal[1] = 1
    stream: bool = False
    stream_options: StreamOptions | None = None

    @property
    def offered(self) -> frozenset[str]:
        """Names of the tools that may be asked for."""
        return frozenset() if self.tool_choice == "none" else frozenset(tool.function.name for tool in self.tools)

    @property
    def turn(self) -> Sequence[Message]:
        """What has happened since the last message of the user, and that message first."""
        users = [index for index, message in enumerate(self.messages) if message.role == "user"]
        return self.messages[users[-1] :] if users else ()

    @model_validator(mode="after")
    def _calls_are_answered(self) -> Self:
        """OpenAI refuses a conversation in which a call has no result, or a result no call."""
        open_calls: set[str] = set()
        for index, message in enumerate(self.messages):
            if message.role == "tool":
                if message.tool_call_id not in open_calls:
                    raise ValueError(f"messages[{index}] with role 'tool' must answer a preceding message with 'tool_calls'")
                open_calls.discard(message.tool_call_id or "")
            elif open_calls:
                raise ValueError(f"messages[{index}] stands where the results of 'tool_calls' {sorted(open_calls)} must")
            else:
                open_calls = {call.id for call in message.tool_calls or ()}
        if open_calls:
            raise ValueError(f"the 'tool_calls' {sorted(open_calls)} have no result")
        return self
