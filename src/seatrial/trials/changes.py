"""Settings that are missing or change: a Secret without a required key (M2-CFG-03), and new values in both kinds (M2-CFG-04).

One of the application's Deployments is tried in a namespace of its own, with the Secrets and ConfigMaps that it reads and nothing
else: rendered by the chart, applied, rendered again with other values and applied again. One that does not start without its
database gets an empty one. The release is not touched, so this runs beside trials that only look.
"""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml

from seatrial.chart import workloads
from seatrial.cluster.ownership import Owner
from seatrial.cluster.waiting import rolled_out
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.helmfaults import ChartError
from seatrial.tools.kube import Object, WaitTimeout
from seatrial.trials import copies, live, settings, steady
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

SUFFIX = "-settings"
"""Of the namespace."""
GONE_SECONDS = 60.0
REFUSED_SECONDS = 30.0
"""How long is waited for the kubelet to say that a key is missing."""
LATE_SECONDS = 30.0
"""How much longer than allowed is waited, so that the message can say how late it was."""
ENDS = 2
"""After how many restarts it is clear that a program does not run without its database."""
ITS, BESIDE = "true", "database"
"""Values of the helpers' label: for the program that is tried, and for a database that stands beside it."""
ITS_PODS = f"{live.HELPER}={ITS}"
MISSING, READY, CRASHED = "CreateContainerConfigError", "Ready", "started, and ends"
CARRIED = ("ConfigMap", "Secret", "ServiceAccount")
"""What a Deployment needs beside it."""


def observe_changes(world: World) -> dict[str, Any]:
    """Render and apply a Deployment without a Secret's key, with it, and with other values; see what its pods get.

    Returns:
        ``component``, ``secret`` and ``key`` (None where its container requires none), ``refused`` (the chart's words where it
        does not render without the key), ``state`` (of the container without the key, where it renders), ``ready`` (seconds after
        the key was there, or None), ``restarts`` by then, ``why`` it is not Ready, ``beside`` (the database that it did not start
        without, or None), ``changes`` (kind, name, key, variable, container; ``rolled``: whether the pod template was another;
        ``shown``: whether the running container has the new value; ``seconds`` until that was seen), ``unknown`` (sentences),
        ``limits``.
    """
    limits = {"ready": float(world.limit("M2-CFG-03", "ready")), "visible": float(world.limit("M2-CFG-04", "visible"))}
    component = _chosen(world)
    if component is None:
        return {"component": None, "limits": limits}
    with _namespace(world) as namespace:
        return {**Stand(world, component, namespace, limits).observe(), "limits": limits}


def _chosen(world: World) -> str | None:
    """The component to try: the one whose Deployment reads most settings through its environment, backends before frontends."""
    found = {}
    for name, component in world.app.programs().items():
        workload = live.workload_of(world.kube, world.app, name)
        if workload is not None and workload["kind"] == "Deployment":
            kinds = {entry["kind"] for entry in read(workload)}
            found[name] = (len(kinds), component.role == "backend")
    return max(found, key=lambda name: found[name], default=None)


