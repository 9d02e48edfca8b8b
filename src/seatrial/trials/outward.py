"""Ways out of the application's pods: cluster DNS, the model's endpoint, and nothing else (M4-NP-03).

Each question is asked twice, as in :mod:`seatrial.trials.network`: under a policy that allows everything, which shows that
somebody answers there and that this very question reaches him, and under the application's own policies. What no listener of ours
can stand in for (public addresses, the cloud's metadata) is asked of the policies as they are evaluated.

Both windows are shared with :mod:`seatrial.trials.survival`, which looks whether the application works in them.
"""

from __future__ import annotations

import shlex
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial.app import App
from seatrial.chart import workloads
from seatrial.chart.policies import Endpoint, decide
from seatrial.chart.render import Rendered
from seatrial.checks.rendering import render_again
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import Kube, Object
from seatrial.trials import live, network, probe_pod, survival
from seatrial.trials.askers import attach_sources
from seatrial.trials.probe_pod import DENIED, REACHED, TCP, UDP, UNKNOWN, Reach, Source, Target
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

CRITERION = "M4-NP-03"
DNS_NAMESPACE, DNS_LABELS = "kube-system", "k8s-app=kube-dns"
OWN, OTHER = "cluster DNS", "another resolver"
PROTOCOLS = (UDP, TCP)
RESOLVER = "seatrial-resolver"
OTHER_ANSWER = "192.0.2.53"
"""What the other resolver says of the name that is asked for (an address of RFC 5737)."""
QUESTION = 0x5E47
"""Id of the question by TCP."""
RESOLVE_SECONDS = 2

METADATA = Endpoint("the cloud's metadata", ("169.254.169.254",))
PUBLIC = Endpoint("a public address", ("203.0.113.10",))
"""An address of RFC 5737: public, nobody's, and in nobody's list of exceptions."""
HTTP = 80

Cell = tuple[str, str, int]
"""From, to, port."""
Way = dict[str, Any]
"""From, to, port, protocol, model, allowed, how."""


@once
def observe_outward(world: World) -> dict[str, Any]:
    """What each of the application's pods reaches outside of it, under control and under the application's policies.

    Returns:
        ``parts`` (name -> role), ``cells`` (from, to, port, control, control_how, found, how), ``evaluated`` (from, to, port,
        protocol, allowed, how; model: whether its endpoint is outside the cluster), ``outside`` (whether a listener stood there),
        ``limits`` (dns and outward ports), ``rounds`` (off and on: see :func:`survival.look`), ``restarts`` (before and after the
        round with policies on).
    """
    kube, app, cluster = world.kube, world.app, world.cluster
    limits = {"dns": int(world.limit(CRITERION, "dns_port")), "outward": int(world.limit(CRITERION, "outward_port"))}
    jobs = network.job_labels(app, world.rendered.objects)
    with network.helper_namespace(kube, world, "resolver") as elsewhere:
        helpers = {
            name: (app.namespace, probe_pod.helper_pod(f"{live.HELPER_NAME}out-{name}", labels, never_ready=True))
            for name, labels in jobs.items()
        }
        own = attach_sources(world)
        if not own:
            raise ClusterError("no component has a ready pod to ask from", todo="See why the release is not ready.")
        name, server = _resolver_of(kube, next(iter(own.values())))
        kube.create(_corefile(name), elsewhere)
        with probe_pod.helpers(kube, {**helpers, OTHER: (elsewhere, _other_resolver(kube))}) as made:
            other = made.pop(OTHER)
            sources = {**own, **made}
            with network.outside_listener(cluster) as outside:
                asked = Asked(kube, sources, name, {OWN: server, OTHER: other.address}, outside, limits["dns"])
                with probe_pod.POLICIES:
                    with network.allow_all(kube, app.namespace):
                        control = network.settled(asked, lambda cell: True)
                        rounds = {"off": survival.look(world, "without")}
                    found = network.settled_without(asked, lambda cell: cell[1].startswith(OWN))
                    restarts = [survival.restarts(world)]
                    rounds["on"] = survival.look(world, "within")
                    restarts.append(survival.restarts(world))
                    evaluated = _live(world, limits)
    return {
        "parts": {part: app.components[part].role if part in app.components else "job" for part in sources},
        "cells": [_row(cell, control[cell], found[cell]) for cell in control],
        "evaluated": [*evaluated, *_rendered(world, limits)],
        "outside": bool(outside),
        "limits": limits,
        "rounds": rounds,
        "restarts": restarts,
    }


def _row(cell: Cell, control: Reach, found: Reach) -> dict[str, Any]:
    return {
        "from": cell[0],
        "to": cell[1],
        "port": cell[2],
        "control": control.outcome,
        "control_how": control.how,
        "found": found.outcome,
        "how": found.how,
    }


