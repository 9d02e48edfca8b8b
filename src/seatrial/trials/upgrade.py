"""An upgrade that nobody notices (M3-UP-01).

The upgrade itself is :func:`run`; the rollback trial makes it on its way, so that one upgrade serves every judge.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from seatrial.checks.rendering import merged, nested
from seatrial.errors import SeatrialError
from seatrial.tools.helm import Helm
from seatrial.tools.kube import Kube, Object
from seatrial.trials import edge, live, steady, traffic
from seatrial.trials.install import beside
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

SUFFIX = "-seatrial-2"
"""Of the tag of the second image."""
DESCRIPTION = "seatrial: the second revision"
ROLLED_SECONDS = 240.0
LEFT_SECONDS = 90.0


@once
def second_images(world: World) -> dict[str, dict[str, str]]:
    """For each component of ``upgrade.tags`` an image of the same content and another id, in the node: ``tag``, ``id``."""
    app = world.app
    assert app.upgrade is not None, "a second revision is described in seatrial.yaml"
    names = list(app.upgrade.tags)
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        return dict(zip(names, pool.map(lambda name: _second_image(world, name), names), strict=True))


def _second_image(world: World, component: str) -> dict[str, str]:
    image = world.app.components[component].image
    tag = f"{image.tag}{SUFFIX}"
    with tempfile.TemporaryDirectory(prefix="seatrial-second-") as folder:
        (Path(folder) / "Dockerfile").write_text(f"FROM {image.reference}\n")
        labels = {"org.opencontainers.image.version": tag}
        built = world.docker.build(Path(folder), tags=[f"{image.repository}:{tag}"], labels=labels)
    return {"tag": tag, "id": world.cluster.load_image(f"{image.repository}:{tag}"), "built": built.id}


def overrides(world: World) -> dict[str, Any]:
    """What the second revision changes: ``upgrade.overrides`` and the tags of the second images."""
    app = world.app
    assert app.upgrade is not None
    given = merged({}, app.upgrade.overrides)
    for component, image in second_images(world).items():
        given = merged(given, nested(app.upgrade.tags[component].split("."), image["tag"]))
    return given


def run(world: World, kube: Kube, helm: Helm) -> dict[str, Any]:
    """Upgrade to the second revision while a client asks at the edge; the release stays there.

    Returns:
        ``seconds``, ``error`` (where Helm or a workload gave up), ``traffic`` (None without an edge), ``images`` (component ->
        the second image's id), ``pods`` (see :func:`live.pod_facts`, at the end), ``overrides``, ``changes`` (object, path,
        before, after of everything that the upgrade changed in the manifest), ``changed`` (objects), ``replaced`` (components
        with other pods), ``objects`` (live ones beside the new manifest), ``revision`` and ``limits``.
    """
    app = world.app
    given = overrides(world)
    before = manifest(helm, world)
    old = {name: {pod["metadata"]["uid"] for pod in live.app_pods(kube, app, name)} for name in app.components}
    edge.wait_calm(world)
    error = ""
    with edge.watched(world, rate=float(world.limit("M3-UP-01", "rate"))) as client:
        began = time.monotonic()
        try:
            helm.upgrade(
                app.chart.release,
                app.path(app.chart.path),
                namespace=app.namespace,
                values=world.release.values,
                overrides=given,
                wait=False,
                description=DESCRIPTION,
            )
            settle(kube, world, timeout=ROLLED_SECONDS)
        except SeatrialError as failure:
            error = failure.message
        seconds = round(time.monotonic() - began, 1)
        _await_leavers(kube, world, old)
    after = manifest(helm, world)
    pods = [live.pod_facts(app, pod) for pod in live.app_pods(kube, app)]
    changes = list(changed_leaves(before, after))
    return {
        "seconds": seconds,
        "error": error,
        "traffic": client.traffic() if client is not None else None,
        "images": {name: image["id"] for name, image in second_images(world).items()},
        "pods": pods,
        "overrides": given,
        "changes": changes,
        "changed": sorted({change["object"] for change in changes}),
        "replaced": [name for name in app.components if old[name].isdisjoint(_uids(pods, name))],
        "objects": [beside(kube, app.namespace, item) for item in after.values()],
        "revision": helm.status(app.chart.release, namespace=app.namespace).revision,
        "limits": {
            "failed": float(world.limit("M3-UP-01", "failed_requests")),
            "gap": float(world.limit("M3-UP-01", "gap")),
        },
    }  # fmt: skip


def _uids(pods: list[dict[str, Any]], component: str) -> set[str]:
    return {pod["uid"] for pod in pods if pod["component"] == component}


def manifest(helm: Helm, world: World) -> dict[str, Object]:
    """What is applied now, by kind and name."""
    text = helm.get_manifest(world.app.chart.release, namespace=world.app.namespace)
    return {f"{item['kind']} {item['metadata']['name']}": item for item in yaml.safe_load_all(text) if item}


def settle(kube: Kube, world: World, *, timeout: float) -> None:
    """Wait until each component's workload is rolled out, at its autoscaler's minimum or above.

    Helm's own ``--wait`` would also wait for the address of a LoadBalancer, which nobody gives here.

    Raises:
        WaitTimeout: one was not, after ``timeout`` seconds for all of them.
    """
    found = [item for name in world.app.components if (item := live.workload_of(kube, world.app, name)) is not None]
    least = {}
    for item in found:
        autoscaler = live.autoscaler_of(kube, world.app, item)
        if autoscaler is not None:
            least[item["metadata"]["name"]] = int(autoscaler["spec"].get("minReplicas") or 1)
    steady.wait_rolled_out(kube, world.app.namespace, found, timeout=timeout, at_least=least)


def _await_leavers(kube: Kube, world: World, old: Mapping[str, set[str]]) -> None:
    """Until pods that are on their way out have gone: what they still break belongs to the upgrade."""

    def until(known: dict[str, Object]) -> bool | None:
        leaving = [pod for pod in known.values() if pod["metadata"].get("deletionTimestamp")]
        return None if any(pod["metadata"]["uid"] in uids for pod in leaving for uids in old.values()) else True

    kube.wait(
        "Pod", world.app.namespace, until, what="the former pods to go", timeout=LEFT_SECONDS, selector=live.selector(world.app)
    )


def changed_leaves(before: Mapping[str, Object], after: Mapping[str, Object]) -> Iterator[dict[str, str]]:
    """Every value that differs between two manifests, Secrets left out; the values as text."""
    for subject in sorted({**before, **after}):
        if subject.startswith("Secret "):
            continue
        old, new = leaves(before.get(subject, {})), leaves(after.get(subject, {}))
        for path in sorted({**old, **new}):
            if old.get(path) != new.get(path):
                yield {"object": subject, "path": path, "before": str(old.get(path)), "after": str(new.get(path))}


def leaves(data: Any, path: str = "") -> dict[str, Any]:
    """The values inside nested data, by their path: keys and indices joined by dots."""
    if isinstance(data, Mapping):
        pairs: list[tuple[Any, Any]] = list(data.items())
    elif isinstance(data, list):
        pairs = list(enumerate(data))
    else:
        return {path: data}
    found: dict[str, Any] = {}
    for key, value in pairs:
        found |= leaves(value, f"{path}.{key}" if path else str(key))
    return found


# M3-UP-01


def judge_upgrade(seen: Mapping[str, Any]) -> Verdict:
    """M3-UP-01: no request failed, no gap, and every pod of an upgraded component runs the new image.

    Args:
        seen: what :func:`run` returned.
    """
    while_, limits = "during the upgrade", seen["limits"]
    if not seen["images"]:
        return judge(0, "requests", unknown=["seatrial.yaml names no upgrade.tags, so no component got another image"])
    faults: list[Fault] = []
    if seen["error"]:
        faults.append(Fault("helm upgrade", seen["error"], "rolled out", "See what stood in its way"))
    faults += traffic.faults_of(seen["traffic"], while_=while_, max_failed=limits["failed"])
    gaps, unknown = traffic.gap_of(seen["traffic"], while_=while_, limit=limits["gap"])
    unknown += traffic.too_few(seen["traffic"], while_=while_)
    for name, identity in seen["images"].items():
        pods = [pod for pod in seen["pods"] if pod["component"] == name and not pod["leaving"]]
        stale = [pod["name"] for pod in pods if not any(_digest(image) == _digest(identity) for image in pod["images"].values())]
        if stale or not pods:
            found = f"{', '.join(stale) or 'no pod at all'} without the new image"
            faults.append(Fault(f"component {name}", found, "the new version on all its pods", "See the rollout's status"))
    evidence = [
        traffic.seen(seen["traffic"], while_=while_),
        Evidence(f"upgraded {', '.join(seen['images'])} in {seen['seconds']} s"),
    ]
    return judge(seen["traffic"]["requests"], "requests", faults + gaps, unknown=unknown, evidence=evidence)


def _digest(identity: str) -> str:
    """``sha256:...`` alone, without the name in front that some runtimes add."""
    return identity.rpartition("@")[2]
