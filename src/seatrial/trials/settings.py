"""Settings: the ordinary ones come through ConfigMaps (M2-CFG-01), the sensitive ones through Secrets alone (M2-CFG-02)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from seatrial.app import App
from seatrial.chart import workloads
from seatrial.chart.objects import ChartObject
from seatrial.chart.secrecy import is_secret
from seatrial.chart.workloads import KeyPath
from seatrial.errors import ClusterError, Place, SeatrialError
from seatrial.journal import LONG
from seatrial.tools.kube import Object
from seatrial.trials import evidence, live, sensitive
from seatrial.trials.processes import container_pid
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

AT_ONCE = 4
LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by")
"""What marks an object as a release's own (Kubernetes documentation, "Recommended Labels"); M2-DEP-02 judges all six."""
MAKERS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job")
EXPECTED: Mapping[str, re.Pattern[str]] = {
    "log level": re.compile(r"LOG_?(?:GING_?)?LEVEL|LEVEL_?OF_?LOG|VERBOSITY"),
    "rate limit": re.compile(r"RATE_?LIMIT|REQUESTS_PER|THROTTLE"),
}
"""What a backend's ConfigMap is expected to hold, and how such settings are called."""
_C_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ANNOTATED = ("Pod", "ConfigMap", "Service", "ServiceAccount", "Ingress", "PersistentVolumeClaim")
"""Kinds without a pod template that are looked through for secret values."""
DESCRIBED = (*evidence.KINDS, "ConfigMap", "Secret", "ServiceAccount", "Event")
"""Kinds of which every text is looked through, of a Secret all but its data: who may not read Secrets may describe the rest."""


def setting_of(kind: str, names: Iterable[str]) -> str | None:
    """The first of these names that is called like a setting of a kind of :data:`EXPECTED`."""
    return next((name for name in sorted(names) if EXPECTED[kind].search(name.upper().replace("-", "_"))), None)


def _asked(app: App, kind: str) -> bool:
    """Whether the application says that it has objects of a kind: then their absence is a fault."""
    return app.reference or kind in app.chart.inventory


def _place(rendered: Iterable[ChartObject], kind: str, name: str, path: KeyPath = ()) -> Place | None:
    """Template and line of a live object, where the chart rendered it."""
    found = next((item for item in rendered if (item.kind, item.name) == (kind, name)), None)
    return found.place(path) if found is not None else None


# M2-CFG-01


def observe_config(world: World) -> dict[str, Any]:
    """The namespace's ConfigMaps, who reads which key, and what of it each running container has in its environment.

    Returns:
        ``configs`` (name, labels that are missing, keys, ``unread`` ones, place), ``containers`` (component, pod, container,
        error, ``settings``: variable, config, key, present, same, shown), ``literals`` (component -> variables with a value in
        the pod template, with the ConfigMap whose key they hide), ``received`` (component -> variables out of ConfigMaps),
        ``roles``, ``api_urls`` (component -> variable), ``asked``, ``reference``.
    """
    kube, app, rendered = world.kube, world.app, world.rendered.objects
    makers = [item for kind in MAKERS for item in kube.find(kind, app.namespace)]
    pods = [pod for name in app.components for pod in live.ready_pods(kube, app, name)]
    named = {ref.name for item in makers for ref in workloads.references(item) if ref.kind == "ConfigMap"}
    maps = {
        name: item
        for item in kube.find("ConfigMap", app.namespace)
        if (name := item["metadata"]["name"]) in named or app.labels().items() <= workloads.labels_of(item).items()
    }
    containers = [
        (pod, container)
        for pod in pods
        for container in workloads.containers({**pod, "kind": "Pod"}, init=False)
        if wanted(container, maps)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(lambda pair: _shown(world, pair[0], pair[1], maps), containers))
    templates = {name: found for name in app.components if (found := live.workload_of(kube, app, name)) is not None}
    return {
        "configs": [_config(item, makers, rendered) for item in maps.values()],
        "containers": seen,
        "literals": {name: _literals(item, maps, rendered) for name, item in templates.items()},
        "received": {
            name: sorted({entry["variable"] for box in workloads.containers(item, init=False) for entry in wanted(box, maps)})
            for name, item in templates.items()
        },
        "unready": sorted(set(app.components) - {live.component_of(app, pod) for pod in pods}),
        "roles": {name: component.role for name, component in app.components.items()},
        "api_urls": {name: component.api_url for name, component in app.components.items() if component.api_url},
        "asked": _asked(app, "ConfigMap"),
        "reference": app.reference,
    }


