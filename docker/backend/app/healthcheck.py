"""The image's HEALTHCHECK: exit 0 where ``/health`` answers 200."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException


def main() -> int:
    """Ask this container's own server."""
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8001), timeout=3)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        print(f"no answer: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
