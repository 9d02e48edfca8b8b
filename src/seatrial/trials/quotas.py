"""The namespace's total and the size of its containers: ResourceQuota (M2-QUOTA-01) and LimitRange (M2-QUOTA-02).

That they refuse is seen in the API server's own answers to dry runs: these pass all of admission, quotas included, and leave
nothing behind, not even in a quota's count (k8s.io/apiserver, admission/plugin/resourcequota). Each refusal counts only beside a
pod of the same make that is let in.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from seatrial.chart import workloads
from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import quantity
from seatrial.cluster.waiting import desired
from seatrial.errors import Place
from seatrial.tools.kube import ApiError, Kube, Object
from seatrial.trials import live, probe_pod
from seatrial.trials.privileges import running_pods
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

COVERED: Mapping[str, tuple[str, ...]] = {
    "CPU requests": ("requests.cpu", "cpu"),
    "memory requests": ("requests.memory", "memory"),
    "CPU limits": ("limits.cpu",),
    "memory limits": ("limits.memory",),
    "pods": ("pods", "count/pods"),
    "volume claims": ("persistentvolumeclaims", "count/persistentvolumeclaims"),
}
"""What a quota must cover, and the keys of ``hard`` that do (core/v1 ResourceQuotaSpec)."""
RESOURCES = ("cpu", "memory")
SMALL: Mapping[str, str] = {"cpu": "10m", "memory": "16Mi"}
MOST_CONTAINERS = 200
"""So many containers may a pod of a dry run have, each as large as the LimitRange lets it be."""
REFUSED = 403


def _asked(world: World, kind: str) -> bool:
    """Whether the application says that it has one: then its absence is a fault."""
    return world.app.reference or kind in world.app.chart.inventory


# M2-QUOTA-01


def observe_quota(world: World) -> dict[str, Any]:
    """The namespace's quotas, what a pod beyond each of their amounts is answered, and what everything at its largest needs.

    Returns:
        ``quotas`` (name, hard, used, scoped), ``control`` (what a small pod is answered, empty where it is let in), ``beyond``
        (key of ``hard`` -> status and words of the answer), ``needs`` (component or hook, replicas, surge, requests, limits,
        claims, error), ``claims`` (how many there are), ``asked``.
    """
    kube, namespace = world.kube, world.app.namespace
    quotas = [_quota(item) for item in kube.find("ResourceQuota", namespace)]
    ranges = container_ranges(kube, namespace)
    beyond = {}
    for key in dict.fromkeys(key for quota in quotas if not quota["scoped"] for key in quota["hard"]):
        pod = pod_beyond(key, quotas, ranges)
        if pod is not None:
            beyond[key] = answer(kube, namespace, pod)[0]
    return {
        "quotas": quotas,
        "control": answer(kube, namespace, sized_pod("seatrial-control", [small(ranges)]))[0],
        "beyond": beyond,
        "needs": [*(_need(world, name) for name in world.app.components), *_hooks(world)] if quotas else [],
        "claims": len(kube.find("PersistentVolumeClaim", namespace)),
        "asked": _asked(world, "ResourceQuota"),
    }


def _quota(item: Object) -> dict[str, Any]:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    return {
        "name": item["metadata"]["name"],
        "hard": dict(spec.get("hard") or {}),
        "used": dict(status.get("used") or {}),
        "scoped": bool(spec.get("scopes") or spec.get("scopeSelector")),
    }


def answer(kube: Kube, namespace: str, pod: Object) -> tuple[dict[str, Any], Object | None]:
    """What the API server says of a pod that it is only asked about: ``status`` and ``words``, and the pod as it would be."""
    try:
        return {"status": 201, "words": ""}, kube.create(pod, namespace, dry_run=True)
    except ApiError as error:
        return {"status": error.status, "words": error.reason}, None


def sized_pod(name: str, sizes: Iterable[Mapping[str, Mapping[str, str]]]) -> Object:
    """A pod with one container of each size (``requests`` and ``limits``; an empty one names none)."""
    pod = probe_pod.helper_pod(name, {})
    (first,) = pod["spec"]["containers"]
    containers = []
    for number, size in enumerate(sizes):
        container = {**copy.deepcopy(first), "name": f"helper-{number}"}
        container["resources"] = {part: dict(amounts) for part, amounts in size.items()}
        containers.append(container)
    pod["spec"]["containers"] = containers
    return pod


def container_ranges(kube: Kube, namespace: str) -> list[dict[str, Any]]:
    """Limits of type Container of all LimitRanges, each with the ``name`` of its object."""
    return [
        {"name": item["metadata"]["name"], **limit}
        for item in kube.find("LimitRange", namespace)
        for limit in item["spec"].get("limits") or []
        if limit.get("type") == "Container"
    ]


def small(ranges: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The least that a container may ask for: a LimitRange's minimum, or next to nothing."""
    found = list(ranges)
    size = {key: str(_most((each.get("min") or {}).get(key) for each in found) or SMALL[key]) for key in RESOURCES}
    return {"requests": size, "limits": dict(size)}


