"""The application under its own policies does what it does without them (M4-NP-04).

The same round of questions is put twice, in the windows of :mod:`seatrial.trials.outward`: while a policy allows everything in
the namespace, and while only the application's own policies are in force. What differs is what they break.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from seatrial.cluster.waiting import desired
from seatrial.errors import SeatrialError
from seatrial.trials import exchanges, hook, live, users
from seatrial.trials.application import chat
from seatrial.trials.database import marker
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

WELL, PROBES = "well", "probes"
METRICS, AUTOSCALERS = "metrics", "autoscalers"
TEST_SECONDS = 60.0
"""How long ``helm test`` may take."""
PATIENCE_SECONDS, PAUSE_SECONDS = 45.0, 1.0
"""So long a question is put again, and with such pauses, until all is well: figures of fresh pods take their time, and a busy
application may fail once. What a policy cuts fails each time."""
FIGURES_SECONDS = 150.0
"""The same for what rests on metrics-server. It reads the kubelet every 15 s and, after one reading that failed, serves nothing
until two have succeeded; on a busy node several fail. That is the cluster's own and says nothing of policies."""

Question = Callable[[World, str], str]
"""Given a name for who asks, :data:`WELL` or what is wrong."""


def look(world: World, name: str) -> dict[str, str]:
    """One round: question -> :data:`WELL` or what is wrong. What the application does not have is not asked.

    Args:
        name: of the round, in the names of those who sign up.
    """
    asked = questions(world)
    last = {PROBES: asked.pop(PROBES)}  # by then they have seen the whole round
    with ThreadPoolExecutor(len(asked)) as pool:
        said = dict(zip(asked, pool.map(lambda what: _answered(what, asked[what], world, name), asked), strict=True))
    return said | {what: _answered(what, question, world, name) for what, question in last.items()}


def _answered(what: str, question: Question, world: World, name: str) -> str:
    patience = FIGURES_SECONDS if what in (METRICS, AUTOSCALERS) else PATIENCE_SECONDS
    deadline, tries = time.monotonic() + patience, 0
    while True:
        tries += 1
        try:
            said = question(world, f"{name}-{tries}")
        except SeatrialError as error:
            said = str(error)
        if said == WELL or time.monotonic() > deadline:
            return said
        time.sleep(PAUSE_SECONDS)


def restarts(world: World) -> dict[str, int]:
    """Pod of the application -> its restarts."""
    return {pod["metadata"]["name"]: live.restarts(pod) for pod in live.app_pods(world.kube, world.app)}


def questions(world: World) -> dict[str, Question]:
    """What can be asked of this application, by name."""
    app = world.app
    asked: dict[str, Question | None] = {
        "login": _login if app.auth is not None and app.ingress is not None else None,
        "reading and writing": _exchanges if app.ingress is not None and app.ingress.exchanges else None,
        # what a chat answers is known of the reference application alone
        "chat": _chat if app.reference and app.chat is not None else None,
        "helm test": _helm_test if any("test" in item.hooks for item in world.rendered.objects) else None,
        METRICS: _metrics,
        AUTOSCALERS: _autoscalers if world.rendered.of_kind("HorizontalPodAutoscaler") else None,
        PROBES: _probes,
    }
    return {what: question for what, question in asked.items() if question is not None}


def _login(world: World, name: str) -> str:
    auth = world.app.auth
    assert auth is not None
    mark, answer = users.try_to_sign_up(world, auth, name)
    why = users.why_not(auth, answer)
    if why or auth.log_in is None:
        return why or WELL
    answer = users.ask(world, auth, auth.log_in, {"marker": mark, "password": users.password(world)})
    well = answer.status == auth.log_in.status and answer.token
    return WELL if well else f"POST {auth.log_in.path} gave status {answer.status} ({answer.said})"


def _exchanges(world: World, name: str) -> str:
    assert world.app.ingress is not None
    with exchanges.Sender(world, marker=marker(world.run_id, name)) as sender:
        faults = [fault for item in world.app.ingress.exchanges for fault in exchanges.faults_of(sender.send(item))]
    return "; ".join(f"{fault.subject}: {fault.found}" for fault in faults) or WELL


def _chat(world: World, name: str) -> str:
    with users.at_edge(world, users.named(world, users.USER)) as http:
        turn = chat.say(world, http, f"add {marker(world.run_id, name)}")
    calls = [call["name"] for call in turn["called"] if call["ok"]]
    if turn["error"]:
        return turn["error"] if turn["status"] in (None, 200) else f"status {turn['status']}: {turn['error']}"
    return WELL if calls else "an answer that calls no tool"


def _helm_test(world: World, name: str) -> str:
    try:
        done = world.helm.test(world.app.chart.release, namespace=world.app.namespace, timeout=TEST_SECONDS)
    finally:
        hook.remove_test_pods(world.kube, world)
    return WELL if done.passed else next((line for line in reversed(done.output.splitlines()) if line.strip()), "it failed")


def _metrics(world: World, name: str) -> str:
    found = world.kube.find("PodMetrics", world.app.namespace)
    known = {item["metadata"]["name"] for item in found if item.get("containers")}
    ready = [pod["metadata"]["name"] for part in world.app.components for pod in live.ready_pods(world.kube, world.app, part)]
    without = sorted(set(ready) - known)
    return f"no figures of {', '.join(without)}" if without else WELL


def _autoscalers(world: World, name: str) -> str:
    found = world.kube.find("HorizontalPodAutoscaler", world.app.namespace, live.selector(world.app))
    resting = [
        f"{item['metadata']['name']}: {condition.get('reason')}"
        for item in found
        for condition in item.get("status", {}).get("conditions") or []
        if condition["type"] == "ScalingActive" and condition["status"] != "True"
    ]
    return "; ".join(resting) or (WELL if found else "there are none")


def _probes(world: World, name: str) -> str:
    kube, app = world.kube, world.app
    short = []
    for part in app.components:
        workload, ready = live.workload_of(kube, app, part), len(live.ready_pods(kube, app, part))
        if workload is None or ready < desired(workload):
            short.append(f"{part}: {ready} ready pods")
    return "; ".join(short) or WELL


# judge


def judge_survival(seen: Mapping[str, Any]) -> Verdict:
    """M4-NP-04: what works with policies off works with them."""
    off, on = seen["rounds"]["off"], seen["rounds"]["on"]
    faults = [
        Fault(what, said, "the same as with policies off", "Open the way that it needs, in both directions' policies")
        for what, said in on.items()
        if said != WELL and off.get(what) == WELL
    ]
    unknown = [
        f"{what} does not work with policies off either ({said}), so nothing follows"
        for what, said in off.items()
        if said != WELL
    ]
    unknown += [f"{what} was asked in one round only" for what in sorted(off.keys() ^ on.keys())]
    before, after = seen["restarts"]
    faults += [
        Fault(f"Pod {pod}", f"{after[pod] - count} restarts with policies on", "none", "See what its probes need")
        for pod, count in before.items()
        if after.get(pod, count) > count
    ]
    told = "; ".join(f"{what}: off {said}, on {on.get(what)}" for what, said in off.items())
    return judge(len(off) + len(on), "answers", faults, unknown=unknown, evidence=[Evidence(told, seen["rounds"])])
