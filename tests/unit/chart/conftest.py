from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from seatrial.tools.helm import Helm


@pytest.fixture(scope="session")
def helm() -> Helm:
    """A Helm that is already on this machine; these tests start no download and no build."""
    on_path = shutil.which("helm")
    built = sorted((user_cache_path("seatrial") / "tools" / "helm").glob("*/helm"))
    if on_path is None and not built:
        pytest.skip("no Helm on this machine yet: `seatrial doctor` says how to get it")
    return Helm(Path(on_path) if on_path else built[-1])


@pytest.fixture(scope="session")
def chart() -> Path:
    return Path(__file__).parents[3] / "helm-chart"
