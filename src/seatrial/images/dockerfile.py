"""A Dockerfile as stages and instructions with their lines. No I/O beyond reading the file, no judgement.

The grammar is that of BuildKit's reference: comments, continuation lines, here-documents, the ``escape`` directive, ``ARG``
before the first ``FROM``, and ``$NAME``, ``${NAME}``, ``${NAME:-default}``, ``${NAME:+other}`` in what names an image.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.errors import ConfigError, ImageBuildError, Place

_VARIABLE = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::(?P<sign>[-+])(?P<other>[^}]*))?\})")
_HEREDOC = re.compile(r"<<-?([\"']?)(\w+)\1")
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S*))?\s*")


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        keyword: in capitals, such as ``RUN``.
        value: the rest, continuation lines joined by blanks, without comments and flags; here-documents follow after a line end.
        line: where it begins, counted from 1.
        flags: ``--name=value`` parts, in order; a flag without value has "".
    """

    keyword: str
    value: str
    line: int
    flags: tuple[tuple[str, str], ...] = ()

    @property
    def exec_form(self) -> list[str] | None:
        """The words of ``["a", "b"]``; None where it is written in shell form."""
        try:
            words = json.loads(self.value)
        except ValueError:
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@dataclass(frozen=True)
class Stage:
    """From one ``FROM`` to the next.

    Attributes:
        name: after ``AS``; None without one.
        base: image or earlier stage that it starts from, variables replaced.
        line: of its FROM.
        instructions: what follows.
    """

    name: str | None
    base: str
    line: int
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[Instruction]:
        """Its instructions of one kind."""
        return [each for each in self.instructions if each.keyword == keyword]


@dataclass(frozen=True)
class Dockerfile:
    """A parsed file.

    Attributes:
        path: where it was read.
        args: ARG before the first FROM, with the values in force.
        stages: in order; the last one is what ``docker build`` makes.
    """

    path: Path
    args: Mapping[str, str]
    stages: tuple[Stage, ...] = field(default=())

    def bases(self) -> dict[str, int]:
        """Images from elsewhere that it starts from or copies from, each with the line of its first mention."""
        found: dict[str, int] = {}
        names: set[str] = {"scratch"}
        for stage in self.stages:
            if stage.base not in names:
                found.setdefault(stage.base, stage.line)
            for each in stage.instructions:
                for source in _sources(each):
                    if source not in names and not source.isdigit():
                        found.setdefault(source, each.line)
            if stage.name:
                names.add(stage.name)
        return found

    def final_base(self) -> str:
        """The image from elsewhere below the last stage; ``scratch`` where there is none."""
        by_name = {stage.name: stage for stage in self.stages if stage.name}
        stage = self.stages[-1]
        while stage.base in by_name and by_name[stage.base] is not stage:
            stage = by_name[stage.base]
        return stage.base

    def ancestry(self) -> list[Stage]:
        """The stages whose layers are in the image: the last one, then what it starts from, and so on."""
        by_name = {stage.name: stage for stage in self.stages if stage.name}
        chain = [self.stages[-1]]
        while chain[-1].base in by_name and by_name[chain[-1].base] not in chain:
            chain.append(by_name[chain[-1].base])
        return chain


def read_dockerfile(path: Path, args: Mapping[str, str] | None = None) -> Dockerfile:
    """Parse a file.

    Args:
        path: the Dockerfile.
        args: build arguments, which win over the file's own defaults.

    Raises:
        ConfigError: it cannot be read.
        ImageBuildError: it has no FROM, or an instruction stands where none may; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", place=Place(path), todo="It must be a readable UTF-8 text file.") from None
    return _arrange(path, _instructions(text), dict(args or {}))


def _arrange(path: Path, instructions: list[Instruction], given: dict[str, str]) -> Dockerfile:
    args: dict[str, str] = {}
    heads: list[Instruction] = []
    bodies: list[list[Instruction]] = []
    for each in instructions:
        if each.keyword == "FROM":
            heads.append(each)
            bodies.append([])
        elif bodies:
            bodies[-1].append(each)
        elif each.keyword == "ARG":
            name, _, default = each.value.partition("=")
            args[name.strip()] = given.get(name.strip(), expand(default.strip().strip("\"'"), args))
        else:
            place = Place(path, each.line)
            raise ImageBuildError(f"{each.keyword} stands before the first FROM", place=place, todo="Begin with FROM.")
    if not heads:
        raise ImageBuildError("has no FROM", place=Place(path), todo="A Dockerfile begins with FROM.")
    return Dockerfile(path, args, tuple(_stage(head, body, args) for head, body in zip(heads, bodies, strict=True)))


def _stage(head: Instruction, body: list[Instruction], args: Mapping[str, str]) -> Stage:
    words = head.value.split()
    named = len(words) >= 3 and words[1].upper() == "AS"
    return Stage(words[2].lower() if named else None, expand(words[0], args) if words else "", head.line, tuple(body))


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace variables as BuildKit does; an unknown one becomes empty."""

    def value(match: re.Match[str]) -> str:
        known = values.get(match["plain"] or match["name"], "")
        if match["sign"] == "-":
            return known or match["other"]
        if match["sign"] == "+":
            return match["other"] if known else ""
        return known

    return _VARIABLE.sub(value, text)


def _sources(instruction: Instruction) -> list[str]:
    """What ``COPY --from=`` and ``RUN --mount=...,from=`` name."""
    if instruction.keyword == "COPY":
        return [value for name, value in instruction.flags if name == "from"]
    mounts = [value for name, value in instruction.flags if name == "mount"]
    return [part.removeprefix("from=") for mount in mounts for part in mount.split(",") if part.startswith("from=")]


def _instructions(text: str) -> list[Instruction]:
    lines = text.splitlines()
    escape = "`" if re.match(r"\s*#\s*escape\s*=\s*`", text, re.IGNORECASE) else "\\"
    found: list[Instruction] = []
    position = 0
    while position < len(lines):
        logical, start, position = _logical_line(lines, position, escape)
        if logical:
            keyword, _, rest = logical.partition(" ")
            document, position = _heredocs(keyword, rest, lines, position)
            found.append(_instruction(keyword, rest, start + 1, document))
    return found


def _logical_line(lines: list[str], position: int, escape: str) -> tuple[str, int, int]:
    """The next instruction with its continuation lines joined, the index of its first line, and that of the line after it."""
    start = position
    parts: list[str] = []
    while position < len(lines):
        line = lines[position].strip()
        position += 1
        if line.startswith("#") or (parts and not line):
            continue  # comments and empty lines may stand between the lines of one instruction
        if not parts:
            start = position - 1
        parts.append(line.removesuffix(escape).strip())
        if not line.endswith(escape):
            break
    return " ".join(part for part in parts if part), start, position


def _heredocs(keyword: str, rest: str, lines: list[str], position: int) -> tuple[str, int]:
    """The text of the here-documents that an instruction opens, and the line after them."""
    if keyword.upper() not in ("RUN", "COPY", "ADD"):
        return "", position
    begin = position
    for _, end in _HEREDOC.findall(rest):
        while position < len(lines) and lines[position].strip() != end:
            position += 1
        position += 1
    return "\n".join(lines[begin:position]), position


def _instruction(keyword: str, rest: str, line: int, document: str) -> Instruction:
    flags: list[tuple[str, str]] = []
    rest = rest.strip()
    while match := _FLAG.match(rest):
        flags.append((match[1], match[2] or ""))
        rest = rest[match.end() :]
    return Instruction(keyword.upper(), f"{rest}\n{document}" if document else rest, line, tuple(flags))