def _most(amounts: Iterable[str | None]) -> str | None:
    return max((amount for amount in amounts if amount is not None), key=quantity, default=None)


def _least(amounts: Iterable[str | None]) -> str | None:
    return min((amount for amount in amounts if amount is not None), key=quantity, default=None)


def pod_beyond(key: str, quotas: Iterable[Mapping[str, Any]], ranges: Iterable[Mapping[str, Any]]) -> Object | None:
    """A pod that needs more of a quota's amount than is left; None where no single pod could.

    Where a LimitRange bounds containers it has many, each as large as may be. Limits are never below requests.
    """
    part, _, resource = key.rpartition(".")
    part = part or "requests"
    if resource not in RESOURCES or part not in ("requests", "limits"):
        return None
    found = list(ranges)
    left = min(
        quantity(quota["hard"][key]) - quantity(quota["used"].get(key, "0"))
        for quota in quotas
        if key in quota["hard"] and not quota["scoped"]
    )
    least = small(found)
    largest = _least((each.get("max") or {}).get(resource) for each in found)
    unit = quantity(largest) if largest else left + quantity(least["requests"][resource])
    count = math.floor(max(left, Decimal(0)) / unit) + 1 if unit > 0 else 1
    if count > MOST_CONTAINERS:
        return None
    amount = largest or plain(unit)
    size = {"requests": dict(least["requests"]), "limits": dict(least["limits"])}
    size["limits"][resource] = amount
    bounded = any((each.get("maxLimitRequestRatio") or {}).get(resource) for each in found)
    if part == "requests" or bounded:
        size["requests"][resource] = amount
    return sized_pod("seatrial-beyond", [size] * count)


def plain(amount: Decimal) -> str:
    """A number as a quantity, without an exponent."""
    return f"{amount.normalize():f}"


def _need(world: World, name: str) -> dict[str, Any]:
    """What a component needs at its planned maximum, with one surge pod where its pods are replaced side by side."""
    kube, app = world.kube, world.app
    workload = live.workload_of(kube, app, name)
    pods = live.ready_pods(kube, app, name)
    if workload is None:
        return {**_nothing(name), "error": "it has no workload"}
    autoscaler = live.autoscaler_of(kube, app, workload)
    most = int(autoscaler["spec"]["maxReplicas"]) if autoscaler else desired(workload)
    claims = len(workload["spec"].get("volumeClaimTemplates") or []) * max(0, most - desired(workload))
    amounts = _amounts({**pods[-1], "kind": "Pod"} if pods else workload)  # a pod has what a LimitRange filled in
    surge = 1 if workload["kind"] == "Deployment" else 0  # a StatefulSet replaces its pods one by one
    return {**_nothing(name), **amounts, "replicas": most, "surge": surge, "claims": claims}


def _nothing(name: str) -> dict[str, Any]:
    none = {"cpu": 0.0, "memory": 0}
    return {"name": name, "replicas": 0, "surge": 0, "requests": none, "limits": none, "claims": 0, "error": ""}


