"""The chart's test hook as it is rendered (M3-HOOK-01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from seatrial.chart.objects import ChartObject
from seatrial.chart.render import Rendered
from seatrial.chart.workloads import annotations_of, containers, environment, pod_labels, pod_spec, service_matches
from seatrial.checks.found import parts, subject
from seatrial.checks.parameters import own
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

CRITERION = "M3-HOOK-01"
DELETE_POLICY = "helm.sh/hook-delete-policy"


@dataclass(frozen=True)
class TestHook:
    """What the criterion is judged on.

    Attributes:
        rendered: the chart as it is installed.
        services: component of role frontend or backend -> names of its Services.
        wanted: component -> path that its target must have; empty where any will do.
        reference: nothing may be missing there.
    """

    __test__ = False  # not a class of tests

    rendered: Rendered
    services: Mapping[str, tuple[str, ...]]
    wanted: Mapping[str, str]
    reference: bool


def observe_hook(world: World) -> TestHook:
    """The rendered chart, and the Services that a test has to reach."""
    rendered = world.rendered
    found = parts(world.app, rendered, "frontend", "backend")
    pods = {part.name: [pod_labels(item.raw) for item in part.workloads] for part in found}
    wanted = {}
    for part in found:
        health = world.app.components[part.name].health
        wanted[part.name] = own(world, CRITERION, "live_path", health.live if health else None) if part.role == "backend" else ""
    return TestHook(
        rendered=rendered,
        services={
            name: tuple(
                item.name for item in rendered.of_kind("Service") if any(service_matches(item.raw, each) for each in labels)
            )
            for name, labels in pods.items()
        },
        wanted=wanted,
        reference=world.app.reference,
    )


def judge_hook(seen: TestHook) -> Verdict:
    """M3-HOOK-01: a pod that Helm removes, that is bounded and unprivileged, and that asks the application by name."""
    hooks = [item for item in seen.rendered.objects if "test" in item.hooks]
    pods = [item for item in hooks if item.kind in ("Pod", "Job")]
    if not pods and not seen.reference:
        return not_applicable("the chart renders no test hook")
    faults = [fault for item in pods for fault in _pod_faults(item, seen)]
    faults += _target_faults(pods, seen)
    return judge(len(pods), "test pods", faults, evidence=[Evidence(f"{item.subject} asks {_asked(item)}") for item in pods])


def _pod_faults(item: ChartObject, seen: TestHook) -> list[Fault]:
    faults = []
    if not annotations_of(item.raw).get(DELETE_POLICY):
        place = item.place(("metadata", "annotations"))
        faults.append(Fault(item.subject, f"no {DELETE_POLICY}", "one", "Add before-hook-creation", place))
    policy = pod_spec(item.raw).get("restartPolicy", "Always")
    if policy != "Never":
        faults.append(
            Fault(f"{item.subject} / restartPolicy", policy, "Never", "Change it", item.place(("spec", "restartPolicy")))
        )
    loaded = {str(container.spec.get("image")) for other in seen.rendered.installed for container in containers(other.raw)}
    for container in containers(item.raw):
        where = subject(item, container)
        image = str(container.spec.get("image"))
        if image not in loaded:
            mend = "Use an image of the application: a test must not wait for a download"
            faults.append(
                Fault(where, f"image {image}", "an image that is loaded already", mend, item.place((*container.path, "image")))
            )
        if not (container.spec.get("resources") or {}).get("limits"):
            faults.append(
                Fault(where, "no resources", "requests and limits", "Set them", item.place((*container.path, "resources")))
            )
        if not _non_root(pod_spec(item.raw), container.spec):
            place = item.place((*container.path, "securityContext"))
            faults.append(Fault(where, "it may run as root", "runAsNonRoot true", "Set it", place))
    return faults


def _non_root(pod: Mapping[str, Any], container: Mapping[str, Any]) -> bool:
    context = {**(pod.get("securityContext") or {}), **(container.get("securityContext") or {})}
    return context.get("runAsNonRoot") is True and context.get("runAsUser") != 0


def _target_faults(pods: list[ChartObject], seen: TestHook) -> list[Fault]:
    texts = [text for item in pods for text in _texts(item)]
    faults = []
    for component, services in seen.services.items():
        path = seen.wanted[component]
        if not any(_names(text, service, path) for text in texts for service in services):
            found = f"no request to a Service of {component}" + (f" at {path}" if path else "")
            wanted = f"one by the name {' or '.join(services) or 'of its Service'}"
            place = pods[0].place() if pods else None
            faults.append(Fault("the test hook", found, wanted, "Add it to the test's command", place))
    return faults


def _names(text: str, service: str, path: str) -> bool:
    """Whether a text asks a Service, at a path where one is wanted. A short name may be followed by the namespace."""
    for word in text.replace('"', " ").replace("'", " ").split():
        try:
            address = urlsplit(word if "://" in word else f"//{word}")
        except ValueError:  # brackets that hold no IPv6 address: not an address at all
            continue
        host = address.hostname or ""
        if (host == service or host.startswith(f"{service}.")) and (not path or address.path == path):
            return True
    return False


def _texts(item: ChartObject) -> list[str]:
    """Everything in a pod that may hold an address: commands, arguments, environment."""
    found = []
    for container in containers(item.raw):
        found += [str(word) for key in ("command", "args") for word in container.spec.get(key) or []]
        found += list(environment(container).values())
    return found


def _asked(item: ChartObject) -> str:
    words = [word for text in _texts(item) for word in text.split() if "://" in word and "{" not in word]
    return ", ".join(words) or "nothing by address"