def wanted(container: workloads.Container, maps: Mapping[str, Object]) -> list[dict[str, str]]:
    """Variables that a container gets out of ConfigMaps: variable, config, key, value; the last one of a name wins.

    A key that no shell could name is left out where the whole ConfigMap is taken, as kubelets before 1.34 do.
    """
    found: dict[str, dict[str, str]] = {}
    for entry in container.spec.get("envFrom") or []:
        name = (entry.get("configMapRef") or {}).get("name", "")
        for key, value in ((maps.get(name) or {}).get("data") or {}).items():
            variable = f"{entry.get('prefix') or ''}{key}"
            if _C_NAME.fullmatch(variable):
                found[variable] = {"variable": variable, "config": name, "key": key, "value": value}
    for entry in container.spec.get("env") or []:
        source = (entry.get("valueFrom") or {}).get("configMapKeyRef") or {}
        value = ((maps.get(source.get("name", "")) or {}).get("data") or {}).get(source.get("key", ""))
        if value is not None:
            found[entry["name"]] = {"variable": entry["name"], "config": source["name"], "key": source["key"], "value": value}
    return list(found.values())


def _shown(world: World, pod: Object, container: workloads.Container, maps: Mapping[str, Object]) -> dict[str, Any]:
    """What a running container's environment shows of its settings. Values that look secret leave no trace."""
    seen: dict[str, Any] = {
        "component": live.component_of(world.app, pod),
        "pod": pod["metadata"]["name"],
        "container": container.name,
        "error": "",
        "settings": [],
    }
    try:
        shown = environment(world, pod, container.name)
    except SeatrialError as error:
        return {**seen, "error": error.message}
    for entry in wanted(container, maps):
        found = shown.get(entry["variable"])
        same = found == entry["value"]
        secret = is_secret(entry["variable"], found or "") or is_secret(entry["variable"], entry["value"])
        told = not same and not secret  # what is as it should be needs no telling
        seen["settings"].append(
            {
                **{key: entry[key] for key in ("variable", "config", "key")},
                "present": found is not None,
                "same": same,
                "found": found if told else None,
                "wanted": entry["value"] if told else None,
            }
        )
    return seen


def environment(world: World, pod: Object, container: str) -> dict[str, str]:
    """The environment inside a container, as ``env`` in it says; where it has no ``env``, its main process's.

    Raises:
        SeatrialError: neither can be read.
    """
    kube, name, namespace = world.kube, pod["metadata"]["name"], pod["metadata"]["namespace"]
    try:
        for argv in (["env", "-0"], ["env"]):  # not every env knows -0, without which lines of values are mistaken for variables
            done = kube.exec(name, namespace, argv, container=container, looks=True)
            if done.returncode == 0 and done.stdout:
                return parse_environment(done.stdout, "\0" if "\0" in done.stdout else "\n")
    except SeatrialError:
        pass  # no such program: the node knows
    process = container_pid(world.cluster, pod, container)
    found = world.cluster.node_exec(["cat", f"/proc/{process}/environ"], 20)
    if found.returncode != 0 or not found.stdout:
        raise ClusterError(f"neither env in {name}/{container} nor the node tells its environment")
    return parse_environment(found.stdout, "\0")


def parse_environment(text: str, separator: str) -> dict[str, str]:
    """``NAME=value`` entries."""
    return dict(entry.split("=", 1) for entry in text.split(separator) if "=" in entry)


def _config(item: Object, makers: Iterable[Object], rendered: Iterable[ChartObject]) -> dict[str, Any]:
    name, keys = item["metadata"]["name"], sorted({**(item.get("data") or {}), **(item.get("binaryData") or {})})
    readers = [ref for maker in makers for ref in workloads.references(maker) if (ref.kind, ref.name) == ("ConfigMap", name)]
    read = {ref.key for ref in readers}
    return {
        "name": name,
        "missing": [label for label in LABELS if not workloads.labels_of(item).get(label)],
        "keys": keys,
        "unread": [] if None in read else [key for key in keys if key not in read],
        "place": str(_place(rendered, "ConfigMap", name) or ""),
    }


