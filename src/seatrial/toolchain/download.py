"""Official releases: fetched over TLS, verified before anything else looks at them, never used in part."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import filelock
import httpx

from seatrial.errors import ChecksumError, ToolchainError
from seatrial.toolchain.lock import Entry, Platform
from seatrial.toolchain.registries import RegistrySettings, ssl_context
from seatrial.toolchain.store import write_atomically
from seatrial.toolchain.ways import fill

TRIES = 3
CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
SLOW_BYTES, SLOW_SECONDS = 300_000, 30.0
"""A transfer that brings fewer than SLOW_BYTES in SLOW_SECONDS is given up: another way is faster."""

FROM_LOCK, FROM_PUBLISHER = "lock", "publisher, first use"
AGAIN = "Run again; if it stays so, check the network, or close the download way and let seatrial build the tool."


class TransferError(ToolchainError):
    """A release could not be fetched whole; another way may be open."""


@dataclass(frozen=True)
class Checksum:
    """What a file must hash to, and who says so."""

    sha256: str
    source: str


class Downloader:
    """Fetches what the lock names.

    Args:
        settings: for certificates and for what messages must hide.
        first_use: file in which checksums are recorded that the lock does not know.
        slow: bytes and seconds: a transfer that brings fewer bytes in that time is given up.
    """

    def __init__(
        self, settings: RegistrySettings, first_use: Path, *, slow: tuple[int, float] = (SLOW_BYTES, SLOW_SECONDS)
    ) -> None:
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx.Client(verify=ssl_context(settings), timeout=timeout, follow_redirects=True)
        self._settings = settings
        self._first_use = first_use
        self._slow_bytes, self._slow_seconds = slow

    def close(self) -> None:
        self._client.close()

    def fetch(
        self, name: str, entry: Entry, machine: Platform, staging: Path, say: Callable[[str], None]
    ) -> tuple[Path, Checksum]:
        """Download, verify and unpack one tool.

        Args:
            staging: a private directory; nothing in it counts before the caller moves it into place.
            say: what is being done, as a phrase.

        Returns:
            the program's path below ``staging``, and who vouches for the archive.

        Raises:
            TransferError: it could not be fetched whole.
            ChecksumError: it is not what was promised. Never answered by trying another way.
        """
        assert entry.download is not None
        url = fill(entry.download.url, entry.version, machine)
        checksum_url = fill(entry.download.checksum_url, entry.version, machine, url=url)
        expected = self.checksum(url, checksum_url, entry.download.sha256.get(machine))
        say("downloading")
        file = staging / "download"
        got = self._transfer(url, file, say)
        if got != expected.sha256:
            file.unlink()
            raise ChecksumError(
                f"{name} {entry.version} was downloaded and is not what {expected.source} names: sha256 {got[:16]}..., not "
                f"{expected.sha256[:16]}...",
                todo="Run again; if it stays so, somebody on the way changes the file: do not use this network.",
            )
        if expected.source == FROM_PUBLISHER:
            self._record(url, expected.sha256)
        program = staging / name
        if entry.download.member is None:
            file.rename(program)
        else:
            say("unpacking")
            unpack(file, fill(entry.download.member, entry.version, machine), program)
            file.unlink()
        return program, expected

    def checksum(self, url: str, checksum_url: str, locked: str | None) -> Checksum:
        """What the file at ``url`` must hash to.

        Raises:
            TransferError: the publisher's checksum file could not be fetched, or names no such file.
            ChecksumError: the publisher now names another value than on first use.
        """
        if locked is not None:
            return Checksum(locked, FROM_LOCK)
        published = published_digest(self._text(checksum_url), PurePosixPath(url).name)
        if published is None:
            raise TransferError(f"{checksum_url} names no checksum for {PurePosixPath(url).name}", todo=AGAIN)
        recorded = self._recorded().get(url)
        if recorded is not None and recorded != published:
            raise ChecksumError(
                f"{url} has another checksum now ({published[:16]}...) than when it was first used ({recorded[:16]}...)",
                todo=f"A release must not change: ask its publisher. If it is right, remove its line from {self._first_use}.",
            )
        return Checksum(published, FROM_PUBLISHER)

    def _text(self, url: str) -> str:
        for attempt in range(1, TRIES + 1):
            try:
                response = self._client.get(url)
                response.raise_for_status()
                return response.text
            except httpx.HTTPError as error:
                if attempt == TRIES or _is_final(error):
                    raise self._unreachable(url, error) from error
        raise AssertionError("unreachable")

    def _transfer(self, url: str, file: Path, say: Callable[[str], None]) -> str:
        """Fetch to ``file``; its sha256. A broken transfer begins anew: half a file is never continued on trust."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._stream(url, file, say)
            except httpx.HTTPError as error:
                file.unlink(missing_ok=True)
                if attempt == TRIES or _is_final(error):
                    raise self._unreachable(url, error) from error
                say(f"downloading again, the transfer broke ({attempt} of {TRIES - 1})")
        raise AssertionError("unreachable")

    def _stream(self, url: str, file: Path, say: Callable[[str], None]) -> str:
        digest = hashlib.sha256()
        with self._client.stream("GET", url, headers={"accept-encoding": "identity"}) as response, file.open("wb") as sink:
            response.raise_for_status()
            total = int(response.headers.get("content-length", 0))
            done, mark, since, told = 0, 0, time.monotonic(), 0.0
            for chunk in response.iter_raw():  # as they come: gathering them first would hide a trickle
                digest.update(chunk)
                sink.write(chunk)
                done += len(chunk)
                now = time.monotonic()
                if now - since >= self._slow_seconds:
                    if done - mark < self._slow_bytes:
                        raise TransferError(
                            f"{url} comes too slowly ({(done - mark) / (now - since) / 1000:.0f} kB/s)", todo=AGAIN
                        )
                    mark, since = done, now
                if now - told >= 1:
                    told = now
                    say(f"downloading, {done / 1e6:.0f}" + (f" of {total / 1e6:.0f} MB" if total else " MB"))
            if total and done != total:
                raise httpx.RemoteProtocolError(f"{done} of {total} bytes came")
        return digest.hexdigest()

    def _unreachable(self, url: str, error: httpx.HTTPError) -> TransferError:
        why = (
            f"status {error.response.status_code}"
            if isinstance(error, httpx.HTTPStatusError)
            else f"{type(error).__name__} {error}".strip()
        )
        return TransferError(self._settings.hide(f"{url} could not be fetched: {why}"), todo=AGAIN)

    def _recorded(self) -> dict[str, str]:
        try:
            kept = json.loads(self._first_use.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ToolchainError(
                f"{self._first_use} cannot be read: {error}", todo="Remove it; what publishers name is recorded anew then."
            ) from error
        return {str(url): str(value) for url, value in kept.items()}

    def _record(self, url: str, value: str) -> None:
        """Record on first use; a second run at the same time must not lose the other's lines."""
        with filelock.FileLock(self._first_use.with_suffix(".lock"), thread_local=False):
            kept = self._recorded()
            if url not in kept:
                write_atomically(self._first_use, json.dumps({**kept, url: value}, indent=1, sort_keys=True) + "\n")


def published_digest(text: str, file: str) -> str | None:
    """The digest of ``file`` in a publisher's checksum file: one lone digest, or lines of digest and name.

    >>> published_digest("a" * 64, "kubectl") == "a" * 64
    True
    """
    lines = [
        re.fullmatch(r"([0-9a-fA-F]{64})(?:\s+\*?(?:\./)?(\S+))?", line.strip()) for line in text.splitlines() if line.strip()
    ]
    rows = [(match.group(1).lower(), match.group(2)) for match in lines if match]
    named = {digest for digest, name in rows if name is not None and PurePosixPath(name).name == file}
    lone = {digest for digest, name in rows if name is None} if len(rows) == 1 else set()
    found = named or lone
    return found.pop() if len(found) == 1 else None


def unpack(archive: Path, member: str, target: Path) -> None:
    """Copy one regular file out of a tar archive.

    Raises:
        TransferError: it is no archive, or has no such file.
    """
    try:
        with tarfile.open(archive) as tar:
            source = next(
                (tar.extractfile(item) for item in tar if item.isfile() and item.name.removeprefix("./") == member), None
            )
            if source is None:
                raise TransferError(f"the archive has no file {member}", todo="Report this: the lock file is wrong.")
            with source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise TransferError(f"the archive with {member} cannot be unpacked: {error}", todo=AGAIN) from error


def _is_final(error: httpx.HTTPError) -> bool:
    """Whether asking again is pointless: the server understood and said no."""
    return (
        isinstance(error, httpx.HTTPStatusError)
        and error.response.status_code < 500
        and error.response.status_code not in (408, 425, 429)
    )
