"""A fault in several shapes: for its first seconds a new backend is ready, and answers with errors."""

from __future__ import annotations

from seatrial.sabotage.live.places import APP
from seatrial.sabotage.model import Edit

_TODOS = f"{APP}/todos.py"
COLD_START = (
    Edit(_TODOS, "from typing import Annotated, Any\n", "import time\nfrom typing import Annotated, Any\n"),
    Edit(_TODOS, "import APIRouter, Depends, Response, status", "import APIRouter, Depends, HTTPException, Response, status"),
    Edit(_TODOS, 'tags=["todos"])\n', 'tags=["todos"])\nSTARTED = time.monotonic()\n'),
    Edit(
        _TODOS,
        '    response.headers["X-Total-Count"]',
        '    if time.monotonic() - STARTED < 15:\n        raise HTTPException(503)\n    response.headers["X-Total-Count"]',
    ),
)
