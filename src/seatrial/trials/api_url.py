"""The browser uses the configured API URL (M2-CFG-05): where pages call, and what address of the backend their scripts hold.

Whether another address reaches the pages at run time is tried on a copy of the frontend's container, without a new build and
without disturbing anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from seatrial.app import Step
from seatrial.chart import workloads
from seatrial.errors import ClusterError, SeatrialError
from seatrial.trials import copies, journeys, live, probe_pod, users
from seatrial.trials.database import marker
from seatrial.trials.journeys import SCRIPTED
from seatrial.trials.processes import container_pid
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

USUAL = (80, 443)
"""Ports that say nothing about who listens there."""
NODE_SECONDS = 60.0
COPY = "seatrial-other-url"

_FIND = r"""
cd "/proc/$1/root" || exit 3; shift
for name; do
  find . \( -path ./proc -o -path ./sys -o -path ./dev \) -prune -o -type f -name "$name" -print
done
"""
"""Paths, below the root of the process $1, of all files with one of the names."""

_SEARCH = r"""
cd "/proc/$1/root" || exit 3; shift
find "$@" -type f \( -name '*.js' -o -name '*.mjs' \) -printf 'script %p\n'
grep -RoE --include='*.js' --include='*.mjs' '(https?|wss?)://[A-Za-z0-9._-]+(:[0-9]+)?' "$@"
exit 0
"""
"""Scripts in folders below the root of the process $1, one a line, then ``<file>:<absolute address>`` of each that they hold."""


def observe_calls(world: World) -> dict[str, Any]:
    """Open the first page and walk the first journey in a browser; then search all scripts that the frontend ships.

    Where seatrial.yaml names the variable of the address, open the first page of a copy that was given another one.

    Returns:
        ``origin``, ``calls`` (method, url, status: what scripts called of the backend's routes or of other origins), ``loaded``
        (URLs of scripts), ``folders``, ``scripts`` (files in them), ``addresses`` (file, url: absolute addresses in them),
        ``backend`` (hosts, ports: what makes an address one of the backend's), ``changed`` (variable, origin: the other address,
        calls: URLs; None where no variable is named), ``stopped`` (of the journey), ``unknown``.
    """
    _, ingress = users.door(world)
    origin = f"http://{ingress.host}"
    with journeys.visitor(world) as visit, visit.sit(marker(world.run_id, "api-url")) as sitting:
        steps = world.app.steps(world.app.journeys[0]) if world.app.journeys else ()
        _, stopped = sitting.take([Step(open="/"), *steps])
        answers = list(sitting.seen.answers)
    routes = [path for path, name in ingress.routes.items() if world.app.components[name].role == "backend"]
    routes = routes or ["/"]  # it is called through the frontend's server alone
    calls = [answer for answer in answers if answer["kind"] in SCRIPTED and _is_call(answer["url"], origin, routes)]
    loaded = sorted({answer["url"] for answer in answers if answer["kind"] == "script" and _origin(answer["url"]) == origin})
    unknown: list[str] = []
    shipped: dict[str, Any] = {"folders": [], "scripts": [], "addresses": []}
    try:
        shipped = _shipped(world, [urlsplit(url).path for url in loaded])
    except ClusterError as error:
        unknown.append(f"the scripts that are shipped could not be searched: {error.message}")
    return {
        "origin": origin,
        "calls": [{key: call[key] for key in ("method", "url", "status")} for call in calls],
        "loaded": loaded,
        **shipped,
        "backend": _backend(world, ingress.host),
        "changed": _with_another(world, origin, routes, unknown),
        "stopped": stopped,
        "unknown": unknown,
    }


def _with_another(world: World, origin: str, routes: Sequence[str], unknown: list[str]) -> dict[str, Any] | None:
    """Where pages call whose server was started with another address."""
    kube, app = world.kube, world.app
    name, component = next(iter(app.having("frontend").items()))
    if component.api_url is None:
        return None
    other = f"http://{journeys.FOREIGN_HOST}"
    seen: dict[str, Any] = {"variable": component.api_url, "origin": other, "calls": []}
    try:
        pod = copies.pod_of_copy(COPY, *copies.container_of(world, name), {component.api_url: other})
        with probe_pod.helpers(kube, {"copy": (app.namespace, pod)}) as sources:
            copies.wait_ready(world, sources["copy"])
            with (
                copies.forwarded(world, COPY, component.port) as address,
                journeys.visitor(world, address=address) as visit,
                visit.sit(marker(world.run_id, "other-url")) as sitting,
            ):
                _, stopped = sitting.take([Step(open="/")])
                sitting.await_answer(lambda answer: answer["kind"] in SCRIPTED and _is_call(answer["url"], origin, routes))
                answers = list(sitting.seen.answers)
    except SeatrialError as error:
        unknown.append(f"another {component.api_url} could not be tried: {error.message}")
        return None
    if stopped:
        unknown.append(f"the page of the copy with another {component.api_url} does not open: {stopped}")
    urls = {answer["url"] for answer in answers if answer["kind"] in SCRIPTED and _is_call(answer["url"], origin, routes)}
    return {**seen, "calls": sorted(urls)}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_call(url: str, origin: str, routes: Sequence[str]) -> bool:
    path = urlsplit(url).path
    return _origin(url) != origin or any(path == route or path.startswith(route.rstrip("/") + "/") for route in routes)


def _shipped(world: World, paths: Sequence[str]) -> dict[str, Any]:
    """Search the folders of the frontend's container that the loaded scripts come from, whatever of them was loaded.

    Raises:
        ClusterError: the node does not tell of the container's files, or there are none of these scripts.
    """
    cluster, app = world.cluster, world.app
    name = next(iter(app.having("frontend")))
    pods = live.ready_pods(world.kube, app, name)
    if not pods:
        raise ClusterError(f"component {name} has no ready pod")
    pid = str(container_pid(cluster, pods[0], live.main_container(app, name, pods[0])))
    names = sorted({PurePosixPath(path).name for path in paths})
    done = cluster.node_exec(["/bin/sh", "-c", _FIND, "find", pid, *names], NODE_SECONDS)
    folders = folders_of(paths, done.stdout.splitlines())
    if not folders:
        raise ClusterError(f"no file of the container is one of the {len(names)} loaded scripts: {done.output.strip()[:200]}")
    done = cluster.node_exec(["/bin/sh", "-c", _SEARCH, "search", pid, *folders], NODE_SECONDS)
    lines = done.stdout.splitlines()
    found = [line.partition(":") for line in lines if not line.startswith("script ")]
    return {
        "folders": folders,
        "scripts": [line.removeprefix("script ") for line in lines if line.startswith("script ")],
        "addresses": [{"file": file, "url": url} for file, _, url in sorted(set(found))],
    }


def folders_of(paths: Iterable[str], files: Sequence[str]) -> list[str]:
    """The folders that are served: of each path of a URL and the file with the longest common end, where that end begins.

    Args:
        paths: of URLs ("/_next/static/chunks/a.js").
        files: candidates ("./app/.next/static/chunks/a.js").
    """
    found = set()
    for path in paths:
        wanted = PurePosixPath(path).parts
        common, file = max(((_common(wanted, PurePosixPath(file).parts), file) for file in files), default=(0, ""))
        if common:
            parts = PurePosixPath(file).parts
            found.add("./" + "/".join(parts[: len(parts) - max(common, 2) + 1]))
    return sorted(
        folder
        for folder in found
        if not any(
            PurePosixPath(folder) != PurePosixPath(other) and PurePosixPath(folder).is_relative_to(other) for other in found
        )
    )


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts two paths have in common at their ends."""
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def _backend(world: World, host: str) -> dict[str, Any]:
    """Hosts and ports by which an address is one of the backend's: its Services, the edge, and what the frontend is told."""
    kube, app = world.kube, world.app
    hosts, ports = {host}, set[int]()
    for name, component in app.having("backend").items():
        service = live.service_of(kube, app, name)
        hosts |= {service["metadata"]["name"]} if service is not None else set()
        ports |= {port for port in (component.port, component.service_port) if port and port not in USUAL}
    workload = live.workload_of(kube, app, next(iter(app.having("frontend"))))
    for reference in workloads.references(workload) if workload is not None else ():
        config = kube.read("ConfigMap", reference.name, app.namespace) if reference.kind == "ConfigMap" else None
        for value in ((config or {}).get("data") or {}).values():
            hosts |= {urlsplit(value).hostname or ""} if value.startswith(("http://", "https://")) else set()
    return {"hosts": sorted(hosts - {""}), "ports": sorted(ports)}


def is_backends(url: str, backend: Mapping[str, Any]) -> bool:
    """Whether an absolute address is one of the backend's, from inside or outside the cluster."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.port in backend["ports"] or any(host == name or host.startswith(f"{name}.") for name in backend["hosts"])


def judge_calls(seen: Mapping[str, Any]) -> Verdict:
    """M2-CFG-05: pages call by a relative path, and no script that is shipped holds an absolute address of the backend."""
    faults = [
        Fault(
            f"script {item['file']}",
            f"the address {item['url']}",
            "no absolute address of the backend",
            "Call by a relative path, or read the address at run time: what a build freezes, no ConfigMap changes",
        )
        for item in seen["addresses"]
        if is_backends(item["url"], seen["backend"])
    ]
    unknown = list(seen["unknown"])
    elsewhere = sorted({_origin(call["url"]) for call in seen["calls"]} - {seen["origin"]})
    changed = seen["changed"]
    if changed is not None:
        faults += _changed_faults(changed)
    if elsewhere and (changed is None or not changed["calls"]):
        why = (
            "was not tried"
            if changed is None
            else f"was not seen: with another {changed['variable']} the first page calls nothing"
        )
        unknown.append(f"pages call {', '.join(elsewhere)}: whether that follows the ConfigMap at run time {why}")
    if not seen["calls"]:
        why = f"; the journey stopped: {seen['stopped']}" if seen["stopped"] else ""
        unknown.append(f"pages called nothing of the backend's{why}")
    unknown += [] if seen["loaded"] else ["pages loaded no script"]
    unknown += ["no script was found in them"] if seen["folders"] and not seen["scripts"] else []
    paths = sorted({f"{call['method']} {urlsplit(call['url']).path}" for call in seen["calls"]})
    held = sorted({item["url"] for item in seen["addresses"]})
    evidence = [
        Evidence(f"{len(seen['calls'])} calls to {seen['origin']}: {', '.join(paths)}", data=seen["calls"]),
        Evidence(
            f"{len(seen['scripts'])} scripts in {', '.join(seen['folders'])}; absolute addresses: {', '.join(held) or 'none'}"
        ),
        Evidence("hosts and ports of the backend", data=seen["backend"]),
    ]
    if changed is not None:
        told = ", ".join(changed["calls"]) or "nothing"
        evidence.append(Evidence(f"the same image with {changed['variable']}={changed['origin']}: its pages call {told}"))
    return judge(len(seen["calls"]) + len(seen["scripts"]), "calls and scripts", faults, unknown=unknown, evidence=evidence)


def _changed_faults(changed: Mapping[str, Any]) -> list[Fault]:
    """What the first page calls must be the address that its server was given; a page that calls nothing shows nothing."""
    subject = f"pages of the same image with {changed['variable']}={changed['origin']}"
    mend = "Read the variable when the server starts or a page is made: a build freezes what it finds"
    elsewhere = [url for url in changed["calls"] if _origin(url) != changed["origin"]]
    return [Fault(subject, f"calls to {', '.join(elsewhere)}", f"calls to {changed['origin']}", mend)] if elsewhere else []
