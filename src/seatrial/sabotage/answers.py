"""What programs said of the healthy copy is what they say of one with a fault, as long as all that they read is the same.

The proof is the content: an answer is kept under the program, its arguments, its input and the bytes of every file and folder
that it is given. A copy in which one of these differs asks the program itself; so does the healthy copy, however often it asks.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.checks.remembered import digest
from seatrial.process import Completed

READERS = {
    "helm": ("template", "lint"),
    "hadolint": (),
    "shellcheck": (),
    "yamllint": (),
    "sh": ("-n",),
    "kubectl": ("version",),
    "docker": ("--version",),
}
"""Programs, with those of their commands that only read what they are given and say something of it, or of themselves."""


ARCHIVE = ".tgz"
"""Of a packaged chart what is in it counts, and not when it was packed, which its bytes tell too."""


class Answers:
    """Takes the place of :func:`seatrial.process.run`: hears what programs say of one copy, and says it of others.

    Args:
        ask: runs a program.

    Attributes:
        answering: what was heard is said again; else everything is asked, and heard.
    """

    def __init__(self, ask: Callable[..., Completed] = process.run) -> None:
        self.answering = False
        self.ask = ask
        self._heard: dict[str, tuple[Completed, dict[str, Any]]] = {}

    def run(self, argv: Sequence[str | Path], **how: Any) -> Completed:
        """As :func:`seatrial.process.run`."""
        command = tuple(str(part) for part in argv)
        key = _key(command, how)
        known = self._heard.get(key) if self.answering else None
        if known is not None:
            return _said_of(known[0], command)
        done = self.ask(argv, **how)
        if key and not self.answering:
            self._heard[key] = done, how
        return done

    def heard(self, program: str, command: str) -> list[tuple[Completed, dict[str, Any]]]:
        """What a program said, each with how it was asked."""
        return [each for each in self._heard.values() if Path(each[0].argv[0]).name == program and each[0].argv[1] == command]

    def teach(self, done: Completed, how: dict[str, Any]) -> None:
        """Something that a program would say."""
        self._heard[_key(done.argv, how)] = done, how


def _key(command: Sequence[str], how: dict[str, Any]) -> str:
    """What decides the answer; empty where more may."""
    program, *arguments = command
    name = Path(program).name
    if arguments[:1] == ["-m"]:
        _, name, *arguments = arguments
    commands = READERS.get(name)
    if commands is None or (commands and arguments[0] not in commands) or how.get("cwd"):
        return ""
    surroundings = {name: text for name, text in (how.get("env") or {}).items() if not name.startswith("PYTEST_")}
    told = repr((program, how.get("input"), how.get("check"), sorted(surroundings.items())))
    return digest([told, *(part for argument in arguments for part in _content(argument))])


def _content(argument: str) -> Iterator[str | bytes]:
    """An argument; of one that is a path, what lies there, under its last name alone: copies lie in different places."""
    path = Path(argument)
    if not path.is_absolute():
        yield argument
    elif path.is_dir():
        for file in sorted(each for each in path.rglob("*") if not each.is_dir()):
            yield f"{path.name}/{file.relative_to(path)}"
            yield file.read_bytes()
    elif path.suffix == ARCHIVE and path.is_file() and tarfile.is_tarfile(path):
        yield path.name
        with tarfile.open(path) as archive:
            for member in archive:
                yield f"{member.name} {member.type!r} {member.mode} {member.linkname}"
                yield opened.read() if (opened := archive.extractfile(member)) else b""
    else:
        yield path.name
        yield path.read_bytes() if path.is_file() else b""


def _said_of(known: Completed, command: tuple[str, ...]) -> Completed:
    """An answer, with the paths of this call in place of those of the call that it was given to."""
    paths = [pair for pair in zip(known.argv, command, strict=True) if pair[0] != pair[1]]
    out, err = known.stdout, known.stderr
    for old, new in sorted(paths, key=lambda pair: len(pair[0]), reverse=True):
        out, err = out.replace(old, new), err.replace(old, new)
    return replace(known, argv=command, stdout=out, stderr=err)
