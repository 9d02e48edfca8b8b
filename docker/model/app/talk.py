"""What is said: a sentence made from a tool's results, else small talk."""

from __future__ import annotations

import json
from typing import Any

SMALL_TALK = (
    "I look after your todos. Tell me, for example: add buy milk; what is open?; complete 3; rename 3 to buy oat milk; delete 3."
)
LONGEST_QUOTE = 300
"""Characters of a result that is told as it is."""

_DID = {"add_task": "I added", "complete_task": "Done:", "update_task": "I changed", "delete_task": "I deleted"}


def about(tool: str, result: str) -> str:
    """Return a sentence on what a tool answered.

    Args:
        tool: its name.
        result: what it answered: JSON, or any text.
    """
    value = _parsed(result)
    fault = value.get("error") if isinstance(value, dict) else None
    if fault is not None:
        return f"That did not work: {_sentence(fault.get('message') if isinstance(fault, dict) else fault)}"
    todos = _todos(value)
    if tool == "list_tasks" and todos is not None:
        return f"Your todos: {'; '.join(map(_named, todos))}." if todos else "There is nothing on that list."
    if tool in _DID and todos:
        return f"{_DID[tool]} {_named(todos[0])}."
    return f"The tool {tool} answered: {_sentence(result)}"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _todos(value: Any) -> list[dict[str, Any]] | None:
    """The todos in a result: one alone, a list, or either of them within an object; None where there are none."""
    if isinstance(value, dict) and "title" not in value:
        value = next((part for part in value.values() if isinstance(part, dict | list)), None)
    if isinstance(value, dict) and "title" in value:
        return [value]
    if isinstance(value, list) and all(isinstance(item, dict) and "title" in item for item in value):
        return value
    return None


def _named(todo: dict[str, Any]) -> str:
    number = f"{todo['id']}, " if "id" in todo else ""
    return f"{number}“{todo['title']}”{' (done)' if todo.get('completed') else ''}"


def _sentence(value: object) -> str:
    return str(value)[:LONGEST_QUOTE].strip().rstrip(".") + "."
