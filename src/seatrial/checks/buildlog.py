"""BuildKit's plain log as steps (``docker buildx build --progress=plain``). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"^#(?P<number>\d+) (?P<rest>.*)$")
_STEP = re.compile(r"^\[(?:(?P<stage>[\w.-]+) )?\s*(?P<index>\d+)/(?P<of>\d+)\] (?P<instruction>.*)$")
_OUTPUT = re.compile(r"^\d+\.\d+ (?P<text>.*)$")
_ERROR = re.compile(r"^(?:\x1b\[[\d;]*m)*\s*(?:npm )?(?:error|err!|fatal|traceback \(most|e:|panic:)(?![\w-]*s\b)", re.IGNORECASE)
"""How npm, pip, apt, compilers and runtimes begin a line that reports an error."""


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile in a build.

    Attributes:
        number: BuildKit's own.
        stage: name of the stage; empty where the Dockerfile gives none.
        instruction: as written, continuation lines joined.
        cached: it was taken from the build cache.
        output: what it printed.
    """

    number: int
    stage: str
    instruction: str
    cached: bool
    output: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether it can be slow or fail. WORKDIR is none of these: BuildKit calls it cached even where no cache is used."""
        return self.instruction.split(" ", 1)[0] in ("RUN", "COPY", "ADD")

    @property
    def errors(self) -> list[str]:
        """Lines that report an error."""
        return [line for line in self.output if _ERROR.match(line)]


def steps(log: str) -> list[Step]:
    """The instructions of the Dockerfile, in the log's order; base images and BuildKit's own work are left out."""
    names: dict[int, re.Match[str]] = {}
    cached: set[int] = set()
    output: dict[int, list[str]] = {}
    for line in log.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        number, rest = int(found["number"]), found["rest"]
        step = _STEP.match(rest)
        text = _OUTPUT.match(rest)
        if step is not None and not step["instruction"].startswith("FROM "):
            names.setdefault(number, step)
        elif rest == "CACHED":
            cached.add(number)
        elif text is not None:
            output.setdefault(number, []).append(text["text"])
    return [
        Step(number, step["stage"] or "", step["instruction"], number in cached, tuple(output.get(number, ())))
        for number, step in names.items()
    ]
