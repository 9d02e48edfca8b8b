from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.chart.objects import parse
from seatrial.chart.workloads import containers
from seatrial.checks.sealed import Sealed, Start, judge_sealed, writable
from seatrial.verdict import Outcome

WORKS = Sealed("backend", Path("Dockerfile"), ("/tmp",), "/health", Start(2.5))
DEAD = Start(None, "OSError: [Errno 30] Read-only file system: '/var/tmp/todo.pid'", 1)


def test_an_image_that_comes_up_passes() -> None:
    verdict = judge_sealed([WORKS, replace(WORKS, component="database", writable=())])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)
    assert "with a read-only root; it may write nowhere" in verdict.evidence[1].what


def test_one_that_needs_its_root_is_named_with_what_it_said() -> None:
    verdict = judge_sealed([replace(WORKS, start=DEAD, free=Start(2.0))])
    assert verdict.outcome is Outcome.FAILED
    assert (
        "the image of backend" in verdict.reason
        and "it does not come up with a read-only root: it ended with code 1" in verdict.reason
    )
    assert "Read-only file system: '/var/tmp/todo.pid'" in verdict.reason


def test_one_that_runs_without_working_is_named_too() -> None:
    verdict = judge_sealed([replace(WORKS, start=Start(None, "cannot write"), free=Start(2.0))])
    assert verdict.outcome is Outcome.FAILED and "it runs and does not work after 180 s: cannot write" in verdict.reason


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (replace(WORKS, start=DEAD, free=DEAD), "does not come up alone, whether it may write to its root or not"),
        (replace(WORKS, start=None, asked=""), "nothing tells whether it works"),
    ],
)
def test_what_its_root_has_nothing_to_do_with_is_unknown(image: Sealed, says: str) -> None:
    verdict = judge_sealed([image])
    assert verdict.outcome is Outcome.INCONCLUSIVE and says in verdict.reason


def test_one_that_is_explained_is_not_tried() -> None:
    verdict = judge_sealed([replace(WORKS, start=None, explained="it renders fonts")])
    assert verdict.outcome is Outcome.PASSED and "it renders fonts" in verdict.evidence[0].what


def test_no_image_is_nothing_to_judge() -> None:
    assert judge_sealed([]).outcome is Outcome.FAILED


POD = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  template:
    spec:
      containers:
        - name: db
          securityContext: {readOnlyRootFilesystem: true}
          volumeMounts:
            - {name: data, mountPath: /var/lib/data/}
            - {name: run, mountPath: /run/db}
            - {name: settings, mountPath: /etc/db}
            - {name: run, mountPath: /read, readOnly: true}
      volumes:
        - {name: run, emptyDir: {}}
        - {name: settings, configMap: {name: settings}}
"""


@pytest.mark.parametrize(("sealed", "more"), [("true", []), ("false", ["/tmp"])])
def test_a_container_may_write_what_its_chart_mounts_for_that(sealed: str, more: list[str]) -> None:
    text = POD.replace("Filesystem: true", f"Filesystem: {sealed}")
    (item,) = parse(f"# Source: shop/templates/db.yaml\n{text}", chart=Path("shop"))
    assert list(writable(item, containers(item.raw)[0])) == ["/var/lib/data", "/run/db", *more]
