from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from seatrial.chart.workloads import containers, quantity
from seatrial.trials.quotas import judge_quota, judge_ranges, outside, plain, pod_beyond, small
from seatrial.verdict import Outcome

MIB = 2**20
# What Kubernetes 1.34 answers to dry runs.
EXCEEDED = 'pods "seatrial-beyond" is forbidden: exceeded quota: shop, requested: {0}=3, used: {0}=560m, limited: {0}=2'
ABOVE = 'pods "seatrial-outside" is forbidden: maximum cpu usage per Container is 1, but limit is 2'
BELOW = 'pods "seatrial-outside" is forbidden: minimum memory usage per Container is 16Mi, but request is 8Mi'

HARD = {
    "requests.cpu": "2",
    "requests.memory": "4Gi",
    "limits.cpu": "8",
    "limits.memory": "8Gi",
    "pods": "24",
    "persistentvolumeclaims": "4",
}
RANGE = {
    "name": "shop",
    "type": "Container",
    "default": {"cpu": "200m", "memory": "128Mi"},
    "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
    "min": {"cpu": "10m", "memory": "16Mi"},
    "max": {"cpu": "1", "memory": "1Gi"},
}


def quota(hard: Mapping[str, str] = HARD, used: Mapping[str, str] | None = None, *, scoped: bool = False) -> dict[str, Any]:
    return {"name": "shop", "hard": dict(hard), "used": dict(used or {}), "scoped": scoped}


def need(**changes: Any) -> dict[str, Any]:
    requests, limits = {"cpu": 0.1, "memory": 256 * MIB}, {"cpu": 0.5, "memory": 512 * MIB}
    base = {"name": "api", "replicas": 3, "surge": 1, "requests": requests, "limits": limits, "claims": 0, "error": ""}
    return {**base, **changes}


def seen(**changes: Any) -> dict[str, Any]:
    base = {
        "quotas": [quota()],
        "control": {"status": 201, "words": ""},
        "beyond": {key: {"status": 403, "words": EXCEEDED.format(key)} for key in ("requests.cpu", "limits.cpu")},
        "needs": [need()],
        "claims": 2,
        "asked": True,
    }
    return {**base, **changes}


def test_what_was_seen_on_a_cluster_passes(recorded: Callable[[str], Any]) -> None:
    assert judge_quota(recorded("quota")).outcome is Outcome.PASSED
    assert judge_ranges(recorded("ranges")).outcome is Outcome.PASSED


def test_a_quota_that_refuses_and_leaves_room_passes() -> None:
    verdict = judge_quota(seen())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 6)
    assert "requests.cpu 0.4 of 2" in verdict.evidence[-1].what
    assert "requests.memory 1024Mi of 4Gi" in verdict.evidence[-1].what


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quotas": []}, "no ResourceQuota"),
        ({"quotas": [quota({key: value for key, value in HARD.items() if key != "pods"})]}, "no amount for pods"),
        ({"quotas": [quota(scoped=True)]}, "no amount for CPU requests"),
        ({"beyond": {"requests.cpu": {"status": 201, "words": ""}}}, "the API server would take it"),
        ({"needs": [need(replicas=20)]}, "requests.cpu at full scale: found 2.1, wanted at most 2"),
        ({"needs": [need(claims=3)]}, "persistentvolumeclaims at full scale: found 5"),
        ({"quotas": [quota({**HARD, "pods": "3"})]}, "pods at full scale: found 4"),
    ],
)
def test_a_quota_that_is_not_as_asked_fails(changes: dict[str, Any], words: str) -> None:
    verdict = judge_quota(seen(**changes))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"control": {"status": 403, "words": "violates PodSecurity"}},
        {"beyond": {"requests.cpu": {"status": 403, "words": "violates PodSecurity"}}},
        {
            "beyond": {
                "requests.cpu": {"status": 403, "words": EXCEEDED.replace("quota: shop", "quota: other").format("requests.cpu")}
            }
        },
        {"beyond": {}},
        {"needs": [need(error="it has no workload")]},
    ],
)
def test_a_refusal_for_another_reason_proves_nothing(changes: dict[str, Any]) -> None:
    assert judge_quota(seen(**changes)).outcome is Outcome.INCONCLUSIVE


def test_exactly_what_is_there_fits() -> None:
    hard = {**HARD, "requests.cpu": "400m"}
    assert judge_quota(seen(quotas=[quota(hard)])).outcome is Outcome.PASSED
    assert judge_quota(seen(quotas=[quota({**hard, "requests.cpu": "399m"})])).outcome is Outcome.FAILED


def test_without_one_it_does_not_apply_unless_asked() -> None:
    assert judge_quota(seen(quotas=[], asked=False)).outcome is Outcome.NOT_APPLICABLE
    assert judge_ranges(ranges(ranges=[], asked=False)).outcome is Outcome.NOT_APPLICABLE


