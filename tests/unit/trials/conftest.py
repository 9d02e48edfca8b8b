import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """An observation that was made on a real cluster, to be changed at will."""

    def load(name: str) -> Any:
        return copy.deepcopy(json.loads((DATA / f"{name}.json").read_text(encoding="utf-8")))

    return load
