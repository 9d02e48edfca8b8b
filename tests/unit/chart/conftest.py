from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.tools.helm import Helm


@pytest.fixture(scope="session")
def helm(helm_program: Path) -> Helm:
    return Helm(helm_program)


@pytest.fixture(scope="session")
def chart() -> Path:
    return Path(__file__).parents[3] / "helm-chart"
