"""Where probes start and end: agnhost pods of a trial's own, and agnhost containers beside the application's processes.

An ephemeral container shares its pod's network, so a probe from it is a probe from that pod, whatever its image holds. One exec
carries many probes: a shell script in agnhost's image, whose output is read line by line. Three outcomes: reached, denied, or
unknown where the probe itself failed.
"""

from __future__ import annotations

import secrets
import shlex
import statistics
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, NamedTuple

from seatrial.cluster.images import AGNHOST
from seatrial.cluster.provider import CRICTL, Cluster
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import ApiError, Kube, Object
from seatrial.trials.live import HELPER, container_id

NEVER_READY = "seatrial.dev/never"
"""Readiness gate that nobody sets: the pod has the labels of a component, and no Service ever sends it traffic."""

START_SECONDS = 60.0
WAY_SECONDS, WAY_LOOK_SECONDS = 15.0, 0.5
"""How long the policies may take to let a new pod through, and how often is looked: the node sends no event of it."""
ROOM_SECONDS, ROOM_LOOK_SECONDS = 120.0, 1.0
"""How long a helper pod may wait for room in a quota, and how often it is tried: refusals are all that tells of it."""
SLOW_ASKED_AGAIN = 4
REACHED, DENIED, UNKNOWN = "reached", "denied", "unknown"
TCP, UDP = "TCP", "UDP"
POLICIES = threading.Lock()
"""Held by whoever lifts the application's policies for a while, or measures while they are in force."""
_DENYING = ("no route", "unreachable", "prohibited", "not permitted", "reset by peer")
"""What the kernel says, beyond a refusal or silence, where a packet filter rejects a connection."""

FIND = 'a=$(command -v agnhost) || a=/agnhost; b=/bin/busybox; [ -x $b ] || b=""'


@dataclass(frozen=True)
class Source:
    """A container that probes start from.

    Attributes:
        pod, namespace, container: where to exec.
        address: IP of the pod.
        ephemeral: it sits beside the application's own container.
        udp: UDP ports at which :func:`attach` let it answer.
    """

    pod: str
    namespace: str
    container: str
    address: str
    ephemeral: bool = False
    udp: tuple[int, ...] = ()


class Target(NamedTuple):
    """What is to be reached.

    Attributes:
        host: name or address.
        protocol: ``TCP``, or ``UDP``, of which only an answer tells that something arrived.
    """

    host: str
    port: int
    protocol: str = TCP


@dataclass(frozen=True)
class Reach:
    """One attempt to connect.

    Attributes:
        outcome: ``reached``, ``denied`` or ``unknown``.
        how: ``connected`` (by UDP ``answered``), ``refused``, ``timeout``, or the words of the probe.
    """

    outcome: str
    how: str


