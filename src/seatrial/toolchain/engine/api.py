"""The few calls of the Docker Engine API that the reaper makes itself, over the engine's socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx

from seatrial.errors import MachineError

CALL_SECONDS = 30.0


def version(socket: Path) -> str:
    """The engine's version, such as ``26.1.5``."""
    with _client(socket) as client:
        return str(_got(client.get("/version")).json()["Version"])


def purge(socket: Path) -> list[str]:
    """Remove every container, network and volume, and images that lost their name to a newer build. Other images and the
    build cache stay.

    Raises:
        MachineError: the engine does not answer, or refuses.
    """
    with _client(socket) as client, ThreadPoolExecutor(4) as pool:

        def delete(kind: str, paths: list[str]) -> list[str]:
            for answer in pool.map(client.delete, paths):
                if answer.status_code != 404:  # gone meanwhile
                    _got(answer)
            return [f"removed {len(paths)} {kind}(s) from the private engine"] if paths else []

        containers = [f"/containers/{item['Id']}?force=1&v=1" for item in client.get("/containers/json?all=1").json()]
        done = delete("container", containers)
        custom = quote(json.dumps({"type": ["custom"]}))
        done += delete("network", [f"/networks/{item['Id']}" for item in client.get(f"/networks?filters={custom}").json()])
        volumes = client.get("/volumes").json()["Volumes"] or []
        done += delete("volume", [f"/volumes/{quote(item['Name'], safe='')}?force=1" for item in volumes])
        nameless = quote(json.dumps({"dangling": ["true"]}))
        freed = _got(client.post(f"/images/prune?filters={nameless}")).json()["SpaceReclaimed"]
        return done + ([f"freed {freed / 1e6:.0f} MB of images without a name"] if freed else [])


@contextmanager
def _client(socket: Path) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(uds=str(socket))
    try:
        with httpx.Client(transport=transport, base_url="http://engine", timeout=CALL_SECONDS) as client:
            yield client
    except httpx.HTTPError as error:
        raise MachineError(f"The engine on {socket} does not answer: {error or type(error).__name__}") from error


def _got(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise MachineError(f"The engine refused {answer.request.method} {answer.request.url.path}: {answer.text.strip()}")
    return answer
