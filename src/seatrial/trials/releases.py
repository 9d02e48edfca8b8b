"""Further releases of the application, each under a name and in a namespace of its own, beside the one that all others judge."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml

from seatrial.app import App, Exchange
from seatrial.chart import workloads
from seatrial.chart.render import Rendered
from seatrial.checks.rendering import merged, nested, render_again
from seatrial.cluster.ownership import RUN
from seatrial.errors import ClusterError
from seatrial.tools.kube import ApiError, Kube, Object
from seatrial.trials import copies, install, live, users
from seatrial.trials.askers import asking
from seatrial.trials.database import marker
from seatrial.world import World

NAMESPACE = "seatrial-"
"""How their namespaces begin: what runs there will be gone."""
NAMES = ("{}-again", "blue", "another-{}")
"""Names of further releases, ``{}`` being that of the first: longer, and without anything of it."""
LONGEST_NAME = 53
"""Of a release, in characters; Helm takes no more."""
ANSWER_SECONDS = 20.0
"""How long Services may take to lead to pods that are ready: proxies and policies learn of them without telling."""
LEFT_SECONDS = 60.0
"""How long the cluster may take to clear away what belonged to what was removed."""
NAMESPACE_SECONDS = 120.0
LOOK_SECONDS = 1.0
KEEP = "helm.sh/resource-policy"
BESIDES = (
    ("Pod", "v1"),
    ("ReplicaSet", "apps/v1"),
    ("Job", "batch/v1"),
    ("Secret", "v1"),
    ("ConfigMap", "v1"),
    ("PersistentVolumeClaim", "v1"),
)
"""Kinds that a release may own beside those that its chart renders."""
OF_EVERY_NAMESPACE = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
"""What Kubernetes itself puts into each namespace."""


@dataclass(frozen=True)
class Stand:
    """One further release.

    Attributes:
        world: the run's, but that its application is this release: what is given this world works on this release.
        rendered: what the chart renders for it, hooks included.
        overrides: values beyond the files of values.
    """

    world: World
    rendered: Rendered
    overrides: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.world.app.chart.release

    @cached_property
    def kube(self) -> Kube:
        return self.world.kube

    @property
    def namespace(self) -> str:
        return self.world.app.namespace

    @property
    def marker(self) -> str:
        """A text that is unique to this release and the run."""
        return marker(self.world.run_id, self.name)

    # its life

    def install(self, *, timeout: float) -> None:
        """Into a namespace that is made for it, and wait until every workload is rolled out.

        Raises:
            ChartError, HelmError: the chart or the cluster refused.
            ClusterError: the namespace is somebody else's, or a workload was not ready in time.
        """
        app = self.world.app
        install.prepare_namespace(self.world, self.kube)
        self.world.helm.install(
            self.name,
            app.path(app.chart.path),
            namespace=self.namespace,
            values=self.rendered.values,
            overrides=self.overrides,
            wait=False,
        )
        install.wait_ready(self.world, self.kube, timeout=timeout)

    def upgrade(self, overrides: Mapping[str, Any], *, timeout: float) -> None:
        """With other overrides; what the chart hangs on an upgrade has ended by then.

        Raises:
            ChartError, HelmError: as for the install.
        """
        app = self.world.app
        self.world.helm.upgrade(
            self.name,
            app.path(app.chart.path),
            namespace=self.namespace,
            values=self.rendered.values,
            overrides=overrides,
            wait=False,
            timeout=timeout,
        )

    def uninstall(self) -> dict[str, Any]:
        """Take it away; what stays.

        Returns:
            ``left`` (objects of the release that are still there), ``kept`` (claims that may be -> what says so).

        Raises:
            HelmError: it was not gone in time.
        """
        notes = self.world.helm.status(self.name, namespace=self.namespace).notes
        self.world.helm.uninstall(self.name, namespace=self.namespace)
        deadline = time.monotonic() + LEFT_SECONDS
        while True:
            found = list(self._found())
            kept = {_subject(item): why for item in found if (why := why_kept(item, self.rendered, notes))}
            left = [_subject(item) for item in found if _subject(item) not in kept]
            if not left or time.monotonic() > deadline:
                return {"left": left, "kept": kept}
            time.sleep(LOOK_SECONDS)

    def clear(self) -> None:
        """Remove its namespace, if it was made for it, and wait for that.

        Raises:
            WaitTimeout: it stays.
        """
        found = self.kube.read("Namespace", self.namespace)
        if found is not None and workloads.labels_of(found).get(RUN) == self.world.run_id:
            self.kube.delete("Namespace", self.namespace)
            self.kube.wait_gone("Namespace", self.namespace, timeout=NAMESPACE_SECONDS)

    def _found(self) -> Iterator[Object]:
        """What is there of the kinds that a release owns, but for what was there before it."""
        before = {*OF_EVERY_NAMESPACE, *(("Secret", name) for name in self.world.app.chart.secrets)}
        rendered = {(item.kind, item.api_version) for item in self.rendered.objects}
        for kind, version in sorted({*rendered, *BESIDES}):
            path = self.kube.path(kind, self.namespace, None, version)
            if "/namespaces/" in path:
                for item in self.kube.request("GET", path)["items"]:
                    if (kind, item["metadata"]["name"]) not in before:
                        yield {**item, "kind": kind}
        for item in self.rendered.objects:
            path = self.kube.path(item.kind, self.namespace, item.name, item.api_version)
            if "/namespaces/" not in path and _exists(self.kube, path):
                yield item.raw

    # whether it answers

    def ask(self) -> list[dict[str, Any]]:
        """Ask each component's Service for its readiness from a pod in this namespace, until all say 200 or time is up.

        Returns:
            For each: ``component``, ``url``, ``status`` (None without an answer), ``error``, ``kept_out`` (see :class:`Askers`).
        """
        app, asked = self.world.app, {}
        for name, component in app.components.items():
            service = live.service_of(self.kube, app, name)
            if component.health is not None and service is not None:
                port = live.service_port(service, component.service_port)
                where = f"http://{service['metadata']['name']}.{self.namespace}.svc:{port}"
                asked[name] = f"{where}{component.health.ready}"
        deadline = time.monotonic() + ANSWER_SECONDS
        with asking(self.world, "seatrial-visitor", rendered=self.rendered) as askers:
            askers.of(asked)
            while True:
                answers = dict(zip(asked, askers.fetch(list(asked.items())), strict=True))
                if all(answer.status == 200 for answer in answers.values()) or time.monotonic() > deadline:
                    break
                time.sleep(LOOK_SECONDS)
        return [
            {"component": name, "url": each.url, "status": each.status, "error": each.error, "kept_out": name in askers.kept_out}
            for name, each in answers.items()
        ]

    @contextmanager
    def visitor(self) -> Iterator[httpx.Client | None]:
        """A client of the component that answers where users sign up, past the edge; None where nobody signs up anywhere.

        Raises:
            ClusterError: it has no ready pod, or cannot be reached.
        """
        app = self.world.app
        component = answering(app, app.auth.sign_up.path) if app.auth is not None else None
        if component is None:
            yield None
            return
        pods = live.ready_pods(self.kube, app, component)
        if not pods:
            raise ClusterError(f"{component} of release {self.name} has no ready pod", todo="See its events.")
        pod, port = pods[0]["metadata"]["name"], app.components[component].port
        with (
            copies.forwarded(self.world, pod, port) as address,
            httpx.Client(base_url=f"http://{address}", timeout=users.REQUEST_SECONDS, trust_env=False) as client,
        ):
            yield client

    def write(self) -> dict[str, Any]:
        """Sign up a user, and let him write what the first exchange that writes says.

        Returns:
            ``token`` (empty where nobody signs up), ``why_not`` (what went wrong, else empty), ``written`` (requests that wrote).
        """
        auth = self.world.app.auth
        with self.visitor() as http:
            if http is None or auth is None:
                return {"token": "", "why_not": "", "written": 0}
            known = {"marker": self.marker, "password": users.password(self.world)}
            answer = users.ask_by(self.world, http, auth, auth.sign_up, known)
            if why := users.why_not(auth, answer):
                return {"token": "", "why_not": why, "written": 0}
            exchange = writing(self.world.app)
            if exchange is None:
                return {"token": answer.token, "why_not": "", "written": 1}
            said = self.send(http, exchange, answer.token)
        return {"token": answer.token, "why_not": said, "written": 2}

    def send(self, http: httpx.Client, exchange: Exchange, token: str) -> str:
        """Send an exchange that writes; what went wrong, empty where it is as it should be."""
        body = users.fill_in(exchange.body, {"marker": self.marker})
        path = users.fill_in(exchange.path, {"marker": self.marker})
        headers = users.User(token).headers
        try:
            status: object = http.request(exchange.method, path, json=body, headers=headers).status_code
        except httpx.HTTPError as error:
            status = f"{type(error).__name__}: {error}"
        return "" if status == exchange.status else f"{exchange.method} {exchange.path} gave {status}, wanted {exchange.status}"


def stand(world: World, number: int, more: Mapping[str, Any]) -> Stand:
    """The further release of a number, from 0; nothing is installed.

    Args:
        more: overrides beyond those of ``chart.beside``. Where these do not speak of it, an Ingress at a host of the first
            release's is switched off.

    Raises:
        ChartError: the chart does not render under that name.
    """
    app = under(world.app, number)
    overrides = merged(world.app.chart.beside, more)
    first = world.rendered
    rendered = _rendered(world, app, overrides)
    if shared_hosts(first, rendered) and "ingress" not in overrides and has_ingress_switch(first.chart):
        overrides = merged(overrides, nested(("ingress", "enabled"), False))
        rendered = _rendered(world, app, overrides)
    hosts = rewritten_secrets(world.app, app, services(first, rendered))
    chart = app.chart.model_copy(update={"secrets": hosts})
    return Stand(replace(world, app=app.model_copy(update={"chart": chart})), rendered, overrides)


def _rendered(world: World, app: App, overrides: Mapping[str, Any]) -> Rendered:
    values = world.rendered.values
    return render_again(world, values=values, overrides=overrides, release=app.chart.release, namespace=app.namespace)


def has_ingress_switch(chart: Path) -> bool:
    """Whether a chart has the value ``ingress.enabled``, as those that ``helm create`` makes."""
    try:
        values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):  # an archive, or a chart without values
        return False
    section = values.get("ingress") if isinstance(values, dict) else None
    return isinstance(section, dict) and "enabled" in section


def asked_by(rendered: Rendered) -> dict[str, float]:
    """What the pods of a rendering request at rest, together: ``cpu`` in cores, ``memory`` in bytes."""
    least = {
        item.raw["spec"]["scaleTargetRef"]["name"]: item.raw["spec"].get("minReplicas") or 1
        for item in rendered.of_kind("HorizontalPodAutoscaler")
    }
    total = {"cpu": 0.0, "memory": 0.0}
    for item in rendered.of_kind("Deployment", "StatefulSet"):
        one, pods = workloads.pod_resources(item.raw, "requests"), least.get(item.name, item.raw["spec"].get("replicas", 1))
        total = {"cpu": total["cpu"] + pods * (one.cpu or 0), "memory": total["memory"] + pods * (one.memory or 0)}
    return total


def free(kube: Kube) -> dict[str, float]:
    """What the nodes can still be asked for, together: ``cpu`` in cores, ``memory`` in bytes."""
    offered = [node["status"]["allocatable"] for node in kube.find("Node")]
    # A pod that no node has taken asks for nothing there: one of another trial's may wait for more than there is.
    here = [pod for pod in kube.find("Pod") if pod["spec"].get("nodeName")]
    pods = [pod for pod in here if pod.get("status", {}).get("phase") in ("Running", "Pending")]
    taken = [workloads.pod_resources({**pod, "kind": "Pod"}, "requests") for pod in pods]
    return {
        "cpu": sum(float(workloads.quantity(each["cpu"])) for each in offered) - sum(each.cpu or 0 for each in taken),
        "memory": sum(float(workloads.quantity(each["memory"])) for each in offered) - sum(each.memory or 0 for each in taken),
    }


def release_name(app: App, number: int) -> str:
    """Name of a further release."""
    name = NAMES[number].format(app.chart.release) if number < len(NAMES) else f"again-{number}"
    return name[:LONGEST_NAME].rstrip("-")


def under(app: App, number: int) -> App:
    """The application as a further release: its name, its namespace, and the labels that hold the release's name."""
    old, new = app.chart.release, release_name(app, number)

    def relabelled(labels: Mapping[str, str]) -> dict[str, str]:
        return {key: new if value == old else value for key, value in labels.items()}

    parts = {
        section: {name: part.model_copy(update={"labels": relabelled(part.labels)}) for name, part in found.items()}
        for section, found in (("components", app.components), ("jobs", app.jobs))
    }
    chart = app.chart.model_copy(update={"release": new, "labels": relabelled(app.chart.labels)})
    namespace = f"{NAMESPACE}{app.namespace}-{number + 1}"[-63:].lstrip("-")
    return app.model_copy(update={**parts, "chart": chart, "namespace": namespace})


