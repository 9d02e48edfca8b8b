"""What is kept when something went wrong, before anything is cleaned up. An item that cannot be had never ends the collection.

A cluster that answers no more is asked no further: each question would wait for its time-out, and the run has others to judge.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from seatrial.errors import SeatrialError
from seatrial.tools.kube import ApiError, Object, UnknownKind
from seatrial.tools.kubectl import Kubectl
from seatrial.trials import live
from seatrial.world import World

LOG_LINES = 60
MOST_SECONDS = 45.0
"""No item is begun later than this: whoever failed is told of what was had by then."""
DESCRIBE_SECONDS = 30.0
KINDS = (
    "Deployment",
    "StatefulSet",
    "ReplicaSet",
    "Pod",
    "Job",
    "CronJob",
    "Service",
    "EndpointSlice",
    "Ingress",
    "NetworkPolicy",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "PersistentVolumeClaim",
    "ResourceQuota",
    "LimitRange",
)
"""What an application consists of, but for what holds its settings and secrets."""
NOT_DESCRIBED = ("ReplicaSet", "EndpointSlice")
"""Their lists say all there is."""


def collect(world: World, name: str) -> str:
    """Conditions, events, objects, descriptions and logs of the application's namespace as one artefact; its path.

    Args:
        name: of the artefact, without ending.
    """
    began, parts = time.monotonic(), []
    for title, get in _items(world):
        if time.monotonic() - began > MOST_SECONDS:
            parts.append(f"=== {title}\nnot asked for: {MOST_SECONDS:.0f} s were over")
            continue
        try:
            parts.append(f"=== {title}\n{get()}")
        except (ApiError, UnknownKind, KeyError, ValueError) as error:
            parts.append(f"=== {title}\ncannot be had: {error}")
        except SeatrialError as error:
            parts.append(f"=== {title}\ncannot be had, nor what would come after it: {error}")
            break
    return world.artefact(f"{name}.txt", "\n\n".join(parts) + "\n")


Item = tuple[str, Callable[[], str]]
"""A title, and where the text below it comes from."""


def _items(world: World) -> Iterator[Item]:
    """What is kept, the shortest first; objects are read once, when the first of their items is asked for."""
    kube, namespace = world.kube, world.app.namespace
    known: dict[str, list[Object]] = {}

    def read(kind: str) -> str:
        known[kind] = kube.find(kind, namespace)
        rows = [_row(item) for item in known[kind]]
        return json.dumps(rows, indent=1, sort_keys=True)

    yield "events, oldest first", lambda: "\n".join(events(kube.find("Event", namespace)))
    for kind in KINDS:
        yield kind, partial(read, kind)
    yield (
        "conditions that are not as they should be",
        lambda: "\n".join(conditions(item for items in known.values() for item in items)) or "none",
    )
    for pod in known.get("Pod", ()):
        for container, previous in _lives(pod):
            title = f"log of {pod['metadata']['name']} / {container}" + (", its previous life" if previous else "")
            yield title, partial(kube.logs, pod["metadata"]["name"], namespace, container, previous=previous, tail=LOG_LINES)
    yield "kubectl describe", lambda: _described(world)


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    owners = [f"{owner['kind']} {owner['name']}" for owner in metadata.get("ownerReferences") or []]
    row = {"name": metadata["name"], "owners": owners, "generation": metadata.get("generation")}
    row |= {"leaving": metadata.get("deletionTimestamp"), "labels": metadata.get("labels")}
    row |= {
        "replicas": (item.get("spec") or {}).get("replicas"),
        "status": item.get("status"),
        "endpoints": item.get("endpoints"),
    }
    return {key: value for key, value in row.items() if value not in (None, [], {})}


def conditions(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """``Pod x: Ready=False since ...: reason message``, a line for each condition that is not as it should be."""
    for item in items:
        for said in live.unmet(item):
            yield f"{item.get('kind')} {item['metadata']['name']}: {said}"


def events(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Events of all types, a line each, by when they were last seen."""

    def seen(event: Mapping[str, Any]) -> str:
        return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")

    return [
        f"{seen(event)} {event.get('type')} {event['involvedObject'].get('kind')} {event['involvedObject'].get('name')}: "
        f"{event.get('reason')}: {(event.get('message') or '').strip()} ({event.get('count') or 1} times)"
        for event in sorted(found, key=seen)
    ]


def _lives(pod: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Containers of a pod that have a log, and whether it is that of their previous life."""
    status = pod.get("status", {})
    for entry in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        restarted = bool(entry.get("restartCount"))
        if restarted or "waiting" not in entry.get("state", {}):
            yield entry["name"], False
        if restarted:
            yield entry["name"], True


def _described(world: World) -> str:
    kubectl = Kubectl(world.toolchain.tool("kubectl").path, world.cluster.kubeconfig, world.cluster.context)
    kinds = ",".join(kind.lower() for kind in KINDS if kind not in NOT_DESCRIBED)
    done = kubectl.run(["describe", kinds, f"--namespace={world.app.namespace}"], timeout=DESCRIBE_SECONDS, check=False)
    return done.output
