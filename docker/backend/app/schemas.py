"""What travels as JSON, between browsers and the API, the model and the tools."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints, field_validator
from pydantic.json_schema import SkipJsonSchema

from app.models import DESCRIPTION_LENGTH, EMAIL_LENGTH, TITLE_LENGTH

LARGEST_ID = 2**53 - 1
"""Beyond it not every reader of JSON keeps a number exact (RFC 8259, 6)."""
MESSAGE_LENGTH = 4000


def _storable(text: str) -> str:
    """PostgreSQL's text cannot hold U+0000."""
    if "\0" in text:
        raise ValueError("must not contain the character U+0000")
    return text


def _visible(text: str) -> str:
    if not text.strip():
        raise ValueError("must hold more than blanks")
    return text


STORABLE = Field(json_schema_extra={"pattern": r"^[^\x00]*$"})
VISIBLE = Field(json_schema_extra={"pattern": r"^[^\x00]*\S[^\x00]*$"})

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_LENGTH), AfterValidator(_storable), VISIBLE
]
Description = Annotated[str, StringConstraints(max_length=DESCRIPTION_LENGTH), AfterValidator(_storable), STORABLE]
Said = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MESSAGE_LENGTH),
    AfterValidator(_storable),
    AfterValidator(_visible),
    VISIBLE,
]
Email = Annotated[str, StringConstraints(pattern="^[!-?A-~]+@[!-?A-~]+$", max_length=EMAIL_LENGTH), AfterValidator(str.lower)]
"""Visible ASCII around one @, in lower case: whether mail arrives there only a mail could tell."""


class Body(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid")


class SignUp(Body):
    """An account to be made."""

    email: Email
    password: Annotated[str, StringConstraints(min_length=8, max_length=128)] = Field(repr=False)


class LogIn(Body):
    """Who wants to log in."""

    email: Email
    password: Annotated[str, StringConstraints(max_length=128)] = Field(repr=False)


class UserRead(BaseModel):
    """A user."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str


class SignedIn(BaseModel):
    """A token, to be sent as ``Authorization: Bearer``; browsers get it as a cookie, too."""

    token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds")
    user: UserRead


class TodoCreate(Body):
    """A todo to be made."""

    title: Title
    description: Description | None = None


class TodoChanges(Body):
    """Changes to a todo: what is left out stays as it is, and only the description may be set to null."""

    title: Title | SkipJsonSchema[None] = None
    description: Description | None = None

    @field_validator("title", "completed", mode="before", check_fields=False)
    @classmethod
    def _not_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null; leave it out to keep it as it is")
        return value


class TodoPatch(TodoChanges):
    """Changes to a todo: what is left out stays as it is, and only the description may be set to null."""

    completed: StrictBool | SkipJsonSchema[None] = None


class TodoRead(BaseModel):
    """A todo as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime


class ToolCall(BaseModel):
    """A tool that the assistant used."""

    name: str
    arguments: dict[str, Any]
    result: dict[str, Any] | str = Field(description="What it answered, or why it did not")
    ok: bool = Field(description="Whether it is known to have done what it was asked for")


class ChatRequest(Body):
    """Something said to the assistant; without a conversation it begins a new one."""

    message: Said
    conversation_id: Id | None = None


class MessageRead(BaseModel):
    """A message as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    role: Literal["user", "assistant"]
    content: str
    tool_calls: list[ToolCall]
    created_at: datetime


class ChatAnswer(BaseModel):
    """What the assistant said."""

    conversation_id: int
    message: MessageRead


class ConversationRead(BaseModel):
    """A conversation; ``updated_at`` is the time of its last message."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    created_at: datetime
    updated_at: datetime


class ErrorDetail(BaseModel):
    """One fault."""

    code: str = Field(examples=["not_found"])
    message: str = Field(examples=["There is no todo 7."])


class ErrorBody(BaseModel):
    """What every answer of 400 and above holds."""

    error: ErrorDetail
