"""The container's start command."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from app.main import create_app
from app.settings import Settings, SettingsError

DRAIN_SECONDS = 3
"""How long requests under way may take after SIGTERM; one that was told to hang takes all of it."""


def main() -> None:
    """Serve until SIGTERM, or end with code 2 where the environment cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stdout)
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        logging.getLogger("app").error("cannot start: %s", error)
        sys.exit(2)
    uvicorn.run(
        create_app(settings),
        host="0.0.0.0",
        port=settings.port,
        log_config=None,  # Uvicorn's lines go where ours go
        access_log=False,  # health checks would be most of it
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


if __name__ == "__main__":
    main()
