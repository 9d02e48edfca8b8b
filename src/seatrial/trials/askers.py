"""Who asks the application's parts inside the cluster: a pod that the policies let in.

Most charts let a pod of ``helm test`` in, so its double asks. Where they keep it out, one asks whom a declared route lets in.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from seatrial.app import COMPONENT, INGRESS, TEST
from seatrial.chart import workloads
from seatrial.chart.render import Rendered
from seatrial.errors import ClusterError
from seatrial.tools.kube import Object
from seatrial.trials import live, probe_pod
from seatrial.trials.probe_pod import Answer, Source
from seatrial.world import World


def helper_labels(world: World, rendered: Rendered | None = None) -> dict[str, str]:
    """Labels of the chart's own test pod, to which its policies open the way; else the release's with component ``test``. None at
    all where there are no policies: a Service or a budget may select what bears such labels.

    Args:
        rendered: another rendering than the run's.
    """
    known = rendered or world.rendered
    if not known.of_kind("NetworkPolicy"):
        return {}
    for item in known.of_kind("Pod"):
        if "test" in item.hooks:
            return dict(item.labels)
    return {**world.app.labels(), COMPONENT: "test"}


@dataclass
class Askers:
    """See :func:`asking`.

    Attributes:
        helper: double of the test pod.
        chosen: who asks a component, of those that were given to :meth:`of`.
        kept_out: those of them that nobody reached, and policies may be why, since the helper's way is not declared. The helper
            asks them all the same.
    """

    world: World
    helper: Source
    chosen: dict[str, Source] = field(default_factory=dict)
    kept_out: set[str] = field(default_factory=set)
    _stack: ExitStack = field(default_factory=ExitStack)
    _ingress: Source | None = None

    def of(self, urls: Mapping[str, str]) -> list[tuple[Source, list[str]]]:
        """Who asks which components.

        Args:
            urls: component -> a URL at its Service or at one of its pods.
        """
        if not urls:
            return []
        kube, doors = self.world.kube, {name: _door(url) for name, url in urls.items()}
        declared = {route.target for route in self.world.app.routes if route.source == TEST}
        expected = {door for name, door in doors.items() if name in declared}
        found = probe_pod.await_way(kube, self.helper, list(doors.values()), expected=expected)
        reached = dict(zip(doors, found, strict=True))
        chosen = dict.fromkeys(doors, self.helper)
        self.kept_out -= doors.keys()
        for name in doors:
            if reached[name].outcome != probe_pod.REACHED:
                source = self._let_in(name, doors[name])
                chosen[name] = source or self.helper
                if source is None and name not in declared and kube.find("NetworkPolicy", self.helper.namespace):
                    self.kept_out.add(name)
        self.chosen |= chosen
        return [(source, [name for name in doors if chosen[name] == source]) for source in dict.fromkeys(chosen.values())]

    def fetch(self, asked: Sequence[tuple[str, str]]) -> list[Answer]:
        """GET each URL as :func:`probe_pod.fetch` does.

        Args:
            asked: component and URL; the helper asks where nobody was chosen.
        """
        of: dict[Source, list[int]] = {source: [] for source in (self.helper, *self.chosen.values())}
        for index, (component, _) in enumerate(asked):
            of[self.chosen.get(component, self.helper)].append(index)
        found = dict[int, Answer]()
        for source, places in of.items():
            answers = probe_pod.fetch(self.world.kube, source, [asked[place][1] for place in places]) if places else []
            found.update(zip(places, answers, strict=True))
        return [found[place] for place in range(len(asked))]

    def one(self, component: str, url: str) -> Source:
        """Who asks a component; ``url``: at its Service or at one of its pods."""
        ((source, _),) = self.of({component: url})
        return source

    def _let_in(self, component: str, door: tuple[str, int]) -> Source | None:
        """Somebody whom a declared route lets reach a component, and who does; None where there is nobody."""
        callers = [route.source for route in self.world.app.routes if route.target == component]
        for caller in sorted(callers, key=lambda name: name == INGRESS):  # a pod for the ingress controller has to be made
            source, tried = (
                (self._controller(), probe_pod.await_way)
                if caller == INGRESS
                else (attach_sources(self.world).get(caller), probe_pod.reach)
            )
            if source is not None and tried(self.world.kube, source, [door])[0].outcome == probe_pod.REACHED:
                return source
        return None

    def _controller(self) -> Source | None:
        """The double of the ingress controller, made once; None where it is not the run's to make."""
        pod = controller_double(self.world, f"{self.helper.pod}-{INGRESS}-{secrets.token_hex(3)}")  # many ask at a time there
        if self._ingress is None and pod is not None:
            made = probe_pod.helpers(self.world.kube, {INGRESS: (self.world.cluster.ingress_namespace, pod)})
            self._ingress = self._stack.enter_context(made)[INGRESS]
        return self._ingress


@contextmanager
def asking(world: World, name: str, rendered: Rendered | None = None) -> Iterator[Askers]:
    """Have pods to ask from for the length of a block.

    Args:
        name: of the pod.
        rendered: the application's objects, where they are others than the run's.
    """
    pod = probe_pod.helper_pod(name, helper_labels(world, rendered), never_ready=True)
    with ExitStack() as stack:
        made = stack.enter_context(probe_pod.helpers(world.kube, {"client": (world.app.namespace, pod)}))
        yield Askers(world, made["client"], _stack=stack)


def controller_double(world: World, name: str) -> Object | None:
    """A pod with the labels of the ingress controller's pods; None where their namespace is somebody else's."""
    if world.app.ingress is None or world.cluster.provider == "existing" or not world.cluster.ingress_namespace:
        return None
    return probe_pod.helper_pod(name, _controller_labels(world), never_ready=True)


def _controller_labels(world: World) -> dict[str, str]:
    """Labels of the ingress controller's pods, without the one by which its ReplicaSet would adopt another pod."""
    for pod in world.kube.find("Pod", world.cluster.ingress_namespace):
        if live.is_ready(pod) and live.HELPER not in workloads.labels_of(pod):
            return {key: value for key, value in workloads.labels_of(pod).items() if key != live.TEMPLATE_HASH}
    return {}


def _door(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


_attached: dict[tuple[str, str, str], Source] = {}
"""By run, namespace and component."""
_attaching = threading.Lock()


def attach_sources(world: World) -> dict[str, Source]:
    """An agnhost container in the oldest ready pod of each component; made once, and anew where its pod has gone meanwhile."""
    kube, app = world.kube, world.app

    def one(name: str) -> Source | None:
        pods = live.ready_pods(kube, app, name)
        known = _attached.get((world.run_id, app.namespace, name))
        if known is not None and any(pod["metadata"]["name"] == known.pod for pod in pods):
            return known
        return probe_pod.attach(kube, pods[0], name="seatrial-probe") if pods else None

    with _attaching, ThreadPoolExecutor(4) as pool:
        found = {name: source for name, source in zip(app.components, pool.map(one, app.components), strict=True) if source}
        _attached.update({(world.run_id, app.namespace, name): source for name, source in found.items()})
    return found


def source_in(world: World, component: str) -> Source:
    """The one of :func:`attach_sources` in a component.

    Raises:
        ClusterError: it has no ready pod.
    """
    source = attach_sources(world).get(component)
    if source is None:
        raise ClusterError(f"component {component} has no ready pod to ask from")
    return source