def _literals(item: Object, maps: Mapping[str, Object], rendered: Iterable[ChartObject]) -> list[dict[str, Any]]:
    """Variables with a value in the template itself; ``hides``: the ConfigMap whose key of the same name never arrives."""
    found = []
    for container in workloads.containers(item, init=False):
        taken = {entry["variable"]: entry for entry in wanted(container, maps)}
        for index, entry in enumerate(container.spec.get("env") or []):
            if entry.get("value") is not None or not entry.get("valueFrom"):
                hidden = taken.get(entry["name"])
                path = (*container.path, "env", index)
                found.append(
                    {
                        "subject": f"{item['kind']} {item['metadata']['name']} / container {container.name}",
                        "variable": entry["name"],
                        "hides": hidden["config"] if hidden else "",
                        "place": str(_place(rendered, item["kind"], item["metadata"]["name"], path) or ""),
                    }
                )
    return found


def judge_config(seen: Mapping[str, Any]) -> Verdict:
    """M2-CFG-01: every key of a ConfigMap is read, what is read is what the containers show, and what belongs there is there."""
    if not seen["configs"] and not seen["asked"]:
        return not_applicable("no ConfigMap belongs to the release, and none is read by its pods")
    faults, unknown, told = [], [], []
    if not seen["configs"]:
        faults.append(Fault("the release", "no ConfigMap", "one for the settings of each part", "Add it to the chart"))
    for config in seen["configs"]:
        faults += _config_faults(config)
    for container in seen["containers"]:
        subject = f"Pod {container['pod']} / container {container['container']}"
        if container["error"]:
            unknown.append(f"{subject}: its environment cannot be read: {container['error']}")
        faults += [_arrival_fault(subject, entry) for entry in container["settings"] if not entry["same"]]
    unknown += [f"component {name} has no ready pod to look into" for name in seen["unready"] if seen["received"].get(name)]
    for name, role in seen["roles"].items():
        if role == "backend":
            found, missing = _backend(seen, name)
            faults += found
            told += missing
    faults += _api_url_faults(seen)
    settings = [entry for container in seen["containers"] for entry in container["settings"]]
    boxes = len(seen["containers"])
    told.append(Evidence(f"{len(settings)} settings of {boxes} containers compared, out of {len(seen['configs'])} ConfigMaps"))
    return judge(len(settings), "settings", faults, unknown=unknown, evidence=told)


def _config_faults(config: Mapping[str, Any]) -> list[Fault]:
    subject, place = f"ConfigMap {config['name']}", Place(Path(config["place"])) if config["place"] else None
    faults = []
    if config["missing"]:
        found = f"no label {', '.join(config['missing'])}"
        faults.append(Fault(subject, found, "the standard labels", "Add them to its template", place))
    faults += [
        Fault(f"{subject} / {key}", "a key that no container reads", "every key read by a pod", "Take it out, or read it", place)
        for key in config["unread"]
    ]
    return faults


def _arrival_fault(subject: str, entry: Mapping[str, Any]) -> Fault:
    source = f"ConfigMap {entry['config']} / {entry['key']}"
    found = "another value" if entry["found"] is None else f"{entry['found']!r}"
    found = found if entry["present"] else "no such variable"
    value = "its value" if entry["wanted"] is None else f"{entry['wanted']!r}"
    mend = "Remove what hides it (a value in env wins over envFrom), or restart pods that are older than the change"
    return Fault(f"{subject} / env {entry['variable']}", found, f"{value} of {source}", mend)


def _backend(seen: Mapping[str, Any], name: str) -> tuple[list[Fault], list[Evidence]]:
    """Settings that a backend is expected to take from a ConfigMap."""
    literals = {entry["variable"]: entry for entry in seen["literals"].get(name, ())}
    faults, told = [], []
    for kind in EXPECTED:
        if setting_of(kind, seen["received"].get(name, ())):
            continue
        literal = setting_of(kind, literals)
        if literal:
            entry = literals[literal]
            place = Place(Path(entry["place"])) if entry["place"] else None
            found, mend = "a value in the pod template", "Move it to the ConfigMap and read it with envFrom or configMapKeyRef"
            faults.append(Fault(f"{entry['subject']} / env {literal}", found, "the value of a ConfigMap", mend, place))
        elif seen["reference"]:
            found = f"no setting for the {kind}"
            faults.append(Fault(f"ConfigMap of {name}", found, "one that its pods receive", "Add it to the chart's ConfigMap"))
        else:
            told.append(Evidence(f"{name} has no setting that is called like a {kind}"))
    return faults, told


