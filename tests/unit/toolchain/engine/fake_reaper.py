"""A reaper with a fake engine: ``fake_reaper.py CACHE RUN BEHAVIOUR GRACE STARTER``.

BEHAVIOUR: ``good`` (ready at once, until SIGTERM), ``silent`` (never ready), ``dies`` (ends with 3 before it is ready),
``dies-later`` (ready, ends when the file RUN/die appears), ``refuses`` (ready, but its API says no),
``impossible`` (cannot even be launched).
"""

import sys
from pathlib import Path

from seatrial.errors import MachineError
from seatrial.process import Background
from seatrial.toolchain.engine.places import Places
from seatrial.toolchain.engine.reaper import Reaper, hold

ENGINE = """
import os, signal, socket, sys, time
behaviour, ready, run = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if behaviour == "dies":
    print("no space left on device", flush=True)
    sys.exit(3)
if behaviour != "silent":
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", ready)
reaper = os.getppid()
while os.getppid() == reaper and not (behaviour == "dies-later" and os.path.exists(run + "/die")):
    time.sleep(0.02)  # a reaper that a test killed leaves nobody who would end this one
sys.exit(4)
"""


def main(cache: str, run: str, behaviour: str, grace: str, starter: str) -> int:
    places = Places(cache=Path(cache), run=Path(run))
    lock = hold(places.lock)
    argv = [sys.executable, "-c", ENGINE, behaviour, str(places.ready), run]

    def facts() -> dict[str, str]:
        if behaviour == "refuses":
            raise MachineError("The engine refused GET /version", todo="")
        return {"version": "26.1.5", "data_root": "/data", "rootfs": "/root"}

    def launch() -> Background:
        if behaviour == "impossible":
            raise OSError(28, "No space left on device")
        return Background(argv, log=places.log)

    engine = Reaper(places, launch, facts, int(starter), grace=float(grace)).serve()
    if engine is not None:
        engine.stop(grace=5)
        print("torn down", flush=True)
    lock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
