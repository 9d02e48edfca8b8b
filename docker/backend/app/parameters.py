"""What stands in paths and queries."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from app.schemas import LARGEST_ID

PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=LARGEST_ID)]
