"""What is kept when something went wrong, before anything is cleaned up. An item that cannot be had never ends the collection."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube
from seatrial.world import World

LOG_LINES = 60


def collect(world: World, name: str) -> str:
    """Events, workloads, pods and last log lines of the application's namespace as one artefact; its path.

    Args:
        name: of the artefact, without ending.
    """
    kube, namespace = world.kube, world.app.namespace
    parts = [_item("warning events", lambda: "\n".join(kube.warnings(namespace)))]
    parts += [_item(kind, partial(_objects, kube, kind, namespace)) for kind in ("Deployment", "StatefulSet", "Pod")]
    parts += _pod_logs(kube, namespace)
    return world.artefact(f"{name}.txt", "\n\n".join(parts) + "\n")


def _item(title: str, get: Callable[[], str]) -> str:
    try:
        text = get()
    except (SeatrialError, KeyError, ValueError) as error:
        text = f"cannot be had: {error}"
    return f"=== {title}\n{text}"


def _pod_logs(kube: Kube, namespace: str) -> list[str]:
    try:
        found = [pod["metadata"]["name"] for pod in kube.find("Pod", namespace)]
    except SeatrialError as error:
        return [f"=== logs\ncannot be had: {error}"]
    return [_item(f"log of {name}", partial(_logs, kube, namespace, name)) for name in found]


def _objects(kube: Kube, kind: str, namespace: str) -> str:
    rows: list[dict[str, Any]] = []
    for item in kube.find(kind, namespace):
        rows.append({"name": item["metadata"]["name"], "spec": item["spec"].get("replicas"), "status": item.get("status", {})})
    return json.dumps(rows, indent=1, sort_keys=True)


def _logs(kube: Kube, namespace: str, pod: str) -> str:
    item = kube.read("Pod", pod, namespace)
    if item is None:
        return "gone"
    names = [container["name"] for container in (item["spec"].get("initContainers") or []) + item["spec"]["containers"]]
    return "\n".join(_item(name, partial(kube.logs, pod, namespace, name, tail=LOG_LINES)) for name in names)
