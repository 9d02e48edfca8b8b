"""The container's start command: check the environment, then become Uvicorn.

``exec`` keeps the process id, so in a container Uvicorn is PID 1 and gets SIGTERM itself. Uvicorn's own command line has no
option that reads ``PORT``, which is why there is a step before it at all.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import sys

from app.logs import CONFIG_FILE, configure
from app.settings import Settings, SettingsError


def uvicorn_command(program: str, settings: Settings) -> list[str]:
    """Return the argument vector that replaces this process."""
    return [
        program,
        "app.main:create_app",
        "--factory",
        "--host=0.0.0.0",
        f"--port={settings.port}",
        f"--log-config={CONFIG_FILE}",
        f"--log-level={settings.log_level.lower()}",
        "--no-access-log",  # app.observe writes one line per request, with its id
        "--no-server-header",
        # Only the ingress controller and the frontend reach this port, and both set X-Forwarded-For.
        "--proxy-headers",
        "--forwarded-allow-ips=*",
        # After SIGTERM a request may take the time that it may take before, too: whoever kills must wait longer.
        f"--timeout-graceful-shutdown={math.ceil(settings.chat_seconds)}",
    ]


def main() -> None:
    """Become Uvicorn, or end with code 2 where the environment cannot be used."""
    configure()
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        logging.getLogger("app").error("cannot start: %s", error)
        sys.exit(2)
    program = shutil.which("uvicorn")
    if program is None:
        logging.getLogger("app").error("cannot start: uvicorn is not in PATH; install requirements.lock")
        sys.exit(2)
    os.execv(program, uvicorn_command(program, settings))


if __name__ == "__main__":
    main()