# who answers


def _resolver_of(kube: Kube, source: Source) -> tuple[str, str]:
    """A name that every cluster has, in full, and the server that a pod asks for it."""
    done = kube.exec(source.pod, source.namespace, ["cat", "/etc/resolv.conf"], container=source.container, looks=True)
    return read_resolver(done.stdout)


def read_resolver(text: str) -> tuple[str, str]:
    """The API server's name and the first nameserver, by a pod's resolv.conf.

    Raises:
        ClusterError: it names no server, or no domain of a cluster.
    """
    lines = [line.split() for line in text.splitlines() if line.split()]
    servers = [words[1] for words in lines if words[0] == "nameserver" and len(words) > 1]
    domains = [word for words in lines if words[0] == "search" for word in words[1:] if word.startswith("svc.")]
    if not servers or not domains:
        raise ClusterError("the pods' resolv.conf names no cluster DNS", todo="Leave dnsPolicy at ClusterFirst.")
    return f"kubernetes.default.{domains[0]}", servers[0]


def _corefile(name: str) -> Object:
    text = f".:53 {{\n    hosts {{\n        {OTHER_ANSWER} {name}\n    }}\n}}\n"
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RESOLVER}, "data": {"Corefile": text}}


def _other_resolver(kube: Kube) -> Object:
    """A pod that answers as the cluster's DNS does, from the same image, and is none of it.

    Raises:
        ClusterError: the cluster's DNS is no CoreDNS whose pods could be looked at.
    """
    for pod in kube.find("Pod", DNS_NAMESPACE, DNS_LABELS):
        container = pod["spec"]["containers"][0]
        if "coredns" in container["image"]:
            break
    else:
        raise ClusterError(f"no pod in {DNS_NAMESPACE} with {DNS_LABELS} runs CoreDNS", todo="Nobody else can stand in for it.")
    made = probe_pod.helper_pod(RESOLVER, {})
    helper = made["spec"]["containers"][0]
    helper |= {"image": container["image"], "args": ["-conf", "/etc/coredns/Corefile"]}
    helper["securityContext"] = container.get("securityContext") or {}
    helper["volumeMounts"] = [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}]
    made["spec"]["volumes"] = [{"name": "config", "configMap": {"name": RESOLVER}}]
    made["spec"].pop("securityContext")
    return made


# the questions


class Asked:
    """All questions, from all sources side by side: call it, with the cells that are wanted or None for all.

    Args:
        name: that the resolvers are asked for.
        servers: :data:`OWN` and :data:`OTHER` -> address.
        outside: listeners outside the cluster; those by TCP are tried.
        dns_port: where resolvers listen.
    """

    def __init__(
        self,
        kube: Kube,
        sources: Mapping[str, Source],
        name: str,
        servers: Mapping[str, str],
        outside: Sequence[Target],
        dns_port: int,
    ) -> None:
        self._kube, self._sources, self._name, self._servers = kube, sources, name, servers
        self._outside, self._port = outside, dns_port

    def __call__(self, only: Collection[Cell] | None) -> dict[Cell, Reach]:
        with ThreadPoolExecutor(len(self._sources)) as pool:
            return {
                cell: reach for part in pool.map(lambda who: self._from(who, only), self._sources) for cell, reach in part.items()
            }

    def _from(self, who: str, only: Collection[Cell] | None) -> dict[Cell, Reach]:
        def wanted(cell: Cell) -> bool:
            return only is None or cell in only

        asked = {
            (who, f"{which} by {protocol}", self._port): (server, protocol)
            for which, server in self._servers.items()
            for protocol in PROTOCOLS
        }
        asked = {cell: question for cell, question in asked.items() if wanted(cell)}
        tried = {(who, network.OUTSIDE, target.port): target for target in self._outside if target.protocol == TCP}
        tried = {cell: target for cell, target in tried.items() if wanted(cell)}
        source = self._sources[who]
        return {
            **_each(asked, lambda questions: resolve(self._kube, source, self._name, questions)),
            **_each(tried, lambda targets: probe_pod.reach(self._kube, source, targets)),
        }


def _each(asked: Mapping[Cell, Any], ask: Callable[[list[Any]], list[Reach]]) -> dict[Cell, Reach]:
    if not asked:
        return {}
    try:
        found = ask(list(asked.values()))
    except SeatrialError as error:
        found = [Reach(UNKNOWN, str(error))] * len(asked)
    return dict(zip(asked, found, strict=True))