@dataclass(frozen=True)
class Answer:
    """One HTTP request from inside.

    Attributes:
        status: HTTP status; None where there was no answer.
        headers: names in lower case.
        seconds: until the whole answer was there, to the hundredth; the median where it was asked more than once.
        tries: seconds of each, where :func:`ask_slow_again` asked more than once.
        at: when it was there, seconds since 1970, by the node's clock.
        error: what the client said where there was no answer.
    """

    url: str
    status: int | None
    headers: Mapping[str, str]
    body: str
    seconds: float
    at: int
    error: str
    tries: tuple[float, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Plain data, the body cut to 500 characters."""
        return {**self.__dict__, "headers": dict(self.headers), "body": self.body[:500], "tries": list(self.tries)}


SILENT = Reach(UNKNOWN, "the probe said nothing")
SILENT_ASKED_AGAIN = 2
"""How often is asked again what a probe said nothing of: on a very busy node an exec was seen to end before all of its probes."""


# pods of a trial's own


def helper_pod(
    name: str,
    labels: Mapping[str, str],
    *,
    ports: Sequence[int] = (),
    udp: Sequence[int] = (),
    never_ready: bool = False,
    http: bool = False,
) -> Object:
    """An agnhost pod that fits any Pod Security level and asks for next to nothing; all its probes at once take some memory.

    Its CPU limit leaves it room: a client that is throttled would measure itself and not who answers.

    Args:
        ports: TCP ports that it listens on.
        udp: UDP ports at which it answers as well.
        never_ready: it bears a component's labels and must get none of its traffic.
        http: it answers HTTP on the first port as ``agnhost netexec`` does, in place of listening only.
    """
    arguments = ["netexec", f"--http-port={ports[0]}", "--udp-port=-1"] if http else ["porter" if ports else "pause"]
    spec: Object = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "helper",
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
                **_container(arguments, () if http else ports, udp),
            }
        ],
    }
    if never_ready:
        spec["readinessGates"] = [{"conditionType": NEVER_READY}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {**labels, HELPER: "true"}}, "spec": spec}


def _container(arguments: Sequence[str], listening: Sequence[int], udp: Sequence[int] = ()) -> Object:
    """A container that runs agnhost; where it answers by UDP too, which its porter cannot, a netexec for each port does that."""
    answering = "".join(f' "$a" netexec --http-port=0 --udp-port={port} &' for port in udp)
    beside = f'{FIND};{answering} exec "$a" {shlex.join(arguments)}'
    return {
        "image": AGNHOST,
        "imagePullPolicy": "IfNotPresent",
        **({"args": list(arguments)} if not udp else {"command": ["/bin/sh", "-c", beside]}),
        "env": [{"name": f"SERVE_PORT_{port}", "value": "open"} for port in listening],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 1001,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


@contextmanager
def helpers(kube: Kube, pods: Mapping[str, tuple[str, Object]]) -> Iterator[dict[str, Source]]:
    """Run pods for the length of a block.

    Args:
        pods: key -> (namespace, pod).

    Yields:
        key -> where to probe from, as soon as all of them run.
    """
    try:
        for namespace, pod in pods.values():
            kube.delete("Pod", pod["metadata"]["name"], namespace, grace=0)
            kube.wait_gone("Pod", pod["metadata"]["name"], namespace, timeout=START_SECONDS)
            _create(kube, pod, namespace)
        yield {key: _running(kube, namespace, pod["metadata"]["name"]) for key, (namespace, pod) in pods.items()}
    finally:
        for namespace, pod in pods.values():
            kube.delete("Pod", pod["metadata"]["name"], namespace, grace=0)


def _create(kube: Kube, pod: Object, namespace: str) -> None:
    """Create a pod as soon as the namespace's quota has room for it: other trials' pods are there too, and end."""
    deadline = time.monotonic() + ROOM_SECONDS
    while True:
        try:
            kube.create(pod, namespace)
            return
        except ApiError as error:
            if error.status != HTTPStatus.FORBIDDEN or "exceeded quota" not in error.reason or time.monotonic() > deadline:
                raise
        time.sleep(ROOM_LOOK_SECONDS)


def _running(kube: Kube, namespace: str, name: str) -> Source:
    def until(known: dict[str, Object]) -> str | None:
        status = known.get(name, {}).get("status", {})
        states = [entry.get("state", {}) for entry in status.get("containerStatuses") or []]
        return str(status["podIP"]) if status.get("podIP") and any("running" in state for state in states) else None

    address = kube.wait("Pod", namespace, until, what=f"the helper pod {name} to run", timeout=START_SECONDS, why_not=_states)
    return Source(name, namespace, "helper", address)


def _states(known: dict[str, Object]) -> str:
    waiting = [
        f"{name} is {entry['state']['waiting'].get('reason')}"
        for name, pod in known.items()
        for entry in pod.get("status", {}).get("containerStatuses") or []
        if "waiting" in entry.get("state", {})
    ]
    return ", ".join(waiting)


# beside the application's own containers


def attach(kube: Kube, pod: Mapping[str, Any], *, name: str, ports: Sequence[int] = (), udp: Sequence[int] = ()) -> Source:
    """Start an agnhost container in a running pod; it shares the pod's network. Kubernetes lets it stay until the pod goes.

    Args:
        name: of the container, to which something unique is added.
        ports: TCP ports that it listens on, beside the application's own.
        udp: UDP ports at which it answers.

    Raises:
        WaitTimeout: it did not start; the message says why.
        ApiError: admission refuses it.
    """
    metadata = pod["metadata"]
    name = f"{name}-{secrets.token_hex(3)}"
    container = {"name": name, **_container(["porter"] if ports else ["pause"], ports, udp)}
    body = {"spec": {"ephemeralContainers": [container]}}
    kube.patch("Pod", metadata["name"], metadata["namespace"], body, subresource="ephemeralcontainers", strategic=True)

    def until(known: dict[str, Object]) -> bool | None:
        state = _ephemeral_state(known.get(metadata["name"], {}), name)
        if "terminated" in state:
            raise ClusterError(f"the ephemeral container {name} in {metadata['name']} ended: {state['terminated'].get('reason')}")
        return True if "running" in state else None

    kube.wait(
        "Pod", metadata["namespace"], until, what=f"the ephemeral container {name} in {metadata['name']}", timeout=START_SECONDS
    )
    return Source(metadata["name"], metadata["namespace"], name, pod["status"]["podIP"], ephemeral=True, udp=tuple(udp))


def _ephemeral_state(pod: Mapping[str, Any], name: str) -> dict[str, Any]:
    for entry in pod.get("status", {}).get("ephemeralContainerStatuses") or []:
        if entry["name"] == name:
            return dict(entry.get("state", {}))
    return {}


def detach(cluster: Cluster, kube: Kube, sources: Sequence[Source]) -> list[str]:
    """Stop ephemeral containers from the node; sentences on those that could not be stopped and stay until their pod goes."""
    left = []
    for source in sources:
        try:
            pod = kube.read("Pod", source.pod, source.namespace) or {}
            identity = next(
                (
                    container_id(entry)
                    for entry in pod.get("status", {}).get("ephemeralContainerStatuses") or []
                    if entry["name"] == source.container and "running" in entry.get("state", {})
                ),
                "",
            )
            if identity:
                done = cluster.node_exec([*CRICTL, "stop", "--timeout=0", identity], 30)
                left += [f"{source.pod}/{source.container}: {done.output.strip()}"] if done.returncode else []
        except SeatrialError as error:
            left.append(f"{source.pod}/{source.container}: {error}")
    return left


# probes


def reach(kube: Kube, source: Source, targets: Sequence[Target | tuple[str, int]], *, seconds: int = 1) -> list[Reach]:
    """Try to reach each target, side by side, in one exec.

    Args:
        targets: each, or (host or address, port) of those by TCP.
        seconds: after this long without an answer it is denied.

    Raises:
        ExecFailed: nothing could be probed.
    """
    asked = [Target(*target) for target in targets]
    found = _reach(kube, source, asked, seconds)
    for _ in range(SILENT_ASKED_AGAIN):
        if not (silent := [number for number, one in enumerate(found) if one == SILENT]):
            break
        again = dict(zip(silent, _reach(kube, source, [asked[number] for number in silent], seconds), strict=True))
        found = [again.get(number, one) for number, one in enumerate(found)]
    return found


def _reach(kube: Kube, source: Source, asked: Sequence[Target], seconds: int) -> list[Reach]:
    lines = [
        f'u() {{ r=$("$a" connect --timeout={seconds}s --protocol="$2" "$3" 2>&1); echo "$1 $? $r"; }}',
        f't() {{ r=$($b nc -w {seconds} "$2" "$3" -e $b true 2>&1); echo "$1 $? $r"; }}',
        # a tenth of agnhost's CPU, which counts where hundreds are asked at once
        'case "$($b nc 2>&1)" in *"-e PROG"*) ;; *) t() { u "$1" tcp "$4"; };; esac',
    ]
    for number, target in enumerate(asked):
        address = shlex.quote(_address(target.host, target.port))
        if target.protocol == TCP:
            lines.append(f"t {number} {shlex.quote(target.host)} {target.port} {address} &")
        else:
            lines.append(f"u {number} {target.protocol.lower()} {address} &")
    output = run_script(kube, source, "\n".join([FIND, *lines, "wait"]), timeout=30 + seconds)
    return parse_reach(output, [target.protocol for target in asked])


def await_way(
    kube: Kube, source: Source, targets: Sequence[tuple[str, int]], *, expected: Collection[tuple[str, int]] | None = None
) -> list[Reach]:
    """Wait until a pod that has just started reaches each target, or time is up: policies know its address a little later; the
    last look.

    While policies are lifted every way is open, and closes again for a pod whose address they do not know yet; so nobody may lift
    them while this waits. What does not open in time is the caller's to find out.

    Args:
        expected: those of the targets that are waited for; else all of them.
    """
    with POLICIES:
        deadline = time.monotonic() + WAY_SECONDS
        while True:
            found = reach(kube, source, targets)
            ways = zip(targets, found, strict=True)
            left = [to for to, one in ways if one.outcome != REACHED and (expected is None or to in expected)]
            if not left or time.monotonic() > deadline:
                return found
            time.sleep(WAY_LOOK_SECONDS)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_reach(output: str, protocols: Sequence[str]) -> list[Reach]:
    """Read ``number exit-code words`` lines; what is missing is unknown."""
    found = {}
    for line in output.splitlines():
        number, _, rest = line.partition(" ")
        code, _, words = rest.partition(" ")
        if number.isdigit() and code.isdigit():
            found[int(number)] = (int(code), words)
    return [judge_connect(*found[number], protocol) if number in found else SILENT for number, protocol in enumerate(protocols)]


def judge_connect(code: int, words: str, protocol: str = TCP) -> Reach:
    """What an exit of ``agnhost connect`` (test/images/agnhost/connect in Kubernetes) or of busybox' ``nc`` means.

    By UDP what is neither a refusal nor silence is "UNKNOWN", where it is "OTHER" by TCP.
    """
    if code == 0:
        return Reach(REACHED, "connected" if protocol == TCP else "answered")
    kind = words.strip()
    if kind.startswith("REFUSED") or (kind.startswith("nc: ") and kind.endswith("Connection refused")):
        return Reach(DENIED, "refused")
    if kind.startswith("TIMEOUT") or (kind.startswith("nc: ") and kind.endswith("timed out")):
        return Reach(DENIED, "timeout")
    if kind.startswith("nc: can't connect ") and any(part in kind.lower() for part in _DENYING):
        return Reach(DENIED, kind.rpartition(": ")[2])
    other = "OTHER: " if protocol == TCP else "UNKNOWN: "
    if kind.startswith(other) and any(part in kind for part in _DENYING):
        return Reach(DENIED, kind.removeprefix(other))
    return Reach(UNKNOWN, kind or f"the probe ended with {code}")


def fetch(kube: Kube, source: Source, urls: Sequence[str | float], *, seconds: int = 5) -> list[Answer]:
    """GET each URL, one after the other, in one exec.

    Args:
        urls: URLs; a number in between is a pause in seconds.
        seconds: time-out of one request.

    Raises:
        ExecFailed: nothing could be asked.
    """
    token = secrets.token_hex(8)
    lines = [
        FIND,
        "p() { read u _ </proc/uptime; "
        f'o=$($b timeout {seconds} $b wget -S -q -O - "$1" 2>&1); r=$?; read v _ </proc/uptime; '
        f'echo "{token} $r $u $v $(date +%s)"; echo "$o"; }}',
    ]
    lines += [f"sleep {entry}" if isinstance(entry, int | float) else f"p {shlex.quote(entry)}" for entry in urls]
    asked = [entry for entry in urls if isinstance(entry, str)]
    pauses = sum(entry for entry in urls if not isinstance(entry, str))
    output = run_script(kube, source, "\n".join(lines), timeout=30 + pauses + seconds * len(asked))
    return parse_fetch(output, token, asked)


def parse_fetch(output: str, token: str, urls: Sequence[str]) -> list[Answer]:
    """Read what :func:`fetch`'s script printed: for each request a line that begins with the token, then wget's output."""
    parts = output.split(token)[1:]
    return [_answer(url, part) for url, part in zip(urls, parts, strict=False)] + [
        Answer(url, None, {}, "", 0.0, int(time.time()), "the probe said nothing") for url in urls[len(parts) :]
    ]


def _answer(url: str, part: str) -> Answer:
    first, _, text = part.partition("\n")
    code, began, ended, at = first.split()
    status: int | None = None
    headers: dict[str, str] = {}
    rest = text.splitlines(keepends=True)
    while rest and rest[0].startswith("  "):
        line = rest.pop(0).strip()
        if line.startswith("HTTP/"):
            status, headers = int(line.split()[1]), {}
        elif ":" in line:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
    body = "".join(rest).rstrip("\n")
    error = ""
    if code != "0":
        error, body = body, ""
    return Answer(url, status, headers, body, round(float(ended) - float(began), 2), int(at), "" if status else error)


def ask_slow_again(kube: Kube, source: Source, answers: Sequence[Answer], limit: float) -> list[Answer]:
    """Ask again, some times and a second apart, what took as long as a limit or longer, and take the median of all times.

    A single slow answer on a busy machine tells of the machine; an application that is slow stays slow when it is asked again.
    """
    slow = [answer.url for answer in answers if answer.status is not None and answer.seconds >= limit]
    if not slow:
        return list(answers)
    one_round: list[str | float] = [1, *slow]
    again = fetch(kube, source, one_round * SLOW_ASKED_AGAIN)
    times = {url: [answer.seconds for answer in again if answer.url == url] for url in slow}
    return [
        replace(answer, seconds=statistics.median_low(tries), tries=tries)
        if answer.url in times and (tries := (answer.seconds, *times[answer.url]))
        else answer
        for answer in answers
    ]


def run_script(kube: Kube, source: Source, script: str, *, timeout: float) -> str:
    """Run a shell script that asks and tells, and changes nothing, in a source's container; its output.

    Raises:
        ExecFailed: it could not be run.
    """
    argv = ["/bin/sh", "-c", script]
    return kube.exec(source.pod, source.namespace, argv, container=source.container, timeout=timeout, looks=True).stdout
