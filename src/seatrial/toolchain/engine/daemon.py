"""How dockerd is configured and started inside its own root file system."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from seatrial.process import Background, environment
from seatrial.toolchain.engine import enter
from seatrial.toolchain.engine.places import Places

BUILD_CACHE = "10GB"
"""BuildKit drops its oldest results above this."""

NOT_BOUND = frozenset(
    ["bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "lost+found", "proc", "run", "sbin", "sys", "usr", "var"]
)
"""Top-level directories that the root file system has of its own; every other one of the machine is bound in."""

PROXIES = frozenset(["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"])
CERTIFICATES = frozenset(["SSL_CERT_FILE", "SSL_CERT_DIR"])


def start(places: Places, rootfs: Path) -> Background:
    """Start dockerd as process 1 of its own namespaces; it says when it is ready on ``places.ready``."""
    places.data.mkdir(parents=True, exist_ok=True)
    places.config.write_text(json.dumps(configuration(places), indent=1))
    places.log.write_text("")
    spec = {
        "root": str(rootfs),
        "binds": binds(places, Path("/")),
        "tmpfs": ["/run"],
        "argv": ["tini", "--", "dockerd", "--config-file", str(places.config)],
        "env": _environment(places),
    }
    return Background([sys.executable, "-I", enter.__file__, json.dumps(spec), str(os.getpid())], log=places.log, cwd=Path("/"))


def configuration(places: Places) -> dict[str, Any]:
    """The content of daemon.json. Everything that dockerd writes outside its data lies under /run, a tmpfs that dies with it."""
    return {
        "hosts": [places.host],
        "data-root": str(places.data),
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        "cgroup-parent": f"/{places.cgroup}",
        "default-cgroupns-mode": "host",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],  # there is no systemd to ask in this process namespace
        "builder": {"gc": {"enabled": True, "defaultKeepStorage": BUILD_CACHE}},
        "log-level": "info",
    }


def binds(places: Places, machine: Path) -> list[list[str]]:
    """What of the machine is seen inside, as [source, target]: kernel file systems, name resolution, CA certificates, and the
    directories that ``docker run -v`` may name, at their own paths."""
    top = [path for path in sorted(machine.iterdir()) if path.name not in NOT_BOUND and path.is_dir() and not path.is_symlink()]
    settings = [machine / "etc" / name for name in ("resolv.conf", "hosts", "ssl", "pki")]
    paths = [machine / "sys", machine / "dev", *top, *(path for path in settings if path.exists())]
    pairs = [[str(path.resolve()), f"/{path.relative_to(machine)}"] for path in paths]
    if (modules := machine / "lib" / "modules").is_dir():
        pairs.append([str(modules.resolve()), "/usr/lib/modules"])  # /lib is a symlink in there, and must stay one
    return pairs + [[str(path), str(path)] for path in (places.cache, places.run) if path.parts[1] in NOT_BOUND]


def _environment(places: Places) -> dict[str, str]:
    passed = {name: value for name, value in environment().items() if name.upper() in PROXIES}
    passed |= {name: value for name, value in environment().items() if name in CERTIFICATES and _seen_inside(value)}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "NOTIFY_SOCKET": str(places.ready), **passed}


def _seen_inside(path: str) -> bool:
    """Whether an absolute path of the machine is bound in, at the same place."""
    parts = Path(path).parts
    return parts[1:3] in (("etc", "ssl"), ("etc", "pki")) or (len(parts) > 1 and parts[1] not in NOT_BOUND)