def amounts(pod: Mapping[str, Any], part: str, resource: str) -> list[Decimal]:
    return [quantity(box.spec["resources"][part][resource]) for box in containers({**pod, "kind": "Pod"})]


@pytest.mark.parametrize("key", ["requests.cpu", "limits.cpu", "requests.memory", "limits.memory"])
@pytest.mark.parametrize("ranges", [[], [RANGE]], ids=["unbounded", "bounded"])
def test_the_pod_beyond_needs_more_than_is_left_and_no_container_is_too_large(key: str, ranges: list[dict[str, Any]]) -> None:
    used = {"requests.cpu": "560m", "limits.memory": "2Gi"}
    pod = pod_beyond(key, [quota(used=used)], ranges)
    assert pod is not None
    part, _, resource = key.partition(".")
    found = amounts(pod, part, resource)
    assert sum(found) > quantity(HARD[key]) - quantity(used.get(key, "0"))
    for amount in (*found, *amounts(pod, "limits", resource)) if ranges else ():
        assert quantity(RANGE["min"][resource]) <= amount <= quantity(RANGE["max"][resource])
    assert all(
        low <= high for low, high in zip(amounts(pod, "requests", resource), amounts(pod, "limits", resource), strict=True)
    )


def test_no_pod_is_beyond_what_is_no_pods_own() -> None:
    assert pod_beyond("pods", [quota()], []) is pod_beyond("persistentvolumeclaims", [quota()], []) is None
    assert pod_beyond("limits.cpu", [quota({"limits.cpu": "1000"})], [RANGE]) is None


def test_a_ratio_that_is_bounded_is_kept() -> None:
    pod = pod_beyond("limits.cpu", [quota()], [{**RANGE, "maxLimitRequestRatio": {"cpu": "4"}}])
    assert pod is not None
    assert amounts(pod, "requests", "cpu") == amounts(pod, "limits", "cpu")


def test_quantities() -> None:
    assert [plain(Decimal(text)) for text in ("2E+3", "0.005", "2147483648.0")] == ["2000", "0.005", "2147483648"]
    assert small([RANGE])["requests"] == {"cpu": "10m", "memory": "16Mi"}


# M2-QUOTA-02


def ranges(**changes: Any) -> dict[str, Any]:
    filled = {"limits": {"cpu": "200m", "memory": "128Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}}
    base = {
        "ranges": [RANGE],
        "filled": {"status": 201, "words": "", "resources": filled},
        "control": {"status": 201, "words": ""},
        "tried": [{"what": "max cpu", "status": 403, "words": ABOVE}, {"what": "min memory", "status": 403, "words": BELOW}],
        "containers": [
            {
                "subject": "Deployment api / container api",
                "place": "api.yaml:9",
                "requests": {"cpu": "100m"},
                "limits": {"cpu": "1"},
            }
        ],
        "asked": True,
    }
    return {**base, **changes}


def without(key: str) -> dict[str, Any]:
    return {"ranges": [{name: value for name, value in RANGE.items() if name != key}]}


def box(**changes: Any) -> dict[str, Any]:
    return {"containers": [{**ranges()["containers"][0], **changes}]}


def test_a_range_that_fills_in_and_caps_passes() -> None:
    verdict = judge_ranges(ranges())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ranges": []}, "no LimitRange"),
        (without("default"), "no default in the LimitRange"),
        (without("max"), "no max for cpu"),
        ({"filled": {"status": 201, "words": "", "resources": {}}}, "limits.cpu: found nothing, wanted 200m"),
        (
            {"tried": [{"what": "max cpu", "status": 201, "words": ""}]},
            "beyond the LimitRange's max cpu: found the API server would",
        ),
        (box(limits={"cpu": "2"}), "(api.yaml:9): found limits.cpu 2, wanted at most 1"),
        (box(requests={"memory": "8Mi"}), "requests.memory 8Mi, wanted at least 16Mi"),
    ],
)
def test_a_range_that_is_not_as_asked_fails(changes: dict[str, Any], words: str) -> None:
    verdict = judge_ranges(ranges(**changes))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"tried": [{"what": "max cpu", "status": 403, "words": EXCEEDED.format("requests.cpu")}]},
        {"control": {"status": 403, "words": "violates PodSecurity"}},
        {"filled": {"status": 403, "words": "exceeded quota", "resources": {}}},
    ],
)
def test_another_refusal_is_unknown(changes: dict[str, Any]) -> None:
    assert judge_ranges(ranges(**changes)).outcome is Outcome.INCONCLUSIVE


def test_one_amount_at_a_time_lies_outside() -> None:
    tried = outside([RANGE])
    assert list(tried) == ["max cpu", "min cpu", "max memory", "min memory"]
    assert tried["max cpu"]["limits"] == {"cpu": "2", "memory": "16Mi"}
    assert tried["min memory"]["requests"] == {"cpu": "10m", "memory": str(8 * MIB)}
    assert outside([{"name": "x", "type": "Container"}]) == {}
