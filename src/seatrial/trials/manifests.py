"""What the API server says of the rendered objects before they are installed (M2-DEP-05, M3-RENDER-05)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seatrial import process
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World, once

DRY_RUN_SECONDS = 60.0
_DEPRECATED = re.compile(r"deprecated|unavailable in v\d")
_KLOG_WARNING = re.compile(r"^W\d{4} ")


@once
def observe_manifests(world: World) -> dict[str, Any]:
    """Every rendered object, hooks included, in a strict server-side dry run.

    Returns:
        ``objects`` (subject, api_version, status, error, warnings), ``version`` of the cluster.
    """
    kube, namespace = world.kube, world.app.namespace
    objects = []
    for item in world.rendered.objects:
        said = kube.dry_run(item.raw, namespace)
        objects.append(
            {
                "subject": item.subject,
                "place": str(item.place()),
                "api_version": item.api_version,
                "status": said.status,
                "error": said.error,
                "warnings": list(said.warnings),
            }
        )
    return {"objects": objects, "version": world.cluster.kubernetes_version}


def judge_manifests(seen: Mapping[str, Any]) -> Verdict:
    """M2-DEP-05: the server of this very version knows every field and API version, and would take each object."""
    faults = []
    for item in seen["objects"]:
        subject = f"{item['subject']} ({item['place']})"
        if item["error"]:
            faults.append(
                Fault(subject, item["error"], f"an object that Kubernetes {seen['version']} takes", "Mend the template")
            )
        faults += [
            Fault(subject, warning, "no deprecated API version", "Move to the API version that the warning names")
            for warning in item["warnings"]
            if _DEPRECATED.search(warning)
        ]
    return judge(
        len(seen["objects"]), "objects", faults, evidence=[Evidence(f"asked the API server of Kubernetes {seen['version']}")]
    )


def observe_dry_run(world: World) -> dict[str, Any]:
    """``helm install --dry-run=server --debug`` into the application's namespace, and the warnings of :func:`observe_manifests`.

    Helm asks the server only for what exists; whether admission and quota would warn is known from the objects' own dry run.
    """
    app, cluster = world.app, world.cluster
    values = [part for path in app.chart.values for part in ("--values", str(app.path(path)))]
    argv = [
        world.toolchain.tool("helm").path, "install", app.chart.release, app.path(app.chart.path), "--namespace", app.namespace,
        "--kubeconfig", cluster.kubeconfig, "--kube-context", cluster.context, "--dry-run=server", "--debug", *values,
    ]  # fmt: skip
    done = process.run([str(part) for part in argv], timeout=DRY_RUN_SECONDS, check=False)
    objects = observe_manifests(world)["objects"]
    return {
        "returncode": done.returncode,
        "stderr": done.stderr.splitlines()[-20:],
        "warnings": [line for line in done.stderr.splitlines() if is_warning(line)],
        "objects": [{"subject": item["subject"], "warnings": item["warnings"], "error": item["error"]} for item in objects],
        "seconds": round(done.seconds, 2),
    }


def is_warning(line: str) -> bool:
    """Whether Helm's line passes on a warning: its own, or client-go's (``W1120 ...``)."""
    return bool(_KLOG_WARNING.match(line)) or "warning" in line.lower()


def judge_dry_run(seen: Mapping[str, Any]) -> Verdict:
    """M3-RENDER-05: exit code 0, and neither Helm nor admission nor quota warns."""
    faults = []
    if seen["returncode"] != 0:
        said = next((line for line in reversed(seen["stderr"]) if line.startswith("Error")), "no message")
        faults.append(
            Fault("helm install --dry-run=server", f"exit code {seen['returncode']}: {said}", "exit code 0", "Mend the chart")
        )
    faults += [Fault("helm install --dry-run=server", line, "no warning", "Mend its cause") for line in seen["warnings"]]
    for item in seen["objects"]:
        faults += [
            Fault(item["subject"], warning, "no warning of the API server", "Mend its cause") for warning in item["warnings"]
        ]
        if item["error"]:
            faults.append(Fault(item["subject"], item["error"], "an object that the API server takes", "Mend the template"))
    return judge(len(seen["objects"]), "objects", faults, evidence=[Evidence(f"the dry run took {seen['seconds']} s")])
