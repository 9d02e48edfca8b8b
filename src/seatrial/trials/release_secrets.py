"""Credentials in what Helm keeps of a release (M5-SEC-02): who may read releases reads its values, its manifest and its notes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from seatrial.chart.workloads import needs_secret
from seatrial.checks.credentials import is_made_up
from seatrial.tools import secretscan
from seatrial.trials import sensitive
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

VALUES, MANIFEST, NOTES = "helm get values", "helm get manifest", "helm get notes"


def observe_release(world: World) -> dict[str, Any]:
    """Look for the namespace's secret values in the release's values, manifest and notes, and for what has the form of a
    credential in the first two (notes are prose, and name keys and commands).

    Returns:
        ``texts`` (what -> how many single values, or lines, it has), ``secrets`` (sources of the values that were
        looked for), ``needed`` (whether the application has Secrets at all), ``found`` (what, source). No value itself.
    """
    release, namespace = world.installed.name, world.installed.namespace
    held = {
        VALUES: world.helm.get_values(release, namespace=namespace, everything=True),
        MANIFEST: list(yaml.load_all(world.helm.get_manifest(release, namespace=namespace), Loader=yaml.CSafeLoader)),
    }
    known = sensitive.of_secrets(world, sensitive.secrets(world.kube, namespace))
    scanned = {what: list(scalars(data)) for what, data in held.items()}
    texts = {**scanned, NOTES: world.helm.status(release, namespace=namespace).notes.splitlines()}
    found = [(what, one.source) for what, each in texts.items() for one in known if any(map(one.stands_in, each))]
    bodies = ["\n".join(each) + "\n" for each in scanned.values()]
    hits = secretscan.scan(world.toolchain.tool("checkov").path, bodies)
    names = list(scanned)
    found += [(names[hit.text], f"what looks like: {hit.kind}") for hit in hits if not is_made_up(hit.kind, hit.value)]
    return {
        "texts": {what: len(each) for what, each in texts.items()},
        "secrets": [one.source for one in known],
        "needed": bool(world.app.chart.secrets) or any(map(needs_secret, filter(None, held[MANIFEST]))),
        "found": list(dict.fromkeys(found)),
    }


def scalars(data: Any) -> Iterator[str]:
    """Every single value of plain data as text; keys are none."""
    if isinstance(data, dict):
        for each in data.values():
            yield from scalars(each)
    elif isinstance(data, list):
        for each in data:
            yield from scalars(each)
    elif data is not None:
        yield data if isinstance(data, str) else json.dumps(data, default=str)


def judge_release(seen: dict[str, Any]) -> Verdict:
    """M5-SEC-02: what Helm keeps of the release holds no value of the application's Secrets, and no other credential."""
    wanted = "only the name of a Secret that was made before"
    mend = "Take it from an existing Secret: `helm get` shows it to everybody who may read releases"
    faults = [Fault(what, source, wanted, mend) for what, source in seen["found"]]
    told = [Evidence(f"{what}: {count} {'lines' if what == NOTES else 'single values'}") for what, count in seen["texts"].items()]
    named = ", ".join(seen["secrets"]) or "no Secret's value"
    told.append(Evidence(f"looked for: {named}, and whatever has the form of a credential"))
    hidden = seen["needed"] and not seen["secrets"]
    unknown = ["the namespace has no Secret with a value that could be looked for"] if hidden else []
    return judge(sum(seen["texts"].values()), "single values", faults, unknown=unknown, evidence=told)
