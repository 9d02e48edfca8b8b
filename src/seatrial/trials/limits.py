"""Limits are effective in the container (M2-RES-02).

The cgroups of the application's own containers are read from the node, whatever their images hold. What a limit does is tried in
pods that have a program's resources and nothing else of it: they use up CPU, then memory, while a client asks the
application.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial.chart import workloads
from seatrial.cluster.provider import CRICTL
from seatrial.tools.kube import Kube, Object, WaitTimeout
from seatrial.trials import copies, live, probe_pod
from seatrial.trials.askers import asking
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

HOG = "seatrial-hog"
NODE_SECONDS = 60.0
WINDOWS, WINDOW_SECONDS = 2, 4
"""How often, and for how long each time, CPU is used up: a window of 4 s is exact to 2 % with the kernel's periods of 100 ms."""
TICKS = 100
"""Of a second, in /proc/<pid>/stat (sysconf _SC_CLK_TCK, the same on every platform that Kubernetes supports)."""
FITS, EXCEEDS = 0.7, 1.3
"""Parts of the memory limit that a process must get, and must not get."""
END_SECONDS = 60.0
ROUNDS = 8
KILLED = 137
"""Exit code of a process that was ended by SIGKILL."""
MIB = 1024 * 1024
STATE = "/state"
"""Where a hog leaves word for its next start."""

_MAXIMA = """
for id; do
  pid=$(CRICTL inspect --output=go-template --template='{{.info.pid}}' "$id") && cd "/proc/$pid/root/sys/fs/cgroup" || continue
  if [ -e memory.max ]; then echo "$id $(cat memory.max cpu.max | tr '\\n' ' ')"
  else echo "$id $(cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us | tr '\\n' ' ')"; fi
done
""".replace("CRICTL", " ".join(CRICTL))
"""For each container: its id, memory maximum, CPU quota and CPU period, as its own processes see them (cgroup 2, else 1)."""

_HOG = """
[ -e STATE/asked ] && exec sleep 3600
used() { read -r line </proc/self/stat; set -- $line; ticks=$((${14} + ${15})); }
burn() {
  n=0; read -r up _ </proc/uptime; used
  while [ $n -lt WINDOWS ]; do
    n=$((n+1)); began=$up; before=$ticks; end=$((${up%.*} + SECONDS))
    while [ ${up%.*} -lt $end ]; do
      i=0; while [ $i -lt 500 ]; do i=$((i+1)); done
      read -r up _ </proc/uptime
    done
    used; echo "cpu $n $began $up $((ticks - before))"
  done
}
i=0; while [ $i -lt BURNERS ]; do burn & i=$((i+1)); done; wait
grep -hs '^nr_' /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu/cpu.stat
room=$(grep MemAvailable /proc/meminfo | tr -dc 0-9); room=$((room / 1024)); echo "room $room"
[ $room -gt ASKED ] || exit 0
dd if=/dev/zero of=/dev/null bs=FITTINGM count=1 2>/dev/null && echo "held FITTING"
: >STATE/asked
exec dd if=/dev/zero of=/dev/null bs=ASKEDM count=1 2>/dev/null
"""
"""Uses up CPU in BURNERS processes (each prints window, begin and end by the node's clock, and ticks used), then takes FITTING
and at last ASKED MiB of memory in one process, where the node has as much. Started once more it only waits: STATE outlives it."""


def observe_limits(world: World) -> dict[str, Any]:
    """Read the maxima of every container of the application; use up what a program of its own may have; ask all meanwhile.

    Returns:
        ``containers`` (pod, container, ``memory`` and ``cpu`` of the manifest, ``memory_max`` and ``cpu_max`` of the cgroup:
        bytes and cores, None where there is none; or ``unknown``), ``hogs`` (see :func:`_hog`), ``answers`` (url, ``statuses``,
        ``seconds`` of each), ``kept_out`` (URLs that policies may keep everybody out of who asks), ``limits``.
    """
    limits = {key: float(world.limit("M2-RES-02", key)) for key in ("tolerance", "answer")}
    return {"containers": _containers(world), **_hogs(world), "limits": limits}


# maxima