def _api_url_faults(seen: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for name, variable in seen["api_urls"].items():
        if variable in seen["received"].get(name, ()):
            continue
        literal = next((entry for entry in seen["literals"].get(name, ()) if entry["variable"] == variable), None)
        place = Place(Path(literal["place"])) if literal and literal["place"] else None
        found = "a value in the pod template" if literal else "no such variable out of a ConfigMap"
        mend = "Put it into the frontend's ConfigMap, or take api_url out of seatrial.yaml where pages call their own origin"
        faults.append(Fault(f"component {name} / env {variable}", found, "the value of a ConfigMap", mend, place))
    return faults


# M2-CFG-02


def observe_secrets(world: World) -> dict[str, Any]:
    """The namespace's Secrets, who reads which key, and every place where a secret value stands although it must not.

    No value leaves this function.

    Returns:
        ``secrets`` (name, type, labelled, variables: whether env is made of it, ``keys``: key, trouble), ``arrivals`` (workload
        and container, variable, secret, key), ``hits`` (source, where, place), ``plain`` (where, place: settings that look secret
        and stand in the open), ``described`` (source, where: what ``kubectl describe`` and its like show of any object, beyond
        ``hits``), ``looked`` (how many texts of how many objects and events that were), ``unread`` (Secret / key that
        seatrial.yaml asks for and no container reads), ``searched`` (how many values in how many texts), ``short`` (sources of
        values too short to be looked for), ``asked``.
    """
    kube, app, rendered = world.kube, world.app, world.rendered.objects
    there = {kind: kube.find(kind, app.namespace) for kind in dict.fromkeys((*MAKERS, *ANNOTATED, *DESCRIBED))}
    makers = [item for kind in MAKERS for item in there[kind]]
    references = [
        (f"{item['kind']} {item['metadata']['name']}", ref)
        for item in makers
        for ref in workloads.references(item)
        if ref.kind == "Secret" and "imagePullSecrets" not in ref.path
    ]
    named = {ref.name for _, ref in references} | set(app.chart.secrets)
    secrets = sensitive.secrets(kube, app.namespace)
    found = [item for item in secrets if item["metadata"]["name"] in named]
    values = sensitive.of_secrets(world, secrets)
    others = [item for kind in ANNOTATED for item in there[kind] if not _helper(item)]
    texts = _texts(makers, others)
    known = {text.text for _, text in texts if any(value.stands_in(text.text) for value in values)}
    shown = [item for kind in DESCRIBED for item in there[kind] if not _helper(item)]
    every = [(item, where, text) for item in shown for where, text in sensitive.everything(item) if text not in known]
    whole = {(ref.name, None) for _, ref in references if ref.key is None}
    read = {(ref.name, ref.key) for _, ref in references}
    return {
        "secrets": [_secret(item, [ref for _, ref in references]) for item in found],
        "absent": sorted(name for name in named - {item["metadata"]["name"] for item in found} if _required(references, name)),
        "arrivals": [
            {"subject": f"{subject} / container {ref.container}", "variable": ref.variable, "secret": ref.name, "key": ref.key}
            for subject, ref in references
            if ref.container
        ],
        "hits": [
            {"source": value.source, "where": text.where, "place": str(_place(rendered, *_named(item), text.path) or "")}
            for item, text in texts
            for value in values
            if value.stands_in(text.text)
        ],
        "plain": [
            {"where": text.where, "place": str(_place(rendered, *_named(item), text.path) or "")}
            for item, text in texts
            if is_secret(text.name, text.text)
        ],
        "described": [
            {"source": value.source, "where": f"{item['kind']} {item['metadata']['name']} / {where}"}
            for item, where, text in every
            for value in values
            if len(value.value) >= LONG and value.stands_in(text)
        ],
        "looked": {"texts": len(every), "objects": len(shown), "events": sum(item["kind"] == "Event" for item in shown)},
        "unread": [
            f"Secret {name} / {key}"
            for name, keys in app.chart.secrets.items()
            for key in keys
            if (name, key) not in read and (name, None) not in whole
        ],
        "searched": {"values": len(values), "texts": len(texts)},
        "short": sorted({value.source for value in values if len(value.value) < sensitive.SHORTEST}),
        "asked": _asked(app, "Secret") or bool(app.chart.secrets),
    }


def _texts(makers: Iterable[Object], others: Iterable[Object]) -> list[tuple[Object, sensitive.Text]]:
    """Every text with its object; what a pod has from its template is named there only."""
    found = [(item, text) for item in makers for text in sensitive.texts(item)]
    templated = {(text.name, text.text) for _, text in found}
    for item in others:
        repeated = templated if item["kind"] == "Pod" else ()
        found += [(item, text) for text in sensitive.texts(item) if (text.name, text.text) not in repeated]
    return found


def _named(item: Object) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


def _helper(item: Object) -> bool:
    return live.HELPER in workloads.labels_of(item)


def _required(references: Iterable[tuple[str, workloads.Reference]], name: str) -> bool:
    return any(ref.name == name and not ref.optional for _, ref in references)


def _secret(item: Object, references: Iterable[workloads.Reference]) -> dict[str, Any]:
    name = item["metadata"]["name"]
    labels = workloads.labels_of(item)
    return {
        "name": name,
        "type": item.get("type") or "Opaque",
        "labelled": any(key.startswith("app.kubernetes.io/") for key in labels),
        "variables": any(ref.name == name and ref.container for ref in references),
        "keys": [{"key": key, "trouble": sensitive.decoded(coded)[1]} for key, coded in sorted((item.get("data") or {}).items())],
    }


def judge_secrets(seen: Mapping[str, Any]) -> Verdict:
    """M2-CFG-02: what is secret comes from labelled Opaque Secrets that decode cleanly, and stands nowhere else."""
    if not (seen["secrets"] or seen["hits"] or seen["described"] or seen["plain"] or seen["asked"]):
        return not_applicable("no pod reads a Secret, and no setting is called like one")
    mend = "Keep it in the Secret alone and read it with secretKeyRef; change it, others have read it"
    faults = [_open_fault(hit["where"], f"the value of {hit['source']}", hit["place"], mend) for hit in seen["hits"]]
    faults += [_open_fault(hit["where"], f"the value of {hit['source']}", "", mend) for hit in seen["described"]]
    known = {hit["where"] for hit in seen["hits"]}
    faults += [
        _open_fault(entry["where"], "a secret in plain text", entry["place"], "Keep it in a Secret and read it with secretKeyRef")
        for entry in seen["plain"]
        if entry["where"] not in known
    ]
    for secret in seen["secrets"]:
        faults += _secret_faults(secret)
    faults += [
        Fault(source, "no container reads it", "secretKeyRef, or a volume", "Read it, or take it out of chart.secrets")
        for source in seen["unread"]
    ]
    unknown = [f"Secret {name} is read by pods and is not there" for name in seen["absent"]]
    if not seen["arrivals"] and not faults:
        faults.append(Fault("the release", "no container reads a Secret", "its sensitive settings through secretKeyRef"))
    searched, looked = seen["searched"], seen["looked"]
    if not looked["objects"]:
        unknown.append("the namespace shows no object in which secret values could be looked for")
    told = [Evidence(f"{searched['values']} secret values looked for in {searched['texts']} texts of the namespace's objects")]
    told.append(
        Evidence(
            f"and in all {looked['texts']} texts of {looked['objects']} objects as they are described: conditions, annotations, "
            f"who manages which fields, and {looked['events']} events"
        )
    )
    told += [Evidence(f"{source} is too short to be looked for") for source in seen["short"]]
    told += [
        Evidence(f"{entry['subject']} reads Secret {entry['secret']}" + (f" / {entry['key']}" if entry["key"] else ", all keys"))
        for entry in seen["arrivals"]
    ]
    judged = len(seen["arrivals"]) + sum(len(secret["keys"]) for secret in seen["secrets"])
    return judge(judged, "sensitive settings", faults, unknown=unknown, evidence=told)


def _open_fault(where: str, found: str, place: str, mend: str) -> Fault:
    return Fault(where, found, "none outside of Secrets", mend, Place(Path(place)) if place else None)


def _secret_faults(secret: Mapping[str, Any]) -> list[Fault]:
    subject = f"Secret {secret['name']}"
    faults = []
    if secret["variables"] and secret["type"] != "Opaque":
        faults.append(Fault(subject, f"type {secret['type']}", "type Opaque", "Keep settings in a Secret of their own"))
    if secret["variables"] and not secret["labelled"]:
        faults.append(Fault(subject, "no standard label", "app.kubernetes.io/name and its like", "Label it"))
    for entry in secret["keys"]:
        if entry["trouble"] and secret["variables"]:
            mend = "Encode it once, without the line's end (`printf %s`), or write it into stringData"
            faults.append(Fault(f"{subject} / {entry['key']}", entry["trouble"], "the value, encoded once", mend))
    return faults
