"""The assistant's parts, loaded late: what they import takes as long as all the rest of the start."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Receive, Scope, Send

from app.settings import Settings
from app.tokens import Tokens

if TYPE_CHECKING:
    from app.agent import Agent
    from app.tool_server import ToolServer

logger = logging.getLogger(__name__)


class Assistant:
    """The MCP server, as an ASGI application at ``path``, and the agent. Whoever asks for one before it is loaded waits.

    Args:
        engine: where todos and conversations are.
        tokens: says whose token it is.
        settings: of the model.
    """

    path = "/mcp"

    def __init__(self, engine: AsyncEngine, tokens: Tokens, settings: Settings) -> None:
        self._engine = engine
        self._tokens = tokens
        self._settings = settings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the parts while other requests are answered already; stop them at the end, or stop waiting for them."""
        self._parts: asyncio.Future[tuple[ToolServer, Agent | None]] = asyncio.get_running_loop().create_future()
        stopping = asyncio.Event()
        serving = asyncio.create_task(self._serve(stopping))
        yield
        stopping.set()
        await serving

    async def _serve(self, stopping: asyncio.Event) -> None:
        loading, stopped = self._loading(), asyncio.create_task(stopping.wait())
        either: set[asyncio.Future[Any]] = {loading, stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not loading.done():
            return  # on a busy machine the imports take longer than whoever stops the process waits
        try:
            tools, agent = loading.result()
        except Exception as error:
            logger.exception("the assistant cannot be loaded")
            self._parts.set_exception(error)
            return
        async with tools.running():
            self._parts.set_result((tools, agent))
            await stopping.wait()
            if agent is not None:
                await agent.close()

    def _loading(self) -> asyncio.Future[tuple[ToolServer, Agent | None]]:
        """As ``asyncio.to_thread`` does it, but in a thread that the end of the process does not wait for."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[ToolServer, Agent | None]] = loop.create_future()

        def load() -> None:
            outcome: Callable[[], None]
            try:
                outcome = partial(future.set_result, self._load())
            except Exception as error:
                outcome = partial(future.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed: the process ends
                loop.call_soon_threadsafe(outcome)

        threading.Thread(target=load, daemon=True).start()
        return future

    def _load(self) -> tuple[ToolServer, Agent | None]:
        from app.tool_server import ToolServer

        tools = ToolServer(self._engine, self._tokens)
        if not self._settings.openai_api_key:
            return tools, None
        from app.agent import Agent

        return tools, Agent(self._engine, tools, self._settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the MCP server answer."""
        scope["route"] = self  # what app.observe counts by
        tools, _ = await asyncio.shield(self._parts)
        await tools(scope, receive, send)

    async def agent(self) -> Agent | None:
        """Return the agent; None where there is no key for a model."""
        _, agent = await asyncio.shield(self._parts)
        return agent
