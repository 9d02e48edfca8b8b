from __future__ import annotations

import re

import pytest

from seatrial.process import Completed

from .checks import CHECKS
from .workshop import REPORTS, Thing, Workshop


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_part(workshop: Workshop, check: Thing[Completed]) -> None:
    done = workshop.demand(check)
    if done.returncode != 0:
        pytest.fail("\n".join([*done.output.splitlines()[-60:], f"The whole output is in {REPORTS}."]), pytrace=False)
    assert "skipped" not in done.output, "a test was left out: " + "\n".join(re.findall(r".*skipped.*", done.output))
