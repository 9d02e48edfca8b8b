"""Commands that documents quote: whether a shell can read them, and whether programs, subcommands and options exist.

Programs are asked for their help, never for anything else: no command of a document is run here.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial import __version__, process
from seatrial.checks.markdown import Span
from seatrial.checks.remembered import digest, own_source, recall, remember
from seatrial.errors import SeatrialError
from seatrial.toolchain import Toolchain

SECONDS = 30.0
OPERATORS = frozenset({"|", "||", "&&", ";", "&", "(", ")", "|&"})
BUILTINS = frozenset({"cd", "export", "set", "unset", "true", "false", "echo", "test", "wait", "exit", "umask", "exec", "printf"})
KEYWORDS = frozenset({"do", "then", "else", "elif", "if", "while", "until", "!", "{"})
CLOSING = frozenset({"done", "fi", "esac", "}", "for", "case"})
"""Words of the shell's own grammar: what a command may follow, and what no command follows up to the next operator."""
NESTED = frozenset({"docker", "helm", "kubectl", "minikube", "seatrial"})
"""Programs with subcommands, which say what they know when they are asked for help."""
PLUGINS = frozenset({"buildx", "compose"})
"""Subcommands of docker that come with it, as programs of their own: where they are not installed nobody can be asked."""
OWN = [sys.executable, "-c", "from seatrial.cli import main; main()"]
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_LISTED = re.compile(r"^ {2,4}([a-z][\w-]*)\*?(?:,| {2,}|$)", re.MULTILINE)
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")


@dataclass(frozen=True)
class Command:
    """One simple command.

    Attributes:
        words: program and arguments.
        line: in its document.
    """

    words: tuple[str, ...]
    line: int

    @property
    def program(self) -> str:
        return Path(self.words[0]).name if self.words[0].startswith((".venv/", "./.venv/")) else self.words[0]

    def __str__(self) -> str:
        return shlex.join(self.words)


def commands_of(block: Span) -> list[Command]:
    """The simple commands of a block of shell, those in ``$(...)`` too.

    Raises:
        ValueError: a quotation is not closed.
    """
    found: list[Command] = []
    for line, text in logical_lines(block):
        for inner in _SUBSTITUTION.findall(text):
            found += _simple(inner, line)
        found += _simple(_SUBSTITUTION.sub("VALUE", text), line)
    return found


def logical_lines(block: Span) -> Iterator[tuple[int, str]]:
    """Lines, joined where one ends in a backslash or in an operator, and where a quotation goes on."""
    held, start = "", block.line
    for number, row in enumerate(block.text.splitlines(), block.line):
        if not held:
            start = number
        held += row[:-1] + " " if row.endswith("\\") else row
        open_end = row.endswith("\\") or re.search(r"(\||&&|\|\|)\s*$", row) or held.count("'") % 2
        if not open_end:
            yield start, held
            held = ""
        elif not row.endswith("\\"):
            held += " "
    if held:
        yield start, held


def _simple(text: str, line: int) -> list[Command]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    found: list[Command] = []
    words: list[str] = []
    skip = False
    for token in [*lexer, ";"]:
        if token in OPERATORS:
            while words and (_ASSIGNMENT.fullmatch(words[0]) or words[0] in KEYWORDS):
                words.pop(0)
            if words and words[0] not in CLOSING | {"export"}:
                found.append(Command(tuple(words), line))
            words = []
        elif skip:
            skip = False
        elif set(token) <= set("<>&"):  # what follows is a file
            skip = True
        else:
            words.append(token)
    return found


@dataclass(frozen=True)
class Said:
    """What is known of a command.

    Attributes:
        fault: a sentence part on what is wrong; None where nothing was found.
        unknown: what could not be asked; None where all was.
    """

    fault: str | None = None
    unknown: str | None = None