def _amounts(item: Mapping[str, Any]) -> dict[str, Any]:
    found = {part: workloads.pod_resources(item, part) for part in ("requests", "limits")}
    return {part: {"cpu": amount.cpu or 0.0, "memory": amount.memory or 0} for part, amount in found.items()}


def _hooks(world: World) -> list[dict[str, Any]]:
    """The pods of ``helm test``, as the API server would make them."""
    found = []
    for item in world.rendered.objects:
        if "test" in item.hooks and workloads.containers(item.raw):
            template = workloads.pod_template(item.raw)
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "seatrial-hook"}, "spec": template["spec"]}
            said, made = answer(world.kube, world.app.namespace, pod)
            amounts = _amounts({**made, "kind": "Pod"}) if made is not None else {}
            found.append({**_nothing(item.subject), "replicas": 1, "error": said["words"], **amounts})
    return found


def largest(seen: Mapping[str, Any]) -> dict[str, float]:
    """What everything at its largest takes: key of ``hard`` -> amount, CPU in cores and memory in bytes."""
    total = {"pods": 0.0, "claims": float(seen["claims"])}
    total |= {f"{part}.{resource}": 0.0 for part in ("requests", "limits") for resource in RESOURCES}
    for need in seen["needs"]:
        count = need["replicas"] + need["surge"]
        total["pods"] += count
        total["claims"] += need["claims"]
        for part in ("requests", "limits"):
            for resource in RESOURCES:
                total[f"{part}.{resource}"] += count * need[part][resource]
    aliases = {"cpu": "requests.cpu", "memory": "requests.memory", "count/pods": "pods"}
    aliases |= {"persistentvolumeclaims": "claims", "count/persistentvolumeclaims": "claims"}
    return {**total, **{alias: total[key] for alias, key in aliases.items()}}


def judge_quota(seen: Mapping[str, Any]) -> Verdict:
    """M2-QUOTA-01: everything is covered, a pod beyond is refused by the quota, and the largest deployment fits."""
    if not seen["quotas"]:
        if not seen["asked"]:
            return not_applicable("the application's namespace has no ResourceQuota")
        mend = "Add one to the chart, or take it out of chart.inventory"
        return judge(0, "amounts", [Fault("the application's namespace", "no ResourceQuota", "one", mend)])
    names = [quota["name"] for quota in seen["quotas"]]
    hard = {key for quota in seen["quotas"] if not quota["scoped"] for key in quota["hard"]}
    faults = [
        Fault(f"ResourceQuota {', '.join(names)}", f"no amount for {what}", f"{keys[0]} in hard", "Add it")
        for what, keys in COVERED.items()
        if not hard & set(keys)
    ]
    refused, unknown = _refusals(seen, names)
    faults += refused + _headroom(seen)
    unknown += [f"whether {need['name']} fits cannot be told: {need['error']}" for need in seen["needs"] if need["error"]]
    told = [
        Evidence(f"a dry run of a pod beyond {key}: {said['status']} {said['words']}") for key, said in seen["beyond"].items()
    ]
    told.append(Evidence(f"at its largest: {_figures(seen)}"))
    return judge(len(hard), "amounts", faults, unknown=unknown, evidence=told)


def _refusals(seen: Mapping[str, Any], names: Iterable[str]) -> tuple[list[Fault], list[str]]:
    control, beyond = seen["control"], seen["beyond"]
    faults = [
        Fault(f"a pod beyond {key}", "the API server would take it", "403 naming the quota", "See whether its status is current")
        for key, said in beyond.items()
        if said["status"] == 201
    ]
    if control["status"] != 201:
        return faults, [f"a small pod is refused too, so that no refusal tells of its size: {control['words']}"]
    if not beyond and not faults:
        return faults, ["no single pod can exceed the quota, so whether it refuses cannot be told"]
    proven = [key for key, said in beyond.items() if said["status"] == REFUSED and _names_quota(said["words"], names, key)]
    if beyond and not proven and not faults:
        key, said = next(iter(beyond.items()))
        return faults, [f"a pod beyond {key} was refused with {said['status']}, and not by the quota: {said['words']}"]
    return faults, []


def _names_quota(words: str, names: Iterable[str], key: str) -> bool:
    return any(f"exceeded quota: {name}," in words for name in names) and key in words