def resolve(kube: Kube, source: Source, name: str, questions: Sequence[tuple[str, str]]) -> list[Reach]:
    """Ask resolvers for a name, side by side, in one exec.

    Args:
        questions: server, and ``UDP`` or ``TCP``.

    Raises:
        ExecFailed: nothing could be asked.
    """
    asked = "".join(f"\\{byte:03o}" for byte in question(name))
    lines = [
        'b=/bin/busybox; [ -x $b ] || b=""',
        f'u() {{ o=$($b timeout {RESOLVE_SECONDS} $b nslookup {shlex.quote(name)} "$2" 2>&1); r=$?; echo "$1 $r" $o; }}',
        f"t() {{ o=$(printf '{asked}' | $b timeout {RESOLVE_SECONDS} $b nc \"$2\" 53 2>/dev/null | $b od -An -v -tx1); "
        'echo "$1 0" $o; }',
    ]
    kinds = {"UDP": "u", "TCP": "t"}
    lines += [f"{kinds[protocol]} {number} {shlex.quote(server)} &" for number, (server, protocol) in enumerate(questions)]
    output = probe_pod.run_script(kube, source, "\n".join([*lines, "wait"]), timeout=30 + RESOLVE_SECONDS)
    said: dict[int, tuple[int, str]] = {}
    for line in output.splitlines():
        words = line.split(" ", 2)
        if len(words) > 1 and words[0].isdigit() and words[1].isdigit():
            said[int(words[0])] = (int(words[1]), words[2] if len(words) > 2 else "")
    return [
        (_by_udp(*said[number]) if protocol == "UDP" else by_tcp(said[number][1]))
        if number in said
        else Reach(UNKNOWN, "the question was not answered by the probe itself")
        for number, (_, protocol) in enumerate(questions)
    ]


def question(name: str) -> bytes:
    """A question for a name's IPv4 address, as it goes over TCP (RFC 1035, 4.1 and 4.2.2)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split("."))
    message = struct.pack(">6H", QUESTION, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    return struct.pack(">H", len(message)) + message


def _by_udp(code: int, words: str) -> Reach:
    """What busybox's nslookup says."""
    if code == 0:
        return Reach(REACHED, "an answer")
    if "NXDOMAIN" in words or "SERVFAIL" in words or "REFUSED" in words:
        return Reach(UNKNOWN, f"an answer that says {words[-80:]}")
    return Reach(DENIED, "no answer")


def by_tcp(words: str) -> Reach:
    """What came back by TCP, as bytes in hexadecimal."""
    try:
        answer = bytes.fromhex(words)
    except ValueError:
        return Reach(UNKNOWN, f"the probe said {words[:80]!r}")
    if len(answer) < 14:
        return Reach(DENIED, "no answer")
    identity, flags, _, answers = struct.unpack(">4H", answer[2:10])
    if identity != QUESTION or not flags & 0x8000:
        return Reach(UNKNOWN, "bytes that are no answer to the question")
    if flags & 0x000F or not answers:
        return Reach(UNKNOWN, f"an answer with code {flags & 0x000F} and {answers} addresses")
    return Reach(REACHED, "an answer")


# the policies, evaluated


def _evaluate(policies: Sequence[Object], pods: Iterable[Endpoint], limits: Mapping[str, int], *, model: bool) -> list[Way]:
    """What policies say of ways to addresses where no listener of ours can stand.

    Args:
        model: whether the model's endpoint is outside the cluster.
    """
    ways = [
        (METADATA, HTTP, "TCP"),
        (METADATA, limits["outward"], "TCP"),
        (PUBLIC, HTTP, "TCP"),
        (PUBLIC, limits["outward"], "TCP"),
        *((PUBLIC, limits["dns"], protocol) for protocol in PROTOCOLS),
    ]
    rows = []
    for pod in pods:
        for target, port, protocol in ways:
            said = decide(policies, {}, pod, target, port, protocol)
            row = {"from": pod.name, "to": target.name, "port": port, "protocol": protocol, "model": model}
            rows.append({**row, "allowed": said.allowed, "how": str(said)})
    return rows


def _live(world: World, limits: Mapping[str, int]) -> list[Way]:
    """The policies in force, for the application's own pods and those of its jobs."""
    kube, app = world.kube, world.app
    labels = {name: workloads.labels_of(pods[0]) for name in app.components if (pods := live.app_pods(kube, app, name))}
    labels |= network.job_labels(app, world.rendered.objects)
    pods_of = [Endpoint(name, (), app.namespace, found) for name, found in labels.items()]
    model = app.chat is not None and app.chat.model is None
    return _evaluate(kube.find("NetworkPolicy", app.namespace), pods_of, limits, model=model)


