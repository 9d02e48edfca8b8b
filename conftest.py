"""Of the suite: pytest-helm-charts works on the run's own cluster. Travels with the suite in the wheel."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def kube_config(seatrial_bench: Any) -> str:
    """The run's private kubeconfig, in place of pytest-helm-charts' option; waits for the cluster."""
    return str(seatrial_bench.world.cluster.kubeconfig)


@pytest.fixture(scope="module")
def cluster_type() -> str:
    """pytest-helm-charts knows only clusters that exist; seatrial has made this one."""
    return "existing"