def _headroom(seen: Mapping[str, Any]) -> list[Fault]:
    total = largest(seen)
    return [
        Fault(
            f"ResourceQuota {quota['name']} / {key} at full scale",
            _said(key, total[key]),
            f"at most {amount}",
            "Raise it, or lower the autoscalers' maximum",
        )
        for quota in seen["quotas"]
        if not quota["scoped"]
        for key, amount in quota["hard"].items()
        if key in total and Decimal(str(round(total[key], 6))) > quantity(amount)
    ]


def _figures(seen: Mapping[str, Any]) -> str:
    total = largest(seen)
    rows = [(key, amount) for quota in seen["quotas"] if not quota["scoped"] for key, amount in quota["hard"].items()]
    return ", ".join(f"{key} {_said(key, total[key])} of {amount}" for key, amount in rows if key in total)


def _said(key: str, amount: float) -> str:
    return f"{amount / 2**20:.0f}Mi" if key.endswith("memory") else f"{amount:g}"


# M2-QUOTA-02


def observe_ranges(world: World) -> dict[str, Any]:
    """LimitRanges of type Container, what becomes of pods without, above and below, and every container's own size.

    Returns:
        ``ranges``, ``filled`` (status, words, resources of a pod that names none), ``tried`` (what: ``max cpu``, status, words),
        ``control`` (status, words of one inside), ``containers`` (subject, place, requests, limits as they are written),
        ``asked``.
    """
    kube, namespace = world.kube, world.app.namespace
    ranges = container_ranges(kube, namespace)
    said, made = answer(kube, namespace, sized_pod("seatrial-plain", [{}]))
    return {
        "ranges": ranges,
        "filled": {**said, "resources": made["spec"]["containers"][0].get("resources") or {} if made else {}},
        "control": answer(kube, namespace, sized_pod("seatrial-control", [small(ranges)]))[0],
        "tried": [
            {"what": what, **answer(kube, namespace, sized_pod("seatrial-outside", [size]))[0]}
            for what, size in outside(ranges).items()
        ],
        "containers": [
            *_containers(({**pod, "kind": "Pod"} for pod in running_pods(kube, namespace)), ()),
            *_containers((), world.rendered.objects),
        ],
        "asked": _asked(world, "LimitRange"),
    }


def outside(ranges: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, str]]]:
    """Sizes of containers, each with one amount above the maximum or below the minimum and everything else inside."""
    found = list(ranges)
    tried = {}
    for resource in RESOURCES:
        highest = _least((each.get("max") or {}).get(resource) for each in found)
        lowest = _most((each.get("min") or {}).get(resource) for each in found)
        if highest is not None:
            tried[f"max {resource}"] = _changed(found, resource, quantity(highest) * 2)
        if lowest is not None and quantity(lowest) > 0:
            tried[f"min {resource}"] = _changed(found, resource, quantity(lowest) / 2)
    return tried


def _changed(ranges: Iterable[Mapping[str, Any]], resource: str, amount: Decimal) -> dict[str, dict[str, str]]:
    size = small(ranges)
    return {part: {**amounts, resource: plain(amount)} for part, amounts in size.items()}


def _containers(pods: Iterable[Mapping[str, Any]], rendered: Iterable[ChartObject]) -> list[dict[str, Any]]:
    rows = [(f"Pod {pod['metadata']['name']}", "", container) for pod in pods for container in workloads.containers(pod)]
    rows += [
        (item.subject, str(item.place((*container.path, "resources"))), container)
        for item in rendered
        for container in workloads.containers(item.raw)
    ]
    return [
        {
            "subject": f"{subject} / container {container.name}",
            "place": place,
            "requests": {key: str(value) for key, value in _part(container, "requests").items()},
            "limits": {key: str(value) for key, value in _part(container, "limits").items()},
        }
        for subject, place, container in rows
    ]


def _part(container: workloads.Container, part: str) -> Mapping[str, Any]:
    return (container.spec.get("resources") or {}).get(part) or {}