def services(before: Rendered, after: Rendered) -> dict[str, str]:
    """Name of a Service in one rendering -> its name in another. Services are told by their template and their place in it."""

    def by_template(rendered: Rendered) -> dict[Any, list[str]]:
        found: dict[Any, list[str]] = {}
        for item in rendered.of_kind("Service"):
            found.setdefault(item.template, []).append(item.name)
        return found

    theirs = by_template(after)
    pairs = [(names, theirs.get(template, [])) for template, names in by_template(before).items()]
    return {old: new for olds, news in pairs if len(olds) == len(news) for old, new in zip(olds, news, strict=True)}


def rewritten_secrets(before: App, after: App, names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """``chart.secrets`` with the names of the other release's Services where they name one of the first's."""
    if not names:
        return {secret: dict(keys) for secret, keys in before.chart.secrets.items()}
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.-])({known})(\.{re.escape(before.namespace)})?(?![\w-])")

    def other(found: re.Match[str]) -> str:
        return names[found[1]] + (f".{after.namespace}" if found[2] else "")

    return {
        secret: {key: pattern.sub(other, text) for key, text in keys.items()} for secret, keys in before.chart.secrets.items()
    }


def shared_hosts(first: Rendered, other: Rendered) -> list[str]:
    """Hosts that Ingresses of two renderings claim both; ``every host`` where a rule names none."""

    def claimed(rendered: Rendered) -> set[str]:
        rules = [rule for item in rendered.of_kind("Ingress") for rule in item.raw.get("spec", {}).get("rules") or [{}]]
        return {rule.get("host") or "every host" for rule in rules}

    return sorted(claimed(first) & claimed(other))


