"""What a Dockerfile says of the container that its image becomes: ports, user, variables, command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import Place
from seatrial.images.dockerfile import Dockerfile, Instruction, expand
from seatrial.wiring.reading import number

_PORT_FLAG = re.compile(
    r"(?:(?:--|-D)(?:server\.)?port|--bind|-b|-p|\bmanage\.py runserver|-m http\.server|\bphp -S)[= ]+"
    r"(?:(?:tcp://)?(?:[\w.]*|\*|\[::\]):)?(\d{2,5})\b"
)
_PORT_VARIABLE = re.compile(r"\$\{?PORT\b")


@dataclass(frozen=True)
class Setting:
    """A variable that a Dockerfile sets with ENV or ARG."""

    value: str
    place: Place


@dataclass(frozen=True)
class Recipe:
    """One Dockerfile, as far as the wiring is concerned.

    Attributes:
        path: of the file.
        base: the image from elsewhere below the last stage.
        exposed: ports of EXPOSE.
        user: of the last USER, without its group; empty where there is none.
        environment: ENV of the image.
        arguments: ARG with a default, and ENV of the stages that are only built from, both of which a bundler may read.
        command: ENTRYPOINT and CMD as one text.
    """

    path: Path
    base: str
    exposed: frozenset[int]
    user: str
    environment: Mapping[str, Setting]
    arguments: Mapping[str, Setting]
    command: str

    @property
    def listens(self) -> frozenset[int]:
        """Ports that the program itself is told to take: in its command, else by PORT; empty where the file does not say."""
        port = number(self.environment["PORT"].value) if "PORT" in self.environment else None
        return told_ports(self.command) or frozenset({port} if port else ())

    @property
    def reads_port(self) -> bool:
        """Whether the variable PORT moves the port, as far as the file shows."""
        return "PORT" in self.environment or bool(_PORT_VARIABLE.search(self.command))


def told_ports(command: str) -> frozenset[int]:
    """Ports that a command tells its program to take."""
    return frozenset(int(port) for port in _PORT_FLAG.findall(command))


def recipe(file: Dockerfile) -> Recipe:
    """Read a parsed Dockerfile."""
    shipped = [each for stage in reversed(file.ancestry()) for each in stage.instructions]
    environment = _settings(file.path, shipped, "ENV")
    known = {**file.args, **{name: setting.value for name, setting in environment.items()}}
    return Recipe(
        path=file.path,
        base=file.final_base(),
        exposed=frozenset(_exposed(shipped, known)),
        user=expand(_last(shipped, "USER"), known).partition(":")[0].strip(),
        environment=environment,
        arguments={
            name: setting
            for stage in file.stages
            for keyword in ("ARG", "ENV")
            for name, setting in _settings(file.path, stage.instructions, keyword).items()
            if name not in environment
        },
        command=expand_known(" ".join(_words(shipped, key) for key in ("ENTRYPOINT", "CMD")), known),
    )


def expand_known(command: str, known: Mapping[str, str]) -> str:
    """Replace variables that the file itself sets; the others stay for the container's environment."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: known.get(match[1], match[0]) if match[1] != "PORT" else match[0], command)


def _settings(path: Path, instructions: Iterable[Instruction], keyword: str) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for each in instructions:
        if each.keyword == keyword:
            values = {name: setting.value for name, setting in found.items()}
            for name, value in _pairs(each.value):
                found[name] = Setting(expand(value, values), Place(path, each.line))
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    """``A=1 B="two words"`` and the old form ``A one value``; an ARG without a default is none."""
    head, blank, rest = text.strip().partition(" ")
    if "=" not in head:
        return [(head, rest.strip())] if blank and rest.strip() else []
    try:
        words = shlex.split(text)
    except ValueError:  # an open quote: BuildKit refuses the file, and the build says so
        words = text.split()
    return [(name, value) for name, sign, value in (word.partition("=") for word in words) if sign]


def _exposed(instructions: Iterable[Instruction], known: Mapping[str, str]) -> Iterable[int]:
    for each in instructions:
        if each.keyword == "EXPOSE":
            for word in expand(each.value, known).split():
                if port := number(word.partition("/")[0]):
                    yield port


def _last(instructions: Iterable[Instruction], keyword: str) -> str:
    return next((each.value for each in reversed(list(instructions)) if each.keyword == keyword), "")


def _words(instructions: Iterable[Instruction], keyword: str) -> str:
    last = next((each for each in reversed(list(instructions)) if each.keyword == keyword), None)
    return " ".join(last.exec_form or [last.value]) if last else ""
