"""What the scripts of pages call, as far as their text tells: no program reads them, and what is not plain is not told.

Known are the addresses that stand in a script as literals, the constants that hold them, and the few ways in which pages call a
server: ``fetch``, axios, jQuery, Angular's ``HttpClient``, XMLHttpRequest, WebSocket, EventSource, socket.io, Apollo.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

LOOPBACK = re.compile(r"(?:https?|wss?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d+)?(?=[:/?#$]|$)")
"""An address of the machine itself, without its path."""
_VERBS = r"(?:get|post|put|patch|delete|head|request)"
_CALL = (
    rf"(?<![\w$])(?:fetch|\$fetch|axios(?:\.(?:create|{_VERBS}))?|(?:\$|jQuery)\.(?:ajax|get|post|getJSON)"
    rf"|(?:http|_http|httpClient|\$http|ky|superagent)\.{_VERBS}|ky|io(?:\.connect)?|socketIOClient|useSWR"
    r"|new\s+(?:WebSocket|EventSource|SockJS|HttpLink|WebSocketLink|ApolloClient)|createHttpLink|fetchBaseQuery)"
    r"\s*(?:<[^()]{0,80}>)?\(\s*$"
)
_CALLER = re.compile(_CALL)
_CALLS = re.compile(rf"(?:{_CALL}|\.open\(\s*['\"`]\w+['\"`]\s*,\s*$|(?<![\w$])axios\.defaults\.baseURL\s*=\s*$)")
_URL_KEY = re.compile(r"[{,]\s*['\"]?(?:baseURL|baseUrl|url|uri)['\"]?\s*:\s*$")
_KEY = re.compile(r"[{,]\s*['\"]?([A-Za-z_$][\w$]*)['\"]?\s*:\s*$")
_TELLING = re.compile(r"api|base|backend|server|endpoint|gateway|service|socket|ws", re.IGNORECASE)
"""Fields whose name tells one object's from another's."""
_TYPED = r"(?P<name>[A-Za-z_$][\w$]*)\s*(?::\s*[\w.<>]+\s*)?=\s*$"
_DECLARED = re.compile(rf"\b(?P<kind>const|let|var)\s+{_TYPED}")
_FIELD = re.compile(rf"(?:\b(?:private|public|protected|readonly|static)\s+|\bthis\.)#?{_TYPED}")
_BARE_FIELD = re.compile(rf"(?:^|[;{{}}\n])\s*#?{_TYPED}")
_VARIABLE = r"(?:process\.env|import\.meta\.env)(?:\.(\w+)|\[['\"](\w+)['\"]\])"
_FALLBACK = re.compile(rf"{_VARIABLE}!?\s*(?:\|\||\?\?)$")
_IN_TEMPLATE = re.compile(r"`\$\{$")
_DEVELOPING = re.compile(
    r"NODE_ENV|\bhostname\b|\blocation\.(?:host|origin|port)\b|\benv\.(?:DEV|PROD|MODE)\b|__DEV__|\bdebug\b"
    r"|\b(?i:is_?(?:dev|prod|local)\w*|dev|development|prod|production|localhost)\b"
)
_CONDITION = re.compile(r"\bif\s*\((?P<told>[^{}]{0,300})\)\s*$")
_DEVELOPMENT_KEY = re.compile(r"(?<![\w.])(?i:dev|development|local|localhost|test|testing)(?:[A-Z_]\w*)?['\"]?\s*[:=]\s*$")
_CLASS = re.compile(r"\bclass\b[^{};()]*$")
_MARK = re.compile(r"//|/\*|['\"`]|[{}]")
_QUOTED = {mark: re.compile(rf"{mark}((?:\\.|[^{mark}\\\n])*){mark}", re.DOTALL) for mark in "'\""}
_IN_BACKTICKS = re.compile(r"\\.|\$\{|`", re.DOTALL)
_SCRIPT = re.compile(r"<script\b[^>]*>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_REMARK = re.compile(r"<!--.*?-->", re.DOTALL)
_BEFORE = 1_500
"""Letters before a literal that are looked at."""
_ALIASES = 4
"""How often a constant may be handed on."""
_MOST = 300
"""How many addresses of one script, and how many mentions of one constant in it, are looked at."""


@dataclass(frozen=True)
class Call:
    """A call of a page to an address of the machine that the page is looked at on.

    Attributes:
        address: scheme, host and port.
        line: where it is written, counted from 1.
        variables: of the build, that come before it; it counts where none of them is set.
        script: where it is written, by its place in what was given.
        callers: the scripts that call it.
    """

    address: str
    line: int
    variables: tuple[str, ...]
    script: int
    callers: frozenset[int]


@dataclass(frozen=True)
class Literal:
    """Text in quotes: where its quote stands, and what it says as far as no expression is in it."""

    start: int
    text: str


class Script:
    """One script, or the scripts of a page.

    Args:
        text: of the file.
        page: it is HTML, or made like it: just what stands between ``<script>`` tags counts.
    """

    def __init__(self, text: str, *, page: bool = False) -> None:
        self._text = _scripts_of(text) if page else text

    @cached_property
    def _read(self) -> tuple[str, tuple[Literal, ...]]:
        return _read(self._text)

    @property
    def code(self) -> str:
        """The text with blanks for comments; as long, and with the same lines."""
        return self._read[0]

    @property
    def literals(self) -> tuple[Literal, ...]:
        return self._read[1]

    @cached_property
    def tells(self) -> bool:
        """Whether it names an address of the machine itself at all, be it in a comment."""
        return LOOPBACK.search(self._text) is not None

    def line(self, index: int) -> int:
        return self._text.count("\n", 0, index) + 1


@dataclass(frozen=True)
class _Held:
    """What holds an address: nothing where it is called at once, else a constant, a field of an object, or one of a class."""

    variables: tuple[str, ...]
    name: str = ""
    field: bool = False
    own: bool = False


def calls(scripts: Sequence[Script]) -> Iterator[Call]:
    """Calls to literal addresses of the machine itself, of scripts that are built together."""
    for number, script in enumerate(scripts):
        told = ((literal, LOOPBACK.match(literal.text)) for literal in script.literals) if script.tells else ()
        for literal, found in islice(((literal, match) for literal, match in told if match), _MOST):
            held = _held(script.code, literal.start)
            if held and not _only_developing(script.code, literal.start):
                callers = _users(scripts, number, held) if held.name else frozenset({number})
                if callers:
                    yield Call(found[0], script.line(literal.start), held.variables, number, callers)


def reads(scripts: Sequence[Script], variable: str) -> frozenset[int]:
    """The scripts that call what a variable of the build holds, by their place."""
    found: set[int] = set()
    wanted = re.compile(rf"(?:process\.env|import\.meta\.env)(?:\.|\[['\"]){re.escape(variable)}\b")
    for number, script in enumerate(scripts):
        for match in wanted.finditer(script.code):
            held = _held(script.code, match.start())
            if held:
                found |= _users(scripts, number, held) if held.name else {number}
    return frozenset(found)


def _held(code: str, start: int) -> _Held | None:
    """How what stands at a place is used; None where that is not plain."""
    before = code[max(0, start - _BEFORE) : start].rstrip()
    variables: list[str] = []
    while True:
        before = _IN_TEMPLATE.sub("", before).rstrip()
        fallback = _FALLBACK.search(before)
        if not fallback:
            break
        variables.append(fallback[1] or fallback[2])
        before = before[: fallback.start()].rstrip()
    before = _IN_TEMPLATE.sub("", before).rstrip()
    return _use(before, code, tuple(variables)) or _use(before.removesuffix("(").rstrip(), code, tuple(variables))


def _use(before: str, code: str, variables: tuple[str, ...]) -> _Held | None:
    """What stands directly before an address makes of it."""
    if _CALLS.search(before) or (_URL_KEY.search(before) and _is_argument(before)):
        return _Held(variables)
    if declared := _DECLARED.search(before):
        name = declared["name"]
        again = declared["kind"] != "const" and len(re.findall(rf"(?<![\w$.]){re.escape(name)}\s*=(?![=>])", code)) > 1
        return None if again else _Held(variables, name)
    if field := _FIELD.search(before):
        return _Held(variables, field["name"], field=True, own=True)
    if (field := _BARE_FIELD.search(before)) and _in_class(before):
        return _Held(variables, field["name"], field=True, own=True)
    key = _KEY.search(before)
    telling = key and _TELLING.search(key[1]) and not _DEVELOPMENT_KEY.search(before)
    return _Held(variables, key[1], field=True) if key and telling else None


def _is_argument(before: str) -> bool:
    """Whether the object that is open at the end of a text is what a call is given."""
    return any(_CALLER.search(before[: at + 1]) for at, mark in _open(before) if mark == "(")


def _in_class(before: str) -> bool:
    at, mark = next(_open(before), (0, ""))
    return mark == "{" and _CLASS.search(before[:at]) is not None


def _open(before: str) -> Iterator[tuple[int, str]]:
    """Brackets that are open at the end of a text, the innermost first; brackets in quotes count as well."""
    closed = 0
    for at in range(len(before) - 1, -1, -1):
        if before[at] in ")}]":
            closed += 1
        elif before[at] in "({[":
            if not closed:
                yield at, before[at]
            closed = max(0, closed - 1)


def _only_developing(code: str, start: int) -> bool:
    """Whether a place is reached only where somebody develops, as far as conditions around it tell."""
    before = code[max(0, start - _BEFORE) : start]
    for at, mark in _open(before):
        if mark == "{" and (_DEVELOPMENT_KEY.search(before[:at]) or _DEVELOPING.search(_condition(before[:at]))):
            return True
    line = before.rpartition("\n")[2]
    return re.search(r"\bif\s*\(", line) is not None and _DEVELOPING.search(line) is not None


def _condition(before: str) -> str:
    """The conditions of the block that begins at the end of a text, those of which it is the other case included."""
    told = ""
    while (text := before.rstrip()).endswith("else") or _CONDITION.search(text):
        if found := _CONDITION.search(text):
            told += found["told"]
            text = text[: found.start()].rstrip()
        if not text.endswith("else"):
            break
        text = text.removesuffix("else").rstrip()
        if not text.endswith("}"):
            break
        before = text[: next((at for at, _ in _open(text[:-1])), 0)]
    return told


def _users(scripts: Sequence[Script], number: int, held: _Held) -> frozenset[int]:
    """The scripts that call what a constant of one of them holds."""
    found: set[int] = set()
    known, waiting = {(number, held.name)}, [(number, held)]
    for _ in range(_ALIASES):
        following: list[tuple[int, _Held]] = []
        for home, each in waiting:
            for at, script in enumerate(scripts):
                for match in islice(_mentions(script.code, each, own=at == home), _MOST):
                    used = _held(script.code, match)
                    if used is not None and not used.name:
                        found.add(at)
                    elif used is not None and (at, used.name) not in known:
                        known.add((at, used.name))
                        following.append((at, used))
        waiting = following
    return frozenset(found)


def _mentions(code: str, held: _Held, *, own: bool) -> Iterator[int]:
    """Where a script names a constant: its own, one that it imports, or a field of whatever object."""
    name = re.escape(held.name)
    if held.name not in code or (held.own and not own):
        return
    plain = own or re.search(rf"\bimport\b[^;'\"]{{0,400}}(?<![\w$]){name}(?![\w$])", code) is not None
    for match in re.finditer(rf"(?<![\w$.])((?:[A-Za-z_$][\w$]*\.)*){name}(?![\w$])(?!\s*(?:[:=](?!=)|\())", code):
        other = match[1] == "this." and not own
        if (bool(match[1]) and not other) if held.field else (plain and not match[1]):
            yield match.start()


def _scripts_of(text: str) -> str:
    """A page with blanks for everything but its scripts."""
    text = _REMARK.sub(lambda match: _blank(match[0]), text)
    kept, end = [], 0
    for match in _SCRIPT.finditer(text):
        kept += [_blank(text[end : match.start(1)]), match[1]]
        end = match.end(1)
    return "".join([*kept, _blank(text[end:])])


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _read(text: str) -> tuple[str, tuple[Literal, ...]]:
    """A script without its comments, and its literals."""
    kept: list[str] = []
    literals: list[Literal] = []
    depths: list[int] = []  # of braces, one for each expression in backticks that is open
    at = end = 0
    while mark := _MARK.search(text, at):
        at = mark.end()
        if mark[0] in ("//", "/*"):
            stop = text.find("\n" if mark[0] == "//" else "*/", at)
            stop = len(text) if stop < 0 else stop if mark[0] == "//" else stop + 2
            kept += [text[end : mark.start()], _blank(text[mark.start() : stop])]
            at = end = stop
        elif mark[0] in "'\"":
            if found := _QUOTED[mark[0]].match(text, mark.start()):
                literals.append(Literal(found.start(), found[1]))
                at = found.end()
        elif mark[0] == "{" and depths:
            depths[-1] += 1
        elif mark[0] == "}" and depths and depths[-1]:
            depths[-1] -= 1
        elif mark[0] == "`" or (mark[0] == "}" and depths):
            if mark[0] == "}":
                depths.pop()
            at = _in_backticks(text, at, depths)
            if mark[0] == "`":
                literals.append(Literal(mark.start(), text[mark.end() : at].rstrip("`")))
    return "".join([*kept, text[end:]]), tuple(literals)


def _in_backticks(text: str, at: int, depths: list[int]) -> int:
    """Where the text in backticks that goes on at a place ends, or an expression in it begins."""
    while found := _IN_BACKTICKS.search(text, at):
        at = found.end()
        if found[0] == "${":
            depths.append(0)
            return at
        if found[0] == "`":
            return at
    return len(text)