def _containers(world: World) -> list[dict[str, Any]]:
    """What manifest and cgroup say of each running container of the application's pods."""
    found, ids = [], {}
    for name in world.app.components:
        workload = live.workload_of(world.kube, world.app, name)
        wanted = {entry.name: workloads.resources(entry, "limits") for entry in workloads.containers(workload or {})}
        for pod in live.app_pods(world.kube, world.app, name):
            for status in pod.get("status", {}).get("containerStatuses") or []:
                limit = wanted.get(status["name"])
                seen = {"pod": pod["metadata"]["name"], "container": status["name"]}
                found.append({**seen, "memory": limit and limit.memory, "cpu": limit and limit.cpu})
                ids[seen["pod"], seen["container"]] = live.container_id(status)
    done = world.cluster.node_exec(["/bin/sh", "-c", _MAXIMA, "maxima", *filter(None, ids.values())], NODE_SECONDS)
    told = maxima(done.stdout)
    unknown = {"unknown": f"the node does not tell its cgroup: {done.stderr.strip()[:200]}"}
    return [{**entry, **told.get(ids[entry["pod"], entry["container"]], unknown)} for entry in found]


def maxima(output: str) -> dict[str, dict[str, Any]]:
    """Read ``id memory quota period`` lines: id -> ``memory_max`` (bytes), ``cpu_max`` (cores); None is no limit."""
    found = {}
    for line in output.splitlines():
        identity, *amounts = line.split()
        if len(amounts) == 3:
            memory, quota, period = amounts
            unlimited = not memory.isdigit() or int(memory) > 1 << 60  # cgroup 1 has a huge number for it
            cores = int(quota) / int(period) if quota.isdigit() else None  # "max", or -1 in cgroup 1
            found[identity] = {"memory_max": None if unlimited else int(memory), "cpu_max": cores}
    return found


# hogs


def _hogs(world: World) -> dict[str, Any]:
    """Run a hog with the resources of each program, side by side, and ask all components until they have ended."""
    kube, namespace = world.kube, world.app.namespace
    resources = {name: copies.container_of(world, name)[1].get("resources") or {} for name in world.app.programs()}
    amounts = {
        name: workloads.resources(workloads.Container(name, {"resources": each}, False, ()), "limits")
        for name, each in resources.items()
    }
    limited = {name: amount for name, amount in amounts.items() if amount.cpu and amount.memory}
    pods = {name: (namespace, _pod(f"{HOG}-{name}", resources[name], limited[name])) for name in limited}
    with asking(world, "seatrial-neighbour") as askers:
        urls = _urls(world)
        chosen = askers.of(urls)
        with probe_pod.helpers(kube, pods) as hogs:
            answers = _answers(kube, chosen, urls)
            seen = [_hog(world, name, limited[name], source) for name, source in hogs.items()]
    return {"hogs": seen, "answers": answers, "kept_out": sorted(urls[name] for name in askers.kept_out)}


def _pod(name: str, resources: Mapping[str, Any], limit: workloads.Resources) -> Object:
    """A pod that uses up what a component's container may have."""
    fitting, asked = _asked(limit)
    figures = {
        "WINDOWS": WINDOWS,
        "SECONDS": WINDOW_SECONDS,
        "BURNERS": math.ceil(limit.cpu or 0),
        "FITTING": fitting,
        "ASKED": asked,
        "STATE": STATE,
    }
    script = _HOG
    for word, figure in figures.items():
        script = script.replace(word, str(figure))
    pod = probe_pod.helper_pod(name, {})
    (container,) = pod["spec"]["containers"]
    container |= {"command": ["/bin/sh", "-c", script], "args": [], "resources": dict(resources)}
    container["volumeMounts"] = [{"name": "state", "mountPath": STATE}]
    pod["spec"] |= {"restartPolicy": "OnFailure", "volumes": [{"name": "state", "emptyDir": {}}]}
    return pod


def _asked(limit: workloads.Resources) -> tuple[int, int]:
    """MiB that fit, and that do not."""
    return round((limit.memory or 0) * FITS / MIB), round((limit.memory or 0) * EXCEEDS / MIB)


def _urls(world: World) -> dict[str, str]:
    """Component -> its liveness by its Service's name."""
    app, urls = world.app, dict[str, str]()
    for name, component in app.components.items():
        service = live.service_of(world.kube, app, name)
        if component.health is not None and service is not None:
            port = live.service_port(service, component.service_port)
            urls[name] = f"http://{service['metadata']['name']}.{app.namespace}.svc:{port}{component.health.live}"
    return urls


