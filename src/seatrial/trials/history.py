"""Overrides at an upgrade take hold, and the history is kept (M3-UP-02)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.chart.workloads import quantity
from seatrial.trials.rollback import observe_rollback
from seatrial.trials.upgrade import leaves
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

TOUCH = "seatrial: the same values again"


def observe_history(world: World) -> dict[str, Any]:
    """The upgrade of the rollback trial, then the same values again until there are more revisions than must be kept.

    Returns:
        ``upgrade`` (see :func:`run`), ``history`` (revision, status, description), ``made`` (how many revisions there were),
        ``kept`` (how many must be).
    """
    rolled = observe_rollback(world)
    if rolled["missing"]:
        return {"missing": rolled["missing"]}
    helm, app = world.helm, world.app
    kept = int(world.limit("M3-UP-02", "helm_revisions"))
    made = helm.status(app.chart.release, namespace=app.namespace).revision
    given = helm.get_values(app.chart.release, namespace=app.namespace)
    while made <= kept:
        made = helm.upgrade(
            app.chart.release,
            app.path(app.chart.path),
            namespace=app.namespace,
            overrides=given,
            wait=False,
            description=TOUCH,
        ).revision
    history = helm.history(app.chart.release, namespace=app.namespace)
    return {
        "missing": [],
        "upgrade": rolled["upgrade"],
        "history": [{"revision": row.revision, "status": row.status, "description": row.description} for row in history],
        "made": made,
        "kept": kept,
    }


def judge_history(seen: Mapping[str, Any]) -> Verdict:
    """M3-UP-02: each override shows in what was rendered, live objects follow it, and the history is whole."""
    if seen["missing"]:
        return judge(0, "overrides", unknown=[f"seatrial.yaml lacks {missing}" for missing in seen["missing"]])
    upgrade = seen["upgrade"]
    given = leaves(upgrade["overrides"])
    faults = []
    for path, value in given.items():
        if not any(_equal(value, change["after"]) for change in upgrade["changes"]):
            faults.append(
                Fault(f"override {path}", f"{value} shows in no object that changed", "an effect", "Use the value in a template")
            )
    for item in upgrade["objects"]:
        found = ["no such object"] if item["absent"] else item["missing"]
        faults += [
            Fault(f"live {item['subject']}", text, "as in the upgraded manifest", "Find out who changes it") for text in found
        ]
    unknown = [f"upgrade.overrides changes no {what}" for what, words in KINDS.items() if not _touches(upgrade["changes"], words)]
    faults += history_faults(seen["history"], seen["made"], seen["kept"])
    evidence = [
        Evidence(f"{change['object']} {change['path']}: {change['before']} -> {change['after']}") for change in upgrade["changes"]
    ]
    evidence.append(Evidence(f"history of {len(seen['history'])} of {seen['made']} revisions", data=seen["history"]))
    return judge(len(given) + len(seen["history"]), "overrides and revisions", faults, unknown=unknown, evidence=evidence)


KINDS: Mapping[str, Sequence[str]] = {
    "replicas": ("replicas", "minReplicas"),
    "log level": ("LOG_LEVEL", "log_level", "logLevel", "LOGLEVEL"),
    "resources": ("resources",),
}
"""What the criterion wants changed, and words of paths by which one sees it."""


def _touches(changes: Sequence[Mapping[str, str]], words: Sequence[str]) -> bool:
    return any(word in change["path"].split(".") for change in changes for word in words)


def _equal(value: Any, text: str) -> bool:
    """Whether an override is what an object shows: the same text, the same amount, or a part of it as a tag is of a reference."""
    given = str(value)
    if given == text or (isinstance(value, str) and text.endswith(f":{given}")):
        return True
    try:
        return quantity(given) == quantity(text)
    except (ValueError, TypeError):
        return False


def history_faults(history: Sequence[Mapping[str, Any]], made: int, kept: int) -> list[Fault]:
    """Whether ``helm history`` lists the operations: rising revisions, one of them deployed, each described, enough kept."""
    subject = "helm history"
    numbers = [row["revision"] for row in history]
    faults = []
    if numbers != list(range(made - len(numbers) + 1, made + 1)):
        faults.append(Fault(subject, f"revisions {numbers}", f"rising without a gap up to {made}", "Keep Helm's release Secrets"))
    if len(numbers) < min(kept, made):
        faults.append(Fault(subject, f"{len(numbers)} revisions", f"at least the last {kept}", "Raise --history-max"))
    deployed = [row["revision"] for row in history if row["status"] == "deployed"]
    if deployed != numbers[-1:]:
        faults.append(Fault(subject, f"deployed: {deployed}", f"exactly {numbers[-1:]}", "See the failed operation"))
    wrong = [f"{row['revision']} {row['status']}" for row in history[:-1] if row["status"] not in ("superseded",)]
    if wrong:
        faults.append(
            Fault(subject, f"status {', '.join(wrong)}", "superseded for every former revision", "See the failed operation")
        )
    silent = [row["revision"] for row in history if not row["description"]]
    if silent:
        faults.append(Fault(subject, f"no description of {silent}", "one for each operation", "Give --description"))
    return faults