def with_model_outside(app: App, rendered: Rendered, limits: Mapping[str, int]) -> list[Way]:
    """The policies of a rendering with the model's endpoint outside the cluster, for the pods that it renders."""
    policies = [
        {**item.raw, "metadata": {"namespace": rendered.namespace, **item.metadata}} for item in rendered.of_kind("NetworkPolicy")
    ]
    labels = {
        name: workloads.pod_labels(item)
        for name in app.components
        for item in workloads.found_by(app.labels(name), [each.raw for each in rendered.of_kind(*live.STANDING)])
    }
    labels |= network.job_labels(app, rendered.objects)
    pods = [Endpoint(name, (), rendered.namespace, found) for name, found in labels.items()]
    return _evaluate(policies, pods, limits, model=True)


def _rendered(world: World, limits: Mapping[str, int]) -> list[Way]:
    """:func:`with_model_outside`, where seatrial.yaml says how that is switched on."""
    app = world.app
    if app.chat is None or app.chat.outside is None:
        return []
    on = render_again(world, values=world.rendered.values, overrides=app.chat.outside)
    return with_model_outside(app, on, limits)


# judge


def judge_outward(seen: Mapping[str, Any]) -> Verdict:
    """M4-NP-03: every pod asks cluster DNS, by UDP and TCP, and no other; the backend alone may call a model outside."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for cell in seen["cells"]:
        fault, doubt = _told(cell)
        faults += [fault] if fault else []
        unknown += [doubt] if doubt else []
    faults += _evaluated_faults(seen)
    unknown += _missing(seen)
    unknown += [] if seen["outside"] else ["no listener outside the cluster could be placed, so who reaches it is not known"]
    evidence = [
        Evidence(
            f"{len(seen['cells'])} questions from {len(seen['parts'])} kinds of pods, each under control too", seen["cells"]
        ),
        Evidence(f"{len(seen['evaluated'])} ways evaluated, {_opened(seen)}", seen["evaluated"]),
    ]
    return judge(len(seen["cells"]) + len(seen["evaluated"]), "ways out", faults, unknown=unknown, evidence=evidence)


def _opened(seen: Mapping[str, Any]) -> str:
    """What the policies let out, in words."""
    ways = [f"{way['from']} -> {way['to']}:{way['port']}" for way in seen["evaluated"] if way["allowed"]]
    return f"open: {', '.join(ways)}, with the model's endpoint outside" if ways else "none of them open"


def _told(cell: Mapping[str, Any]) -> tuple[Fault | None, str]:
    """The fault that a question shows, or why it shows nothing; neither where all is well."""
    subject = f"{cell['from']} -> {cell['to']}:{cell['port']}"
    if cell["to"].startswith(OWN):
        if cell["found"] == REACHED:
            return None, ""
        if cell["found"] == UNKNOWN or cell["control"] != REACHED:
            return None, f"{subject}: {cell['how']}, and under the control {cell['control_how']}"
        return Fault(subject, cell["how"], "an answer", "Let every pod ask cluster DNS, by UDP and TCP"), ""
    if cell["found"] == REACHED:
        mend = "Name cluster DNS' pods as the only ones" if cell["to"].startswith(OTHER) else "Allow named receivers alone"
        return Fault(subject, "reached", "denied", mend), ""
    if cell["found"] == UNKNOWN:
        return None, f"{subject}: {cell['how']}"
    if cell["control"] != REACHED:
        return None, f"{subject} was denied, but the control did not reach it either ({cell['control_how']}): nothing follows"
    return None, ""


def _evaluated_faults(seen: Mapping[str, Any]) -> Iterable[Fault]:
    """The backend may open the outward port where the model's endpoint is outside; nobody may do more."""
    for way in seen["evaluated"]:
        subject = f"{way['from']} -> {way['to']}:{way['port']} by {way['protocol']}"
        is_model = way["to"] == PUBLIC.name and way["port"] == seen["limits"]["outward"] and way["protocol"] == "TCP"
        wanted = is_model and way["model"] and seen["parts"].get(way["from"]) == "backend"
        if way["allowed"] and not wanted:
            yield Fault(subject, f"let through ({way['how']})", "denied by the policies", "Take the address out of the rule")
        elif wanted and not way["allowed"]:
            yield Fault(subject, f"denied ({way['how']})", "the way to the model's endpoint", "Allow it for the backend")


def _missing(seen: Mapping[str, Any]) -> Iterable[str]:
    """Questions that were not asked."""
    asked = {(cell["from"], cell["to"]) for cell in seen["cells"]}
    for name in seen["parts"]:
        for which in (OWN, OTHER):
            for protocol in PROTOCOLS:
                if (name, f"{which} by {protocol}") not in asked:
                    yield f"{name} did not ask {which} by {protocol}"
        if seen["outside"] and (name, network.OUTSIDE) not in asked:
            yield f"{name} did not try to leave the cluster"