def _answers(
    kube: Kube, askers: Sequence[tuple[probe_pod.Source, Sequence[str]]], urls: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Ask every component for its liveness, some rounds a second apart."""

    def ask(asker: tuple[probe_pod.Source, Sequence[str]]) -> list[probe_pod.Answer]:
        one_round: list[str | float] = [*(urls[name] for name in asker[1]), 1]
        return probe_pod.fetch(kube, asker[0], one_round * ROUNDS)

    with ThreadPoolExecutor(max(1, len(askers))) as pool:  # all of them while the hogs run
        found = [answer for answers in pool.map(ask, askers) for answer in answers]
    return [
        {
            "url": url,
            "statuses": [answer.status for answer in found if answer.url == url],
            "seconds": [answer.seconds for answer in found if answer.url == url],
        }
        for url in urls.values()
    ]


def _hog(world: World, component: str, limit: workloads.Resources, source: probe_pod.Source) -> dict[str, Any]:
    """How a hog ended, and whether it was started again.

    Returns:
        ``component``, ``cpu`` (cores) and ``memory`` (bytes) that it may have, ``used`` (cores, in each window), ``throttled``
        (periods, and how many of them), ``room`` (MiB that the node had, None where it did not get so far), ``fitting`` and
        ``asked`` (MiB), ``held`` (whether it got what fits), ``code`` and ``reason`` of its end, ``restarts``, ``recovered``
        (whether it runs and is ready since).
    """
    kube = world.kube
    last: dict[str, Any] = {}

    def settled(known: dict[str, Object]) -> dict[str, Any] | None:
        for entry in known.get(source.pod, {}).get("status", {}).get("containerStatuses") or []:
            last.update(end=end_of(entry), restarts=entry.get("restartCount", 0), recovered=has_recovered(entry))
        return last if last.get("recovered") or last.get("end", {}).get("exitCode") == 0 else None

    selector = f"{live.HELPER}=true"
    try:
        kube.wait("Pod", source.namespace, settled, what=f"{source.pod} to end", timeout=END_SECONDS, selector=selector)
    except WaitTimeout:
        if not last.get("end"):
            raise
    fitting, asked = _asked(limit)
    state, restarts = last["end"], last["restarts"]
    said = parse_hog(kube.logs(source.pod, source.namespace, source.container, previous=restarts > 0))
    seen = {"component": component, "cpu": limit.cpu, "memory": limit.memory, "fitting": fitting, "asked": asked, **said}
    seen |= {"restarts": restarts, "recovered": last["recovered"]}
    return {**seen, "code": state.get("exitCode"), "reason": state.get("reason", "")}


def end_of(status: Mapping[str, Any]) -> dict[str, Any]:
    """How a container ended: the last time, or for good; nothing where it never did."""
    ends = (status.get(state, {}).get("terminated") for state in ("lastState", "state"))
    return next((dict(end) for end in ends if end), {})


def has_recovered(status: Mapping[str, Any]) -> bool:
    """Whether a container that has ended runs again and is ready."""
    return bool(status.get("lastState", {}).get("terminated") and "running" in status.get("state", {}) and status.get("ready"))


def parse_hog(output: str) -> dict[str, Any]:
    """Read what a hog printed: see :func:`_hog`."""
    windows: dict[str, float] = {}
    seen: dict[str, Any] = {"throttled": {}, "room": None, "held": False}
    for line in output.splitlines():
        match line.split():
            case ["cpu", number, began, ended, ticks]:
                windows[number] = windows.get(number, 0.0) + int(ticks) / TICKS / (float(ended) - float(began))
            case [("nr_periods" | "nr_throttled") as key, count]:
                seen["throttled"][key] = int(count)
            case ["room", mebibytes]:
                seen["room"] = int(mebibytes)
            case ["held", _]:
                seen["held"] = True
    return {"used": [round(cores, 3) for cores in windows.values()], **seen}


# judging


def judge_limits(seen: Mapping[str, Any]) -> Verdict:
    """M2-RES-02: cgroups are as the manifest says, what wants more is throttled or killed, and the others answer meanwhile."""
    faults: list[Fault] = []
    unknown: list[str] = []
    for entry in seen["containers"]:
        more, open_questions = _maxima_faults(entry)
        faults, unknown = faults + more, unknown + open_questions
    for hog in seen["hogs"]:
        for more, open_questions in (_cpu_faults(hog, seen["limits"]["tolerance"]), _memory_faults(hog)):
            faults, unknown = faults + more, unknown + open_questions
    known = [answer for answer in seen["answers"] if answer["url"] not in seen["kept_out"]]
    faults += _answer_faults(known, seen["limits"]["answer"])
    unknown += [f"nobody got through to {url}, even before the hogs ran: name who calls it in routes" for url in seen["kept_out"]]
    unknown += [] if seen["hogs"] else ["no program of the application has limits for both CPU and memory that could be tried"]
    unknown += [] if seen["answers"] else ["no component has a Service and a health path, so no neighbour was asked"]
    judged = len(seen["containers"]) + len(seen["hogs"])
    return judge(judged, "containers", faults, unknown=unknown, evidence=_evidence(seen))


def _maxima_faults(entry: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    subject = f"Pod {entry['pod']} / container {entry['container']}"
    if "unknown" in entry:
        return [], [f"{subject}: {entry['unknown']}"]
    faults = []
    for what, unit, size in (("memory", "MiB", MIB), ("cpu", "cores", 1)):
        wanted, found = entry[what], entry[f"{what}_max"]
        got = "no maximum" if found is None else f"{found / size:g} {unit}"
        if wanted is None:
            got += "" if found is None else ", by the namespace's default,"
            mend = f"Set resources.limits.{what}"
            faults.append(Fault(f"{subject}, {what}", f"{got} in its cgroup", "a limit in the manifest that it equals", mend))
        elif found is None or not math.isclose(found, wanted, rel_tol=1e-3):
            wanted_words = f"{wanted / size:g} {unit} as in the manifest"
            mend = "See whether the node's kubelet enforces limits (cpuCFSQuota, cgroup driver)"
            faults.append(Fault(f"{subject}, {what}", f"{got} in its cgroup", wanted_words, mend))
    return faults, []


def _cpu_faults(hog: Mapping[str, Any], tolerance: float) -> tuple[list[Fault], list[str]]:
    """Never more than the limit; and as much as that once, or held back by the kernel: a busy machine may give less."""
    subject, part = f"a CPU hog with {hog['component']}'s limits", tolerance / 100
    if not hog["used"]:
        return [], [f"{subject} told nothing"]
    if max(hog["used"]) > hog["cpu"] * (1 + part):
        wanted = f"at most {hog['cpu']:g} cores, within {tolerance:g} %"
        return [Fault(subject, f"{max(hog['used']):g} cores used", wanted, "See whether the node enforces CPU quotas")], []
    if max(hog["used"]) < hog["cpu"] * (1 - part) and not hog["throttled"].get("nr_throttled"):
        return [], [f"{subject} got {max(hog['used']):g} of {hog['cpu']:g} cores: the node is too busy to show its limit"]
    return [], []


def _memory_faults(hog: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    subject = f"a memory hog with {hog['component']}'s limits"
    limit = f"{hog['memory'] / MIB:g} MiB"
    if hog["room"] is None or hog["room"] <= hog["asked"]:
        return [], [f"{subject}: the node had {hog['room']} MiB, and {hog['asked']} were to be asked for"]
    if not hog["held"]:
        found = f"{hog['fitting']} MiB could not be taken"
        return [Fault(subject, found, f"all up to {limit}", "See what else counts in the container's cgroup")], []
    if hog["code"] != KILLED:
        found = f"{hog['asked']} MiB were taken (exit code {hog['code']})"
        return [Fault(subject, found, f"an end by the kernel at {limit}", "See whether the node enforces memory limits")], []
    if hog["restarts"] != 1 or not hog["recovered"]:
        found = f"{hog['restarts']} restarts after its end, {'ready' if hog['recovered'] else 'not ready'}"
        return [Fault(subject, found, "one restart, and ready", "See the kubelet's events of it")], []
    return [], []


def _answer_faults(answers: Sequence[Mapping[str, Any]], limit: float) -> list[Fault]:
    """The median counts: one slow answer on a busy machine tells of the machine."""
    faults = []
    for answer in answers:
        bad = [status for status in answer["statuses"] if status != 200]
        if bad:
            found = f"status {bad[0] or 'none'} in {len(bad)} of {len(answer['statuses'])} answers"
            faults.append(Fault(f"{answer['url']} beside the hogs", found, "200", "See its log"))
        elif (median := statistics.median_low(answer["seconds"])) >= limit:
            found = f"answers after {median:g} s"
            faults.append(Fault(f"{answer['url']} beside the hogs", found, f"< {limit:g} s", "Raise its CPU request"))
    return faults


def _evidence(seen: Mapping[str, Any]) -> list[Evidence]:
    found = [Evidence(f"cgroups of {len(seen['containers'])} containers against the manifest", data=seen["containers"])]
    for hog in seen["hogs"]:
        periods = f"{hog['throttled'].get('nr_throttled')} of {hog['throttled'].get('nr_periods')} periods"
        text = f"with {hog['component']}'s limits: {hog['used']} of {hog['cpu']:g} cores used, held back in {periods}; "
        text += f"{hog['fitting']} MiB held, {hog['asked']} MiB asked for: exit code {hog['code']} {hog['reason']}"
        text += f", {hog['restarts']} restarts, {'ready' if hog['recovered'] else 'not ready'} then"
        found.append(Evidence(text, data=dict(hog)))
    slowest = max((max(answer["seconds"]) for answer in seen["answers"]), default=0.0)
    text = f"{len(seen['answers'])} neighbours asked {ROUNDS} times meanwhile, the slowest answer after {slowest:g} s"
    return [*found, Evidence(text, data=seen["answers"])]
