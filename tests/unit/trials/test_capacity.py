from typing import Any

from seatrial.trials.capacity import judge_capacity, needed
from seatrial.verdict import Outcome

GIB = 2**30


def seen(**changes: Any) -> dict[str, Any]:
    scaled = {"cpu": 0.1, "memory": GIB // 4, "most": 3, "surge": 1, "scales": True}
    base = {
        "allocatable": {"cpu": 2.0, "memory": 8.0 * GIB, "pods": 110.0},
        "others": {"cpu": 0.95, "memory": 0.5 * GIB, "pods": 12},
        "components": [
            {"name": "frontend", **scaled},
            {"name": "backend", **scaled},
            {"name": "postgres", "cpu": 0.1, "memory": GIB // 4, "most": 1, "surge": 0, "scales": False},
        ],
        "expected": ["frontend", "backend", "postgres"],
        "pressures": [],
        "free_gb": 60.0,
        "disk_limit": 10.0,
    }
    return {**base, **changes}


def test_what_is_needed_has_a_surge_pod_for_each_deployment() -> None:
    total = needed(seen())
    assert round(total["cpu"], 2) == 1.85
    assert total["pods"] == 12 + 4 + 4 + 1


def test_it_fits_and_says_how_far_it_could_go() -> None:
    verdict = judge_capacity(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)
    assert "up to 3 replicas" in verdict.evidence[0].what


def test_too_much_of_anything_fails_and_names_what_fits() -> None:
    small = seen(allocatable={"cpu": 1.7, "memory": 8.0 * GIB, "pods": 110.0})
    assert "maximum to 2" in judge_capacity(small).reason
    assert "pods at full scale" in judge_capacity(seen(allocatable={"cpu": 9.0, "memory": 99.0 * GIB, "pods": 20.0})).reason


def test_a_component_that_could_not_be_counted_is_not_taken_for_nothing() -> None:
    verdict = judge_capacity(seen(components=seen()["components"][:2]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "what postgres asks for is not known" in verdict.reason


def test_pressure_and_disk() -> None:
    assert "DiskPressure" in judge_capacity(seen(pressures=["n: DiskPressure"])).reason
    assert "9.0 GB free" in judge_capacity(seen(free_gb=9.0)).reason
    assert judge_capacity(seen(free_gb=None)).outcome is Outcome.INCONCLUSIVE
    assert judge_capacity(seen(components=[], expected=[])).outcome is Outcome.FAILED
