"""One JSON object per log line, each with the id of the request that it belongs to."""

from __future__ import annotations

import json
import logging
import logging.config
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CONFIG_FILE = Path(__file__).with_name("logging.json")
"""Given to Uvicorn by path, so that its own start-up lines have the same form."""

request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure() -> None:
    """Send every logger of this process to standard output as JSON."""
    logging.config.dictConfig(json.loads(CONFIG_FILE.read_text()))


class JsonFormatter(logging.Formatter):
    """Writes timestamp, level, logger, message, request id, the fields given as ``extra={"fields": {...}}``, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
