"""The journal: an append-only record of one run, written as it happens. Every report is made from it alone.

Each process writes its own file (``journal-<pid>.jsonl``), one ``os.write`` with O_APPEND per record, so that records of
several processes never mix and a kill loses at most the line that was being written. :func:`replay` merges the files.

Redaction happens here and nowhere else: values that were announced with :meth:`Redactor.hide` and texts that look like a
credential never reach the disk.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.verdict import Verdict, as_data

HIDDEN = "[redacted]"
SHORTEST_SECRET = 6
"""Values shorter than this are not hidden: they would also strike out ordinary words."""

_LOOKS_SECRET = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:)[^\s@'\"]+(?=@)"
    r"|\bsk-[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


class Redactor:
    """Strikes secrets out of text: the values it was told, and what looks like a credential.

    Args:
        root: folder of the application; paths below it are written relative to it.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._values: set[str] = set()
        self._root = f"{root}/" if root is not None else None
        self._lock = threading.Lock()

    def hide(self, *values: str) -> None:
        """Announce secret values; each is hidden as it is and as JSON writes it."""
        with self._lock:
            for value in values:
                if len(value) >= SHORTEST_SECRET:
                    self._values |= {value, json.dumps(value)[1:-1]}

    def clean(self, text: str) -> str:
        with self._lock:
            known = sorted(self._values, key=len, reverse=True)
        for value in known:
            text = text.replace(value, HIDDEN)
        if self._root is not None:
            text = text.replace(self._root, "")
        return _LOOKS_SECRET.sub(lambda match: (match["url"] or "") + HIDDEN, text)

    def clean_data(self, data: Any) -> Any:
        """Plain data with every text in it cleaned, keys included."""
        if isinstance(data, str):
            return self.clean(data)
        if isinstance(data, Mapping):
            return {self.clean(str(key)): self.clean_data(value) for key, value in data.items()}
        if isinstance(data, list | tuple | set | frozenset):
            return [self.clean_data(value) for value in data]
        if data is None or isinstance(data, bool | int | float):
            return data
        return self.clean(str(data))


@dataclass(frozen=True)
class Record:
    """One line of a journal.

    Attributes:
        at: seconds since the epoch.
        pid, sequence: who wrote it, and which of its records it is.
        kind: ``run``, ``phase``, ``verdict``, ``tool``, ``image``, ``proof``, ``selection``, ``warning``, ``end`` ...
        data: what it says; plain data.
    """

    at: float
    pid: int
    sequence: int
    kind: str
    data: Mapping[str, Any]


class Journal:
    """Appends records to the run's folder.

    Args:
        folder: ``reports/<run id>/journal``.
        redactor: shared with whoever learns a secret.
    """

    def __init__(self, folder: Path, redactor: Redactor | None = None) -> None:
        self.folder = folder
        self.redactor = redactor or Redactor()
        self._sequence = 0
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(folder / f"journal-{os.getpid()}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, **data: Any) -> Record:
        """Append one record and return it as it was written."""
        with self._lock:
            self._sequence += 1
            record = Record(time.time(), os.getpid(), self._sequence, kind, self.redactor.clean_data(data))
            line = json.dumps(
                {"at": record.at, "pid": record.pid, "sequence": record.sequence, "kind": kind, "data": record.data},
                ensure_ascii=False,
            )
            os.write(self._descriptor, line.encode("utf-8", "replace") + b"\n")
        return record

    def verdict(self, criterion: str, verdict: Verdict, *, test: str, seconds: float = 0.0) -> Record:
        """Append a verdict.

        Args:
            criterion: its id.
            verdict: what the judge said.
            test: node id of the test that judged.
            seconds: how long the observation took.
        """
        return self.write("verdict", criterion=criterion, test=test, seconds=round(seconds, 3), **as_data(verdict))

    def close(self) -> None:
        with self._lock:
            os.close(self._descriptor)


def replay(folder: Path) -> Iterator[Record]:
    """All records of a run in the order in which they were written.

    A torn last line of a file (its writer was killed) is dropped; any other line that cannot be read raises ValueError, because
    a journal with a hole in it proves nothing.
    """
    records: list[Record] = []
    for path in sorted(folder.glob("journal-*.jsonl")):
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                records.append(Record(**json.loads(line)))
            except (ValueError, TypeError) as error:
                if number == len(lines):  # no newline after it: torn
                    continue
                raise ValueError(f"{path}:{number}: not a journal record: {error}") from None
    yield from sorted(records, key=lambda record: (record.at, record.pid, record.sequence))
