"""The journal: an append-only record of one run, written as it happens. Every report is made from it alone.

Each process writes its own file (``journal-<pid>.jsonl``), one ``os.write`` with O_APPEND per record, so that records of
several processes never mix and a kill loses at most the line that was being written. :func:`replay` merges the files.

Redaction happens here and nowhere else: values that were announced with :meth:`Redactor.hide` and texts that look like a
credential never reach the disk. Whether that held is looked up when a run ends: see :mod:`seatrial.report.search`.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from seatrial.verdict import Verdict, as_data

HIDDEN = "[redacted]"
SHORTEST_SECRET = 6
"""Values shorter than this are not hidden: they would also strike out ordinary words."""
LONG = 12
"""A value of so many characters is looked for in every form and anywhere in a text; a shorter one may be an ordinary word."""
SOME_SECRET = "a value that was to be hidden"

_LOOKS_SECRET = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:)[^\s@'\"]+(?=@)"
    r"|\bsk-[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


@functools.cache
def forms(value: str) -> Mapping[str, str]:
    """The ways in which others write a value: text -> how it is written, the value itself first.

    Base64 takes three bytes at a time, so within a longer text that was encoded as a whole a value has three looks; what depends
    on its neighbours there is left out.
    """
    whole, escaped = value.encode("utf-8", "surrogatepass"), html.escape(value)
    found = {value: "as it is"}
    for text in _plain(value)[1:]:
        found.setdefault(text, "as JSON")
    for text in (escaped, escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")):
        found.setdefault(text, "as HTML")
    for text in (quote(whole), quote(whole, safe=""), quote_plus(whole)):
        found.setdefault(text, "URL-encoded")
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(whole)) * 8 // 6
        coded = base64.b64encode(b"\0" * before + whole + b"\0" * 3)[first:last].decode()
        for text in (coded, coded.translate(_URL_SAFE)):
            found.setdefault(text, "in base64")
    return found


_URL_SAFE = str.maketrans("+/", "-_")


def _plain(value: str) -> tuple[str, str]:
    return value, json.dumps(value)[1:-1]


class Redactor:
    """Strikes secrets out of text: the values it was told, and what looks like a credential.

    Args:
        root: folder of the application; paths below it are written relative to it.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._values: dict[str, str] = {}  # value -> how it is called
        self._texts: tuple[str, ...] = ()  # in every form, the longest first
        self._root = f"{root}/" if root is not None else None
        self._lock = threading.Lock()

    def hide(self, *values: str, source: str = SOME_SECRET) -> None:
        """Announce secret values: each is hidden as it is and as JSON writes it, a long one in all its :func:`forms`.

        Args:
            source: how they are called, where they are looked for at the end; empty for what is written in files that everybody
                reads, and is not looked for.
        """
        with self._lock:
            for value in values:
                if len(value) >= SHORTEST_SECRET and self._values.get(value, SOME_SECRET) == SOME_SECRET:
                    self._values[value] = source
            texts = {text for value in self._values for text in (forms(value) if len(value) >= LONG else _plain(value))}
            self._texts = tuple(sorted(texts, key=len, reverse=True))

    def known(self) -> dict[str, str]:
        """What was announced and is long enough to be looked for: value -> how it is called."""
        with self._lock:
            return {value: source for value, source in self._values.items() if source and len(value) >= LONG}

    def clean(self, text: str) -> str:
        for value in self._texts:
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
            self._descriptor = -1  # the number may become another file's, and a thread that was left behind still write


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