def judge_ranges(seen: Mapping[str, Any]) -> Verdict:
    """M2-QUOTA-02: defaults arrive, what lies outside is refused, and all containers lie inside."""
    if not seen["ranges"]:
        if not seen["asked"]:
            return not_applicable("the application's namespace has no LimitRange for containers")
        mend = "Add one to the chart, or take it out of chart.inventory"
        return judge(0, "containers", [Fault("the application's namespace", "no LimitRange for containers", "one", mend)])
    faults, unknown = _defaults(seen)
    faults += _bounds(seen)
    if seen["control"]["status"] != 201:
        unknown.append(f"a container inside of the range is refused too: {seen['control']['words']}")
    for tried in seen["tried"]:
        found, open_question = _refused(tried)
        faults += found
        unknown += open_question
    for container in seen["containers"]:
        faults += _outside_faults(container, seen["ranges"])
    told = [
        Evidence(f"a dry run of a container beyond {each['what']}: {each['status']} {each['words']}") for each in seen["tried"]
    ]
    told.append(Evidence(f"a container without resources gets {seen['filled']['resources']}"))
    return judge(len(seen["containers"]) + len(seen["tried"]), "containers", faults, unknown=unknown, evidence=told)


def _defaults(seen: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    if seen["filled"]["status"] != 201:
        return [], [f"a pod without resources is refused: {seen['filled']['words']}"]
    faults = []
    for part, key in (("limits", "default"), ("requests", "defaultRequest")):
        for resource in RESOURCES:
            wanted = next((each[key][resource] for each in seen["ranges"] if (each.get(key) or {}).get(resource)), None)
            found = (seen["filled"]["resources"].get(part) or {}).get(resource)
            subject = f"a container without resources / {part}.{resource}"
            if wanted is None:
                faults.append(
                    Fault(subject, f"no {key} in the LimitRange", "a default that fills it in", f"Add {key}.{resource}")
                )
            elif found is None or quantity(found) != quantity(wanted):
                faults.append(
                    Fault(subject, f"{found or 'nothing'}", f"{wanted}, the LimitRange's {key}", "See what else changes it")
                )
    return faults, []


def _bounds(seen: Mapping[str, Any]) -> list[Fault]:
    names = ", ".join(dict.fromkeys(each["name"] for each in seen["ranges"]))
    return [
        Fault(f"LimitRange {names}", f"no max for {resource}", "a highest limit of a container", f"Add max.{resource}")
        for resource in RESOURCES
        if not any((each.get("max") or {}).get(resource) for each in seen["ranges"])
    ]


def _refused(tried: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    bound, resource = tried["what"].split()
    subject = f"a container beyond the LimitRange's {bound} {resource}"
    if tried["status"] == 201:
        return [
            Fault(subject, "the API server would take it", "403 naming the bound", "See whether LimitRanger is switched off")
        ], []
    word = {"max": "maximum", "min": "minimum"}[bound]
    if tried["status"] == REFUSED and re.search(rf"\b{word} {resource} usage per (Container|Pod)\b", tried["words"]):
        return [], []
    return [], [f"{subject} was refused with {tried['status']}, and not by the LimitRange: {tried['words']}"]


def _outside_faults(container: Mapping[str, Any], ranges: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """What of a container lies outside; what it does not name the LimitRange fills in."""
    faults = []
    for each in ranges:
        for resource in RESOURCES:
            lowest, highest = (each.get("min") or {}).get(resource), (each.get("max") or {}).get(resource)
            for part in ("requests", "limits"):
                amount = container[part].get(resource)
                if amount is None:
                    continue
                if lowest is not None and quantity(amount) < quantity(lowest):
                    faults.append(_outside(container, f"{part}.{resource} {amount}", f"at least {lowest}"))
                if highest is not None and quantity(amount) > quantity(highest):
                    faults.append(_outside(container, f"{part}.{resource} {amount}", f"at most {highest}"))
    return faults


def _outside(container: Mapping[str, Any], found: str, wanted: str) -> Fault:
    place = Place(Path(container["place"])) if container["place"] else None
    return Fault(container["subject"], found, f"{wanted}, as the LimitRange says", "Bring its resources inside", place)
