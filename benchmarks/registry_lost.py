"""Registries that go away half-way: ``python benchmarks/registry_lost.py [REPOSITORY] [--after 2 30 120 300]``.

All traffic goes through a proxy on loopback that cuts every connection, and takes no new one, once it has passed on so many
megabytes. The first run starts with an empty cache of its own; each following one starts on what the one before it has kept,
with a living proxy that is cut a given number of megabytes later. A run that loses its registries must end by itself, with the
exit code of its class, one sentence for each thing that is not to be had, no traceback, and nothing left.

Needs what ``seatrial run`` needs, and ends nothing but what it started.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from machine import MARK, left, of_runs, snapshot
from run_kills import settle

from seatrial.errors import ExitCode
from seatrial.toolchain.engine.places import Places

RUN_SECONDS = 1800.0
BLOCK = 1 << 16


class Proxy(socketserver.ThreadingTCPServer):
    """Passes connections on until its budget is spent.

    Args:
        budget: bytes.
    """

    daemon_threads = True

    def __init__(self, budget: int) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.left = budget
        self.passed = 0
        self.cut_at = 0.0
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spend(self, count: int) -> bool:
        """Whether these bytes may still pass."""
        with self._lock:
            if self.left <= 0:
                self.cut_at = self.cut_at or time.monotonic()
                return False
            self.left -= count
            self.passed += count
            return True


class Tunnel(socketserver.StreamRequestHandler):
    """One connection: CONNECT, then bytes both ways."""

    server: Proxy

    def handle(self) -> None:
        words = self.rfile.readline(4096).split()
        while self.rfile.readline(4096).strip():
            pass
        if len(words) < 2 or words[0] != b"CONNECT" or not self.server.spend(0):
            return
        host, _, port = words[1].decode().rpartition(":")
        with contextlib.suppress(OSError):  # a host that is not there, and whoever hangs up, are the business of both ends
            self._pass_on(host, port)

    def _pass_on(self, host: str, port: str) -> None:
        with socket.create_connection((host, int(port)), timeout=30) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pairs = {self.connection: upstream, upstream: self.connection}
            while True:
                ready, _, _ = select.select(list(pairs), [], [], 0.2)
                if not ready and not self.server.spend(0):
                    return
                for end in ready:
                    block = end.recv(BLOCK)
                    if not block or not self.server.spend(len(block)):
                        return
                    pairs[end].sendall(block)


def one_loss(repository: Path, cache: Path, megabytes: int, log: Path, selection: list[str]) -> bool:
    """Run until the registries have gone and the run has ended; whether it ended as it should."""
    places = Places.of_user(cache)
    token = f"registry-{os.getpid()}-{megabytes}"
    proxy = Proxy(megabytes << 20)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {name: proxy.address for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")}
    environment |= {"SEATRIAL_CACHE": str(cache), MARK: token, "NO_PROXY": "127.0.0.1,localhost"}
    before = snapshot(of_runs(token, places), places, None)
    argv = [str(Path(sys.executable).with_name("seatrial")), "run", str(repository), *selection]
    began = time.monotonic()
    with log.open("wb") as out:
        code = subprocess.run(
            argv, stdout=out, stderr=subprocess.STDOUT, env=environment, timeout=RUN_SECONDS, check=False
        ).returncode
    ended = time.monotonic()
    settle(token, places)
    stays = left(before, snapshot(of_runs(token, places), places, None))
    proxy.shutdown()
    proxy.server_close()
    text = log.read_text(errors="replace")
    lost = bool(proxy.cut_at)
    print(
        f"cut after {megabytes} MB more: {proxy.passed >> 20} MB came"
        + (f", gone at {proxy.cut_at - began:.0f} s, run ended {ended - proxy.cut_at:.0f} s later" if lost else ", never cut")
        + f", exit {code}, {'a traceback' if 'Traceback' in text else 'no traceback'}, left {stays or 'nothing'}",
        flush=True,
    )
    print("\n".join(line for line in text.splitlines()[-25:] if line.strip()), flush=True)
    return "Traceback" not in text and not stays and (code == ExitCode.TOOLCHAIN if lost else code in (0, 1))


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path, nargs="?", default=Path(__file__).parents[1])
    parser.add_argument("--after", type=int, nargs="+", default=[2, 30, 120, 300], metavar="MB")
    parser.add_argument("selection", nargs="*", default=["--criterion", "M2-DEP-01"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-registry-") as scratch:
        good = [
            one_loss(options.repository, Path(scratch) / "cache", megabytes, Path(scratch) / f"{number}.log", options.selection)
            for number, megabytes in enumerate(options.after)
        ]
    return good.count(False)


if __name__ == "__main__":
    sys.exit(main())
