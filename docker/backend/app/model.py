"""The model: a chat completions endpoint of OpenAI's kind, asked for one answer at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx2
import openai

from app.errors import ApiError, describe
from app.settings import Settings

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionToolParam

CONNECT_SECONDS = 3

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Call:
    """A tool that the model asks for.

    Attributes:
        id: by which the model knows the result.
        name: of the tool.
        arguments: JSON, if the model got it right.
    """

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Reply:
    """What the model answered: words, calls, or both."""

    text: str = ""
    calls: dict[int, Call] = field(default_factory=dict)
    finished: bool = False

    def take(self, chunk: ChatCompletionChunk) -> str:
        """Add a piece, and return the words in it."""
        words = ""
        for choice in chunk.choices or ():
            words += choice.delta.content or choice.delta.refusal or ""
            for piece in choice.delta.tool_calls or ():
                call = self.calls.setdefault(piece.index, Call())
                call.id = piece.id or call.id
                if piece.function:
                    call.name += piece.function.name or ""
                    call.arguments += piece.function.arguments or ""
            self.finished = self.finished or choice.finish_reason is not None
        self.text += words
        return words


class Model:
    """Asks the model. It is never asked twice for the same answer: who waits has a deadline.

    Args:
        settings: where it is, its name, its key, and how much time it has.
    """

    def __init__(self, settings: Settings) -> None:
        self._name = settings.openai_model
        seconds = settings.model_timeout_seconds
        self._client = openai.AsyncOpenAI(
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
            max_retries=0,
            timeout=httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        )

    async def ask(
        self,
        messages: Iterable[ChatCompletionMessageParam],
        tools: Iterable[ChatCompletionToolParam],
        deadline: float,
        say: Callable[[str], None],
    ) -> Reply:
        """Return the answer.

        Args:
            messages: the conversation so far.
            tools: what it may ask for.
            deadline: time of the event loop's clock at which it must be there.
            say: called with each piece of text as it comes.

        Raises:
            ApiError: 503, 502 or 504, there is no answer.
        """
        reply = Reply()
        begun = False
        try:
            async with asyncio.timeout_at(deadline):
                answer = self._client.chat.completions.create(model=self._name, messages=messages, tools=tools, stream=True)
                async with await answer as stream:
                    begun = True
                    async for chunk in stream:
                        if words := reply.take(chunk):
                            say(words)
        except TimeoutError:
            raise timed_out() from None
        except openai.APIConnectionError as error:
            raise _no_connection(error, begun) from None
        except openai.APIStatusError as error:
            # Not its words: they may repeat parts of the key.
            logger.error("the model answered %d (%s), request %s", error.status_code, error.code, error.request_id)
            raise failed(f"with status {error.status_code}") from None
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
            logger.error("the model's answer cannot be understood: %s", type(error).__name__)
            raise failed("with an answer that cannot be understood") from None
        if not reply.finished or not (reply.text or reply.calls):
            logger.error("the model's answer %s", "is empty" if reply.finished else "ends before its end")
            raise failed("with an empty answer" if reply.finished else "in the middle of its answer")
        return reply

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _no_connection(error: openai.APIConnectionError, begun: bool) -> ApiError:
    cause = error.__cause__ or error
    if isinstance(cause, httpx2.TimeoutException) and not isinstance(cause, httpx2.ConnectTimeout):
        return timed_out()
    logger.error("the model cannot be reached: %s: %s", type(cause).__name__, describe(cause))
    if begun:
        return failed("in the middle of its answer")
    message = "The assistant cannot be reached; try again later."
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "model_unavailable", message, {"Retry-After": "5"})


def timed_out() -> ApiError:
    """The turn's time is up."""
    logger.error("the model did not answer in time")
    return ApiError(HTTPStatus.GATEWAY_TIMEOUT, "model_timeout", "The assistant did not answer in time; try again later.")


def failed(how: str) -> ApiError:
    """The model answered, but not as it should."""
    return ApiError(HTTPStatus.BAD_GATEWAY, "model_failed", f"The assistant failed {how}; try again later.")