def answering(app: App, path: str) -> str | None:
    """The component that the edge leads a path to; None where there is no such route."""
    routes = app.ingress.routes if app.ingress is not None else {}
    fitting = [prefix for prefix in routes if path == prefix or path.startswith(prefix.rstrip("/") + "/")]
    return routes[max(fitting, key=len)] if fitting else None


def writing(app: App) -> Exchange | None:
    """The first exchange by which a user writes something."""
    exchanges: Sequence[Exchange] = app.ingress.exchanges if app.ingress is not None else ()
    for item in exchanges:
        if (item.method, item.by) == ("POST", "user") and item.body is not None and item.status < 300:
            return item
    return None


def why_kept(item: Mapping[str, Any], rendered: Rendered, notes: str) -> str:
    """What says that an object, if it is a claim, outlives its release; empty where nothing does."""
    name = item["metadata"]["name"]
    if item["kind"] != "PersistentVolumeClaim":
        return ""
    if workloads.annotations_of(dict(item)).get(KEEP) == "keep":
        return f"{KEEP}: keep"
    for owner in rendered.of_kind("StatefulSet"):
        spec = owner.raw["spec"]
        gone = (spec.get("persistentVolumeClaimRetentionPolicy") or {}).get("whenDeleted") == "Delete"
        for template in spec.get("volumeClaimTemplates") or []:
            if re.fullmatch(rf"{re.escape(template['metadata']['name'])}-{re.escape(owner.name)}-\d+", name) and not gone:
                return f"a claim of {owner.subject}"
    return "named by the release's notes" if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", notes) else ""


def _subject(item: Mapping[str, Any]) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def _exists(kube: Kube, path: str) -> bool:
    try:
        kube.request("GET", path)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True
