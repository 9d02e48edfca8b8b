"""``/mcp``: the tools, offered by the Model Context Protocol to whoever bears a user's token."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as OfferedTool
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app import __version__
from app.database import open_session
from app.errors import DATABASE_FAULTS, ApiError, database_unavailable, internal_error, invalid, unauthorized
from app.tokens import Tokens
from app.tools import TOOLS, Tool
from app.user_todos import UserTodos

TOOL_CALLS = Counter("tool_calls_total", "Tools called, by the assistant or by others, and whether they did it", ["tool", "ok"])

logger = logging.getLogger(__name__)


class ToolServer:
    """An MCP server over streamable HTTP, as an ASGI application without any state between two requests.

    It demands a bearer token, and does not look at Host and Origin as the mcp package can: a page in a browser, which these
    would tell apart, has no token that it could send here (the cookie does not count).

    Args:
        engine: where the todos are.
        tokens: says whose token it is.
    """

    def __init__(self, engine: AsyncEngine, tokens: Tokens) -> None:
        self._engine = engine
        self._tokens = tokens
        server = Server("todo", version=__version__, on_list_tools=self._list, on_call_tool=self._call)
        self._http = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
        self.running = self._http.run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a user."""
        request = Request(scope)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        request.state.user_id = self._tokens.user_id(token) if scheme.lower() == "bearer" else None
        if request.state.user_id is None:
            await unauthorized().response()(scope, receive, send)
            return
        await self._http.handle_request(scope, receive, send)

    @asynccontextmanager
    async def session(self, user_id: int) -> AsyncIterator[Client]:
        """Give a client that works for a user. It speaks HTTP as others do, bearing a token, but without a socket."""
        headers = {"Authorization": f"Bearer {self._tokens.issue(user_id)}"}
        async with (
            httpx2.AsyncClient(transport=httpx2.ASGITransport(self), headers=headers) as http,
            Client(streamable_http_client("http://localhost/mcp", http_client=http)) as client,
        ):
            yield client

    async def _list(self, _: ServerRequestContext, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=list(map(_offered, TOOLS.values())))

    async def _call(self, context: ServerRequestContext, params: CallToolRequestParams) -> CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"There is no tool {params.name}.")
        assert context.request is not None, "this server speaks HTTP only"
        told, ok = await self._told(tool, context.request.state.user_id, params.arguments or {})
        TOOL_CALLS.labels(tool.name, ok).inc()
        text = TextContent(type="text", text=json.dumps(told, ensure_ascii=False))
        return CallToolResult(content=[text], structured_content=told, is_error=not ok)

    async def _told(self, tool: Tool, user_id: int, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """What a tool answers, and whether it did what it was asked for; a fault has the form that it has in the REST API."""
        try:
            wish = tool.arguments.model_validate(arguments)
            async with open_session(self._engine) as session:
                return await tool.run(UserTodos(session, user_id), wish), True
        except ValidationError as error:
            fault = ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_arguments", invalid(error.errors()))
        except ApiError as error:
            fault = error
        except DATABASE_FAULTS as error:
            fault = database_unavailable(error)
        except Exception:
            logger.exception("the tool %s met a defect", tool.name)
            fault = internal_error()
        return fault.body, False


def _offered(tool: Tool) -> OfferedTool:
    hints = ToolAnnotations(read_only_hint=tool.reads, destructive_hint=tool.destroys, open_world_hint=False)
    schema = tool.arguments.model_json_schema()
    return OfferedTool(name=tool.name, description=schema.pop("description"), input_schema=schema, annotations=hints)
