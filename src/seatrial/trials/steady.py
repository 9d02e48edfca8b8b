"""Waiting until workloads are what they should be, by watching; and saying what stood in the way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from seatrial.cluster.waiting import container_states, last_lines, pod_ready, progress, rolled_out
from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import live


def wait_rolled_out(
    kube: Kube,
    namespace: str,
    workloads: Iterable[Mapping[str, Any]],
    *,
    timeout: float,
    at_least: Mapping[str, int] | None = None,
) -> float:
    """Wait until each workload is rolled out; seconds that it took.

    Args:
        workloads: Deployments and StatefulSets, as they were read at any time.
        timeout: seconds for all of them.
        at_least: name -> replicas that it must have, where an autoscaler has yet to set them.

    Raises:
        WaitTimeout: with the counts, the waiting containers, the warning events and the last log lines.
    """
    began = time.monotonic()
    for item in workloads:
        kind, name = item["kind"], item["metadata"]["name"]
        least = (at_least or {}).get(name, 0)
        left = max(1.0, timeout - (time.monotonic() - began))
        try:
            kube.wait(
                kind,
                namespace,
                partial(_done, kind, name, least),
                what=f"{kind} {name} to be rolled out",
                timeout=left,
                why_not=partial(_counts, kind, name),
            )
        except WaitTimeout as error:
            raise WaitTimeout("; ".join([error.message, *why_not_ready(kube, namespace, item)])) from None
    return time.monotonic() - began


def _done(kind: str, name: str, least: int, known: Mapping[str, Object]) -> bool | None:
    return True if name in known and rolled_out({**known[name], "kind": kind}, at_least=least) else None


def _counts(kind: str, name: str, known: Mapping[str, Object]) -> str:
    if name not in known:
        return "it does not exist"
    return ", ".join(f"{count} {what}" for what, count in progress({**known[name], "kind": kind}).items())


def why_not_ready(kube: Kube, namespace: str, workload: Mapping[str, Any]) -> list[str]:
    """Sentences on the pods of a workload that are not ready: since when, container states and last log lines, item by item."""
    labels = workload["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    said: list[str] = []
    try:
        pods = kube.find("Pod", namespace, selector)
    except SeatrialError as error:
        return [f"its pods cannot be read: {error.message}"]
    for pod in pods:
        if pod_ready(pod):
            continue
        said += [f"Pod {pod['metadata']['name']}: {words}" for words in live.unmet(pod)]
        said += container_states(pod)
        said += last_lines(kube, pod)
    return said[:8]
