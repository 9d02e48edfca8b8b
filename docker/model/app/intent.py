"""What a message asks for, read by rules: the part that a language model plays in the real application."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_TEXT = 4000
"""Characters of a message that are read; the application's users cannot send more."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A tool to be called.

    Attributes:
        tool: its name.
        arguments: as the tool's schema names them.
    """

    tool: str
    arguments: dict[str, int | str]


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_ID = r"(?:the )?(?:todo|task|item|number)?(?: number)? ?#?(?P<id>[0-9]{1,18})\b"
_DONE = r"(?:done|finished|completed?)"

_COURTESY = _rule(r"^(?:(?:please|hi|hello|hey|ok|okay|now|can you|could you|would you)\b[,!.]? ?)+")
_PLEASE = _rule(r",? please[.!?]?$")
_COMPLETE = _rule(rf"(?:complete|finish|tick off|check off|mark|i finished|i completed) {_ID}(?: as)?(?: {_DONE})?\W*")
_IS_DONE = _rule(rf"{_ID} is {_DONE}\W*")
_DELETE = _rule(rf"(?:delete|remove|drop) {_ID}\W*")
_UPDATE = _rule(rf"(?:rename|update|change|edit) (?:the title of )?{_ID} (?:to|into) (?P<title>.+)")
_ADD = _rule(
    r"(?:(?:add|create)(?: (?:an? )?(?:new )?(?:todo|task|item)\b)?(?::| called| named| to)?"
    r"|remind me to|remember to|i (?:need|have) to) (?P<title>.+)"
)
_TO_THE_LIST = _rule(r" to (?:my|the) (?:list|todos|tasks)$")
_ASKED_FOR = r"(?:open|left|list|todos?|tasks?|to do|done|finished)"
_LIST = _rule(rf"(?:list|show|display)\b|(?:what|what's|which|do i have|how many)\b.*\b{_ASKED_FOR}\b")
_STILL_OPEN = _rule(r"\b(?:open|left|to do|unfinished|not done)\b")
_NO_LONGER_OPEN = _rule(rf"(?<!\bnot )\b{_DONE}\b")
_QUOTES = "\"'“”‘’«»`"


def read(text: str) -> Intent | None:
    """Return what a message asks for; None where it is only talk. The same text always gives the same answer."""
    said = " ".join(text[:LONGEST_TEXT].split())
    said = _PLEASE.sub("", _COURTESY.sub("", said))
    if match := _COMPLETE.fullmatch(said) or _IS_DONE.fullmatch(said):
        return Intent("complete_task", {"id": int(match["id"])})
    if match := _DELETE.fullmatch(said):
        return Intent("delete_task", {"id": int(match["id"])})
    if (match := _UPDATE.fullmatch(said)) and (title := _title(match["title"])):
        return Intent("update_task", {"id": int(match["id"]), "title": title})
    if (match := _ADD.fullmatch(said)) and (title := _title(_TO_THE_LIST.sub("", match["title"]))):
        return Intent("add_task", {"title": title})
    if _LIST.match(said):
        return Intent("list_tasks", {"status": _status(said)})
    return None


def _title(text: str) -> str:
    """A title as a person means it: without the quotes around it and the full stop behind it."""
    return text.strip().removesuffix(".").strip(f" {_QUOTES}")


def _status(said: str) -> str:
    still, no_longer = _STILL_OPEN.search(said), _NO_LONGER_OPEN.search(said)
    if bool(still) == bool(no_longer):
        return "all"
    return "open" if still else "done"
