"""Start a program in namespaces of its own (mounts, processes) with another root file system.

Run as a file, not as a module (``python enter.py SPEC``), so that nothing but the standard library is imported: it starts in
20 ms. SPEC is JSON: ``root`` (directory), ``binds`` ([[source, target], ...], absolute, target below the new root), ``tmpfs``
([target, ...]), ``argv`` and ``env``.

Two facts hold the design up. dockerd wants ``pivot_root``: after a plain chroot runc cannot pivot again, because its root is no
mount. And the program is process 1 of a process namespace: when it dies the kernel kills everything below it, also what called
setsid. It dies with this process, which dies with its parent (PR_SET_PDEATHSIG), so kill -9 of the reaper ends the engine.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}  # the system call has no wrapper in glibc

_libc = ctypes.CDLL(None, use_errno=True)


def main(spec: dict[str, Any], parent: int) -> int:
    """Run the program of ``spec`` and return its exit code, 128 + n after signal n."""
    _die_with_parent()
    if os.getppid() != parent:
        return 1  # the reaper died before the line above took hold
    _check(_libc.unshare(CLONE_NEWNS | CLONE_NEWPID), "unshare")
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        _become(spec, alive)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the whole group gets it: the engine ends by itself, and then so does this
    os.close(alive)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 128 - code if code < 0 else code


def _become(spec: dict[str, Any], alive: int) -> None:
    """Turn this process, number 1 of its namespace, into the program; never returns."""
    try:
        _die_with_parent()
        os.set_blocking(alive, False)
        try:
            if os.read(alive, 1) == b"":
                os._exit(1)  # the parent died between fork and prctl
        except BlockingIOError:
            pass  # still open: the parent lives
        _new_root(Path(spec["root"]), spec["binds"], spec["tmpfs"])
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except OSError as error:
        print(f"enter: {error}", file=sys.stderr, flush=True)
    os._exit(127)


def _new_root(root: Path, binds: list[list[str]], tmpfs: list[str]) -> None:
    _mount(None, "/", None, MS_REC | MS_PRIVATE)  # nothing mounted from here on is seen outside
    _mount(str(root), str(root), None, MS_BIND)  # pivot_root wants a mount
    for target in tmpfs:
        _mount("tmpfs", _below(root, target, directory=True), "tmpfs", MS_NOSUID | MS_NODEV)
    _mount("proc", _below(root, "/proc", directory=True), "proc", 0)
    for source, target in binds:
        _mount(source, _below(root, target, directory=Path(source).is_dir()), None, MS_BIND | MS_REC)
    (root / ".old").mkdir(exist_ok=True)
    os.chdir(root)
    number = PIVOT_ROOT[platform.machine()]
    _check(_libc.syscall(number, b".", b".old"), "pivot_root")
    os.chdir("/")
    _check(_libc.umount2(b"/.old", MNT_DETACH), "umount /.old")


def _below(root: Path, target: str, *, directory: bool) -> str:
    """The mount point for ``target`` under ``root``, made where it is missing."""
    point = root / target.lstrip("/")
    if directory:
        point.mkdir(parents=True, exist_ok=True)
    else:
        point.parent.mkdir(parents=True, exist_ok=True)
        point.touch()
    return str(point)


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    encoded = [part.encode() if part is not None else None for part in (source, target, kind)]
    _check(_libc.mount(*encoded, ctypes.c_ulong(flags), None), f"mount {source} on {target}")


def _die_with_parent() -> None:
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), int(sys.argv[2])))
