"""Requests as a caller makes them."""

from __future__ import annotations

from typing import Any

TOOLS = ("add_task", "list_tasks", "complete_task", "update_task", "delete_task")


def offer(*names: str) -> list[dict[str, Any]]:
    """Tools as a request offers them."""
    return [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]


def ask(text: str, **more: Any) -> dict[str, Any]:
    """A request with one message of the user and all tools."""
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], "tools": offer(*TOOLS), **more}
