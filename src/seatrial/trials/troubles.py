"""Troubles planted in namespaces of their own, and what the guide's commands say of them (M5-DOC-02).

Each has the names that the release has, so a documented command differs by its namespace only. Commands on failures that are not
planted are run on the healthy release: there they must run, whatever they print.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seatrial.checks.troubleshooting import Advice, observe_guide
from seatrial.cluster.ownership import Owner
from seatrial.errors import Place
from seatrial.tools.kube import Object
from seatrial.trials import live
from seatrial.trials.copies import container_of
from seatrial.trials.documented import Shell, prints
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M5-DOC-02"
PREFIX = "seatrial-trouble-"
"""Of namespaces."""
SYMPTOM_SECONDS = 90.0
"""A container has to crash twice before it is held back, and a pull is tried twice."""
LOOK_SECONDS = 4.0
"""Between two runs of the same commands: a reader would not ask faster."""
AT_ONCE = 2
"""Sections that are looked at side by side: the node runs other trials meanwhile."""
GONE_SECONDS = 60.0
NOWHERE = "127.0.0.1:1/seatrial/nothing:0.0.0"
"""An image that no registry has, because none is there: refused at once, without a word to the network."""


def observe_troubles(world: World) -> dict[str, Any]:
    """Plant the troubles, and run the guide's commands on them and on the release.

    Returns:
        ``path``, ``advice`` (failure, planted, prints, runs: command, code, told; missing: words that were not printed),
        ``planted`` (how many troubles), ``wanted``.
    """
    guide = observe_guide(world)
    advice = [each for each in guide.advice or () if each.commands]
    with tempfile.TemporaryDirectory(prefix="seatrial-troubles-") as folder, _planted(world) as spaces:
        shell = Shell(world, Path(folder))

        def look(each: Advice) -> dict[str, Any]:
            return _look(world, shell, each, spaces.get(each.failure))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            # What takes time to show comes last: until then the others have been run.
            ordered = sorted(advice, key=lambda each: each.failure in spaces)
            found = list(pool.map(look, ordered))
    return {
        "path": guide.path,
        "advice": found,
        "wanted": int(world.limit(CRITERION, "faults")),
    }


def _look(world: World, shell: Shell, advice: Advice, space: str | None) -> dict[str, Any]:
    """Run a section's commands; where its trouble is planted, until they print what they should or time is up."""
    own = f"--namespace {world.app.namespace}"
    commands = [each.replace(own, f"--namespace {space}") if space else each for each in advice.commands]
    deadline = time.monotonic() + (SYMPTOM_SECONDS if space else 0.0)
    while True:
        runs = [shell(command) for command in commands]
        whole = "\n".join(run.output for run in runs)
        missing = [words for words in advice.prints if not prints(whole, words)] if space else []
        if not (missing or any(run.code for run in runs)) or time.monotonic() > deadline:
            break
        time.sleep(LOOK_SECONDS)
    return {
        "failure": advice.failure,
        "line": advice.line,
        "planted": space is not None,
        "prints": list(advice.prints),
        "missing": missing,
        "runs": [{"command": run.command, "code": run.code, "told": run.told} for run in runs],
    }


# what is planted


@contextmanager
def _planted(world: World) -> Iterator[dict[str, str]]:
    """Failure -> namespace with its trouble, for the length of a block."""
    kube = world.kube
    made = {f"{PREFIX}{name}": objects for name, objects in troubles(world).items()}
    for name in made:
        if kube.delete("Namespace", name):
            kube.wait_gone("Namespace", name, timeout=GONE_SECONDS)
    try:
        for name, objects in made.items():
            labels = Owner.current().object_labels(world.run_id) | {live.HELPER: "trouble"}
            kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
            for item in objects:
                kube.create(item, name)
        yield {failure: f"{PREFIX}{name}" for failure, name in WHERE.items()}
    finally:
        for name in made:
            kube.delete("Namespace", name)


WHERE: Mapping[str, str] = {
    "ImagePullBackOff": "image",
    "CrashLoopBackOff": "crash",
    "Ingress 503": "crash",
    "Pending": "pending",
    "PVC pending": "pending",
}
"""Failure -> the namespace where it is planted. A Service whose pods crash has nobody ready, which makes a controller say 503."""


def troubles(world: World) -> dict[str, list[Object]]:
    """Objects by namespace, named and labelled as the release's are."""
    (backend,) = list(world.app.having("backend"))[:1]
    workload = live.workload_of(world.kube, world.app, backend)
    _, container = container_of(world, backend)
    assert workload is not None, "container_of has found one"
    name, labels = workload["metadata"]["name"], world.app.labels(backend)
    alone = {key: container[key] for key in ("name", "image", "command", "args", "securityContext") if key in container}
    alone |= {"imagePullPolicy": "IfNotPresent", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}
    port = world.app.components[backend].port
    huge = {"requests": {"cpu": "1000"}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": dict(labels), "ports": [{"port": port, "targetPort": port}]},
    }
    return {
        "image": [_deployment(name, labels, {**alone, "image": NOWHERE})],
        "crash": [_deployment(name, labels, alone), service],  # no variable is set
        "pending": [_deployment(name, labels, {**alone, "resources": huge}), _claim(world)],
    }


def _deployment(name: str, labels: Mapping[str, str], container: Mapping[str, Any]) -> Object:
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [dict(container)],
    }
    template = {"metadata": {"labels": dict(labels)}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {"replicas": 1, "selector": {"matchLabels": dict(labels)}, "template": template},
    }


def _claim(world: World) -> Object:
    """The database's claim, of a class that is not there."""
    data = world.app.data
    workload = live.workload_of(world.kube, world.app, data.component) if data is not None else None
    claims: Sequence[Mapping[str, Any]] = (workload or {}).get("spec", {}).get("volumeClaimTemplates") or []
    name = f"{claims[0]['metadata']['name']}-{workload['metadata']['name']}-0" if workload and claims else "data"
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "seatrial-nothing",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


# judging


def judge_troubles(seen: Mapping[str, Any]) -> Verdict:
    """M5-DOC-02: each command of the guide runs, and for enough planted faults they print the described symptom."""
    faults: list[Fault] = []
    shown = 0
    for each in seen["advice"]:
        place = Place(seen["path"], each["line"])
        for run in each["runs"]:
            if run["code"] != 0:
                faults.append(Fault(f"{each['failure']} / `{run['command']}`", run["told"], "exit code 0", "Correct it", place))
        if each["planted"] and not each["prints"]:
            wanted = "a paragraph `Prints:` with words in code"
            faults.append(Fault(each["failure"], "no word on what its commands print", wanted, "Write it", place))
        elif each["missing"]:
            found = f"commands that do not print {', '.join(map(repr, each['missing']))} where the fault is planted"
            faults.append(Fault(each["failure"], found, "the symptom", "Describe what they print", place))
        elif each["planted"]:
            shown += 1
    if shown < seen["wanted"]:
        faults.append(Fault("the guide", f"{shown} planted faults told", f">= {seen['wanted']}", "Describe more of them"))
    count = sum(len(each["runs"]) for each in seen["advice"])
    told = [
        Evidence(
            f"{each['failure']} {'planted' if each['planted'] else 'on the healthy release'}: "
            f"{len(each['runs'])} commands run"
            + (f", printed {', '.join(map(repr, each['prints']))}" if each["planted"] and not each["missing"] else "")
        )
        for each in seen["advice"]
    ]
    return judge(count, "commands", faults, evidence=told)