class Programs:
    """Who knows which programs there are.

    Args:
        toolchain: provides some, and remembers what they said.
        root: of the repository, whose own scripts are programs too.
    """

    def __init__(self, toolchain: Toolchain, root: Path) -> None:
        self._toolchain, self._root = toolchain, root

    def exists(self, name: str) -> bool:
        """Whether it is on this machine, or is one that seatrial provides."""
        if "/" in name:
            return (self._root / name).exists()
        return name in BUILTINS | {"seatrial", "tox"} or self._provided(name) or shutil.which(name) is not None

    def _provided(self, name: str) -> bool:
        return name in self._toolchain.lock().tools

    def help(self, chain: Sequence[str]) -> str | None:
        """What ``chain --help`` prints; None where it cannot be asked here without getting the program first."""
        name = chain[0]
        if name == "seatrial":
            return self._remembered([__version__, (Path(__file__).parents[1] / "cli.py").read_bytes()], OWN, chain)
        if not (self._provided(name) and self._toolchain.ready(name)):
            return None
        tool = self._toolchain.tool(name)
        return self._remembered([tool.name, tool.version], [tool.path], chain)

    def _remembered(self, identity: Sequence[str | bytes], program: Sequence[str | Path], chain: Sequence[str]) -> str | None:
        key = digest([own_source(__file__), *identity, *chain])
        if known := recall(self._toolchain.cache, "help", key):
            return str(known["text"])
        text = self._ask([*program, *chain[1:], "--help"])
        if text is not None and list(chain) == ["kubectl"]:
            text += self._ask([*program, "options"]) or ""
        if text is not None:
            remember(self._toolchain.cache, "help", key, {"text": text})
        return text

    def _ask(self, words: Sequence[str | Path]) -> str | None:
        try:
            done = process.run(words, timeout=SECONDS, check=False)
        except SeatrialError:
            return None
        return done.output if done.returncode == 0 else None


def judge_command(command: Command, exists: Callable[[str], bool], ask: Callable[[Sequence[str]], str | None]) -> Said:
    """Whether a command's program, subcommands and long options exist.

    Args:
        exists: whether there is a program.
        ask: the help of a chain of subcommands; None where nobody can be asked.
    """
    program = command.program
    if not exists(program):
        return Said(f"no program {program} is to be had")
    if program not in NESTED:
        return Said()
    text = ask([program])
    if text is None:
        return Said(unknown=f"{program} is not here to be asked")
    chain, known = [program], text
    before = ""
    for word in command.words[1:]:
        listed = _LISTED.findall(text)
        another_name = listed and len(chain) > 1 and not (word.startswith("-") or _takes_value(before))
        if word in listed or another_name:
            below = ask([*chain, word])
            if below is None and word in listed:
                return Said(unknown=f"{program} {word} is not here to be asked")
            if below is None or below == text:
                break
            chain, text, known = [*chain, word], below, known + below
        elif word == "--" or not (word.startswith("-") or _takes_value(before)):
            break
        before = word
    if len(chain) == 1 and before != command.words[-1]:
        first = command.words[command.words.index(before) + 1] if before else command.words[1]
        if program == "docker" and first in PLUGINS:
            return Said(unknown=f"docker {first} is not here to be asked")
        return Said(f"{program} knows no command {first}")
    for option in _options(command.words[1:]):
        if (program, chain[1:2]) == ("seatrial", ["run"]):
            break  # hands what it does not know on to pytest
        if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known):
            return Said(f"{' '.join(chain)} knows no option {option}")
    return Said()


def _takes_value(word: str) -> bool:
    """Whether what follows may be an option's value."""
    return word.startswith("-") and "=" not in word


def _options(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word == "--":
            return
        if re.match(r"--[a-z]", word):
            yield word.partition("=")[0]


def syntax(text: str) -> str | None:
    """What a POSIX shell has against a text; None where it can be read."""
    shell = shutil.which("sh")
    if shell is None:
        return None
    done = process.run([shell, "-n"], timeout=SECONDS, input=text, check=False)
    return None if done.returncode == 0 else " ".join(done.output.split())[:200]