def read(workload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Keys that the environment of a workload's containers names one by one: kind, name, key, variable, container, required."""
    return [
        {
            "kind": ref.kind,
            "name": ref.name,
            "key": ref.key,
            "variable": ref.variable,
            "container": ref.container,
            "required": not ref.optional,
        }
        for ref in workloads.references(workload)
        if ref.variable is not None and ref.container in {entry.name for entry in workloads.containers(workload, init=False)}
    ]


@contextmanager
def _namespace(world: World) -> Iterator[str]:
    kube, name = world.kube, world.app.namespace + SUFFIX
    if kube.delete("Namespace", name):
        kube.wait_gone("Namespace", name, timeout=GONE_SECONDS)
    labels = Owner.current().object_labels(world.run_id)
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        yield name
    finally:
        kube.delete("Namespace", name)


class Stand:
    """One Deployment in a namespace of its own, from a Secret without a key to a second revision."""

    def __init__(self, world: World, component: str, namespace: str, limits: Mapping[str, float]) -> None:
        self.world, self.kube, self.component, self.namespace, self.limits = world, world.kube, component, namespace, limits
        self.unknown: list[str] = []
        workload = live.workload_of(world.kube, world.app, component)
        assert workload is not None, "it was chosen for it"
        self.workload = workload

    def observe(self) -> dict[str, Any]:
        """See :func:`observe_changes`."""
        entry = self._required()
        name, key = (entry["name"], entry["key"]) if entry is not None else (None, None)
        seen: dict[str, Any] = {"component": self.component, "secret": name, "key": key, "refused": "", "state": ""}
        seen |= {"ready": None, "restarts": 0, "why": "", "beside": None, "changes": []}
        try:
            seen |= self._without(entry) if entry is not None else {}
            seen |= self._with()
            if seen["ready"] is not None:
                self._change_config(seen["changes"])
                if entry is not None and name in self.world.app.chart.secrets:
                    self._change_secret(entry, seen["changes"])
        except SeatrialError as error:
            self.unknown.append(error.message)
        return {**seen, "unknown": self.unknown}

    def _required(self) -> dict[str, Any] | None:
        """A key that is required; one whose value is random can be given another one."""
        given = self.world.app.chart.secrets
        found = [entry for entry in read(self.workload) if entry["kind"] == "Secret" and entry["required"]]
        found.sort(key=lambda entry: given.get(entry["name"], {}).get(entry["key"]) != "random")
        return found[0] if found else None

    def _without(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """What becomes of it without the key."""
        self._bring_secrets(entry)
        try:
            objects = self._render({})
        except ChartError as error:
            return {"refused": error.message}
        self._apply(objects, without=entry)

        def waiting(known: dict[str, Object]) -> str | None:
            for pod in known.values():
                if live.is_ready(pod):
                    return READY
                for status in pod.get("status", {}).get("containerStatuses") or []:
                    if status.get("state", {}).get("waiting", {}).get("reason") == MISSING:
                        return MISSING
                    if status.get("restartCount") or "terminated" in status.get("state", {}):
                        return CRASHED
            return None

        try:
            what = f"the kubelet to miss {entry['key']}"
            state = self.kube.wait("Pod", self.namespace, waiting, what=what, timeout=REFUSED_SECONDS, selector=ITS_PODS)
        except WaitTimeout as error:
            return {"state": error.message}
        return {"state": state}

    def _with(self) -> dict[str, Any]:
        """Supply the key; seconds until the pod is Ready, beside its database where it does not get so without."""
        self._bring_secrets(None)
        self.objects = self._render({})
        data = self.world.app.data
        seen = self._start()
        if seen["ready"] is None and data is not None and self._place(data.component):
            self.kube.delete("Deployment", self.workload["metadata"]["name"], self.namespace)
            what = "the copy that did not start to be gone"
            self.kube.wait(
                "Pod", self.namespace, lambda known: not known or None, what=what, timeout=GONE_SECONDS, selector=ITS_PODS
            )
            seen = {**self._start(), "beside": data.component}
        return seen

    def _start(self) -> dict[str, Any]:
        """Apply what is rendered; seconds until the pod is Ready, and how often it was restarted by then."""

        before = {pod["metadata"]["name"]: live.restarts(pod) for pod in self._pods()}

        def ends(pods: Iterable[Object]) -> bool:
            return any(live.restarts(pod) >= before.get(pod["metadata"]["name"], 0) + ENDS for pod in pods)

        def settled(known: dict[str, Object]) -> bool | None:
            return True if ends(known.values()) or any(map(live.is_ready, known.values())) else None

        began = time.monotonic()
        self._apply(self.objects)
        left = self.limits["ready"] + LATE_SECONDS
        why, ready = "", None
        try:
            self.kube.wait("Pod", self.namespace, settled, what="a pod that is Ready, or ends", timeout=left, selector=ITS_PODS)
            if ends(self._pods()):
                own = alone(_found(self.objects, self.workload), self.namespace)
                why = "; ".join(["it ends by itself", *steady.why_not_ready(self.kube, self.namespace, own)])
            else:
                self._await_rollout(max(1.0, left - (time.monotonic() - began)))
                ready = round(time.monotonic() - began, 1)
        except WaitTimeout as error:
            why = error.message
        return {"ready": ready, "restarts": max(map(live.restarts, self._pods()), default=0), "why": why}

    def _place(self, component: str) -> bool:
        """Put an empty copy of the database where the program looks for it; whether there is one to be copied.

        Raises:
            ClusterError: it is not rendered here, or does not come up.
        """
        live_one = live.workload_of(self.kube, self.world.app, component)
        if live_one is None:
            return False
        rendered = _found(self.objects, live_one)
        database = database_beside(rendered, self.namespace)
        services = [
            service_beside(item, self.namespace)
            for item in self.objects
            if item["kind"] == "Service" and workloads.service_matches(item, workloads.pod_labels(rendered))
        ]
        for item in (*services, database):
            self.kube.apply(item, self.namespace)
        steady.wait_rolled_out(self.kube, self.namespace, [database], timeout=self.limits["ready"])
        return True

    def _pods(self) -> list[Object]:
        return self.kube.find("Pod", self.namespace, ITS_PODS)

    def _change_config(self, changes: list[dict[str, Any]]) -> None:
        """Another value of the chart's that ends in a ConfigMap."""
        upgrade = self.world.app.upgrade
        self.overrides = upgrade.overrides if upgrade is not None else {}
        objects = self._render(self.overrides)
        entry = changed_key(self.objects, objects, self.workload)
        if entry is not None:
            changes.append(self._bring(objects, entry, entry.pop("value")))

    def _change_secret(self, entry: Mapping[str, Any], changes: list[dict[str, Any]]) -> None:
        """Another value of the required key."""
        value = secrets.token_urlsafe(24)
        self.world.journal.redactor.hide(value, source=f"Secret {entry['name']} / {entry['key']}, as it was changed")
        self.kube.patch("Secret", entry["name"], self.namespace, {"stringData": {entry["key"]: value}})
        changes.append(self._bring(self._render(self.overrides), entry, value))

    def _bring(self, objects: list[Object], entry: Mapping[str, Any], value: str) -> dict[str, Any]:
        """Apply a revision and see whether its value is in the running container."""
        rolled = _template(self.objects, self.workload) != _template(objects, self.workload)
        began, self.objects = time.monotonic(), objects
        self._apply(objects)
        self._await_rollout(self.limits["visible"] + LATE_SECONDS)
        pods = [pod for pod in self._pods() if live.is_ready(pod)]
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        shown = settings.environment(self.world, newest, entry["container"]).get(entry["variable"]) == value
        return {**entry, "rolled": rolled, "shown": shown, "seconds": round(time.monotonic() - began, 1)}

    # the namespace

    def _bring_secrets(self, without: Mapping[str, Any] | None) -> None:
        """The Secrets that are made before the install, as the application has them; one may lack a key."""
        for name in self.world.app.chart.secrets:
            found = self.kube.read("Secret", name, self.world.app.namespace)
            if found is None:
                raise ClusterError(f"the Secret {name} is gone from {self.world.app.namespace}")
            data = dict(found.get("data") or {})
            if without is not None and without["name"] == name:
                data.pop(without["key"], None)
            self.kube.delete("Secret", name, self.namespace)
            item = {"apiVersion": "v1", "kind": "Secret", "type": found.get("type", "Opaque"), "metadata": {"name": name}}
            self.kube.create({**item, "data": data}, self.namespace)

    def _render(self, overrides: Mapping[str, Any]) -> list[Object]:
        """What the chart renders for this namespace; raises ChartError where it does not."""
        app = self.world.app
        text = self.world.helm.template_live(
            app.path(app.chart.path),
            release=app.chart.release,
            namespace=self.namespace,
            values=[app.path(path) for path in app.chart.values],
            overrides=overrides,
        )
        return [item for item in yaml.safe_load_all(text) if item]

    def _apply(self, objects: Sequence[Object], *, without: Mapping[str, Any] | None = None) -> None:
        for item in objects:
            if item["kind"] in CARRIED:
                carried = copy.deepcopy(item)
                if without is not None and (item["kind"], item["metadata"]["name"]) == ("Secret", without["name"]):
                    for field in ("data", "stringData"):
                        (carried.get(field) or {}).pop(without["key"], None)
                self.kube.apply(_here(carried, self.namespace), self.namespace)
        self.kube.apply(alone(_found(objects, self.workload), self.namespace), self.namespace)

    def _await_rollout(self, timeout: float) -> None:
        name = self.workload["metadata"]["name"]

        def done(known: dict[str, Object]) -> bool | None:
            return True if name in known and rolled_out({**known[name], "kind": "Deployment"}) else None

        self.kube.wait("Deployment", self.namespace, done, what=f"Deployment {name} alone to be rolled out", timeout=timeout)


def _found(objects: Sequence[Object], workload: Mapping[str, Any]) -> Object:
    """The rendered object of a live one.

    Raises:
        ClusterError: it is not rendered.
    """
    wanted = (workload["kind"], workload["metadata"]["name"])
    for item in objects:
        if (item["kind"], item["metadata"]["name"]) == wanted:
            return item
    raise ClusterError(f"{wanted[0]} {wanted[1]} is not rendered for another namespace", todo="Name it by the release alone.")


def changed_key(before: Sequence[Object], after: Sequence[Object], workload: Mapping[str, Any]) -> dict[str, Any] | None:
    """A ConfigMap's key that two renderings have different values of and a container of the workload takes into its environment:
    kind, name, key, variable, container, and the new value."""
    old, new = _data(before), _data(after)
    for container in workloads.containers(_found(after, workload), init=False):
        for entry in settings.wanted(container, {name: {"data": data} for name, data in new.items()}):
            if old.get(entry["config"], {}).get(entry["key"]) != entry["value"]:
                told = {field: entry[field] for field in ("key", "variable", "value")}
                return {"kind": "ConfigMap", "name": entry["config"], **told, "container": container.name}
    return None


def _template(objects: Sequence[Object], workload: Mapping[str, Any]) -> dict[str, Any]:
    return workloads.pod_template(_found(objects, workload))


def _data(objects: Sequence[Object]) -> dict[str, dict[str, str]]:
    """Of the rendered ConfigMaps, by name."""
    return {item["metadata"]["name"]: item.get("data") or {} for item in objects if item["kind"] == "ConfigMap"}


def _here(item: Object, namespace: str, mark: str = ITS) -> Object:
    """In that namespace, and without the labels by which others take it for a part of the release."""
    item["metadata"] |= {"namespace": namespace, "labels": {live.HELPER: mark}}
    return item


def _by_itself(workload: Object, namespace: str, mark: str) -> Object:
    """A workload with one pod that is found by the helpers' label, on no claim, and gone at once."""
    item = _here(copy.deepcopy(workload), namespace, mark)
    item["spec"] |= {"replicas": 1, "selector": {"matchLabels": {live.HELPER: mark}}}
    item["spec"]["template"].setdefault("metadata", {})["labels"] = {live.HELPER: mark}
    spec = item["spec"]["template"]["spec"]
    spec["terminationGracePeriodSeconds"] = 1
    for key in ("topologySpreadConstraints", "affinity"):
        spec.pop(key, None)
    spec["volumes"] = copies.own_volumes(spec.get("volumes") or [], spec["containers"])
    for container in spec["containers"]:
        container.setdefault("resources", {}).setdefault("requests", {})["cpu"] = "10m"  # small nodes have little left
    return item


def alone(workload: Object, namespace: str) -> Object:
    """A Deployment as it can run without the rest of the application: one pod, no initContainers that wait for others, ready as
    soon as it is alive, on no claim, and gone at once."""
    item = _by_itself(workload, namespace, ITS)
    item["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    spec = item["spec"]["template"]["spec"]
    spec.pop("initContainers", None)
    for container in spec["containers"]:
        container.pop("lifecycle", None)
        if "livenessProbe" in container:
            container["readinessProbe"] = {**container["livenessProbe"], "periodSeconds": 1}
    return item


def database_beside(workload: Object, namespace: str) -> Object:
    """A database's Deployment or StatefulSet as it can stand there: one pod with no data."""
    item = _by_itself(workload, namespace, BESIDE)
    item["spec"].pop("volumeClaimTemplates", None)
    return item


def service_beside(service: Object, namespace: str) -> Object:
    """A Service of that database, under the same name."""
    item = _here(copy.deepcopy(service), namespace, BESIDE)
    item["spec"] = {
        "selector": {live.HELPER: BESIDE},
        "ports": [{key: value for key, value in port.items() if key != "nodePort"} for port in item["spec"]["ports"]],
        **({"clusterIP": "None"} if item["spec"].get("clusterIP") == "None" else {}),
    }
    return item


# judging


def judge_missing(seen: Mapping[str, Any]) -> Verdict:
    """M2-CFG-03: without the key nothing is rendered, naming it, or nothing gets Ready; with it the pod is Ready in time."""
    if seen["component"] is None or seen["key"] is None:
        return judge(
            0, "keys", unknown=["no container of a Deployment of its programs requires a Secret's key by name (secretKeyRef)"]
        )
    subject = f"{seen['component']} without {seen['key']} of Secret {seen['secret']}"
    limits, faults, unknown = seen["limits"], [], list(seen["unknown"]) if seen["ready"] is None else []
    if seen["refused"]:
        told = f"the chart does not render: {seen['refused']}"
        if seen["key"] not in seen["refused"]:
            unknown.append(f"{subject} does not render, for another reason as far as Helm tells: {seen['refused']}")
    else:
        told = f"its container is {seen['state'] or 'not there'}"
        if seen["state"] == READY or (seen["state"] == CRASHED and seen["ready"] is not None):
            mend = "Take the key by secretKeyRef without optional, or let the chart look for it"
            faults.append(Fault(subject, f"a container that is {seen['state']}", f"no rendering, or {MISSING}", mend))
        elif seen["state"] != MISSING:
            unknown.append(f"{subject}: {told}")
    if seen["why"]:
        unknown.append(f"{seen['component']} alone, with the key: {seen['why']}; see what it lacks beside its settings")
    elif seen["ready"] is not None and (seen["ready"] > limits["ready"] or seen["restarts"]):
        found = f"Ready after {seen['ready']} s and {seen['restarts']} restarts"
        wanted = f"within {limits['ready']:g} s and without one"
        faults.append(Fault(f"{subject}, once it was supplied", found, wanted, "See its log"))
    beside = f", beside a copy of {seen['beside']}, without which it does not start" if seen["beside"] else ""
    evidence = [Evidence(f"{subject}: {told}"), Evidence(f"with the key: Ready after {seen['ready']} s{beside}")]
    return judge(1, "keys", faults, unknown=unknown, evidence=evidence)


def judge_changed(seen: Mapping[str, Any]) -> Verdict:
    """M2-CFG-04: a new value of a ConfigMap, and one of a Secret, reaches the running container by a rollout, in time."""
    if seen["component"] is None:
        return judge(0, "values", unknown=["no program of the application has a Deployment that could be tried alone"])
    limit, name, faults, unknown = seen["limits"]["visible"], seen["component"], [], list(seen["unknown"])
    kinds = {entry["kind"] for entry in seen["changes"]}
    if not unknown:
        unknown += [f"{name} alone does not become Ready: {seen['why']}"] if seen["why"] else []
        if "ConfigMap" not in kinds and not seen["why"]:
            unknown.append(
                f"upgrade.overrides of seatrial.yaml change no ConfigMap key that {name}'s environment takes: name one"
            )
        if "Secret" not in kinds and not seen["why"]:
            unknown.append(f"chart.secrets of seatrial.yaml hold no key that {name} requires by secretKeyRef: none was changed")
    for entry in seen["changes"]:
        subject = f"{name}: {entry['variable']} after a change of {entry['key']} in {entry['kind']} {entry['name']}"
        if not entry["shown"]:
            how = "though the pods were rolled" if entry["rolled"] else "for the pod template is the same, and nothing was rolled"
            mend = f"Put a checksum of the {entry['kind']} into the pod template's annotations"
            faults.append(Fault(subject, f"the old value, {how}", f"the new one within {limit:g} s", mend))
        elif entry["seconds"] > limit:
            found = f"the new value after {entry['seconds']} s"
            faults.append(Fault(subject, found, f"within {limit:g} s", "See what its rollout waits for"))
    evidence = [
        Evidence(
            f"{entry['kind']} {entry['name']}, key {entry['key']}: rolled out and read after {entry['seconds']} s", data=entry
        )
        for entry in seen["changes"]
    ]
    return judge(len(seen["changes"]), "values", faults, unknown=unknown, evidence=evidence)
