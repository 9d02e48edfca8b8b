from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.checks.markdown import read_page
from seatrial.checks.troubleshooting import FAILURES, PARTS, Advice, Guide, advice_of, judge_guide, observe_guide
from seatrial.verdict import Outcome

ADVICE = tuple(Advice(failure, failure, PARTS, ("kubectl get pods",), ("Pending",), 3) for failure in FAILURES)
GUIDE = Guide(Path("guide.md"), ADVICE)
TEXT = """\
# Troubleshooting

## Pending

*Symptom*: a pod stays `Pending`.

*Check*:

```sh
kubectl get pods
kubectl get events \\
  --all-namespaces
```

*Prints*: `FailedScheduling`, `Insufficient cpu`

*Solution*: a larger node.

## A volume claim stays Pending

*Symptom*: it stays.

## A port does not fit

*Solution*:
"""


def test_a_guide_to_all_failures_passes() -> None:
    verdict = judge_guide(GUIDE)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, len(FAILURES))


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(GUIDE, advice=None), "no file guide.md"),
        (replace(GUIDE, advice=ADVICE[1:]), "no section on ImagePullBackOff"),
        (
            replace(GUIDE, advice=(replace(ADVICE[0], parts=("symptom", "check")), *ADVICE[1:])),
            "guide.md (guide.md:3): found no solution under 'ImagePullBackOff'",
        ),
        (replace(GUIDE, advice=(replace(ADVICE[0], commands=()), *ADVICE[1:])), "no command under 'ImagePullBackOff'"),
    ],
)
def test_what_a_guide_lacks_is_named(seen: Guide, says: str) -> None:
    verdict = judge_guide(seen)
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_sections_are_read(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text(TEXT)
    pending, claim, port = advice_of(read_page(tmp_path / "guide.md"))
    assert (pending.failure, pending.parts, pending.prints) == ("Pending", PARTS, ("FailedScheduling", "Insufficient cpu"))
    assert pending.commands == ("kubectl get pods", "kubectl get events    --all-namespaces")
    assert (claim.failure, claim.parts, claim.commands) == ("PVC pending", ("symptom",), ())
    assert (port.failure, port.parts) == ("port mismatch", ())


def test_the_guide_is_the_readme_where_no_other_is_named(tmp_path: Path) -> None:
    app = SimpleNamespace(
        documents=SimpleNamespace(troubleshooting=None, readme=Path("README.md")), path=lambda path: tmp_path / path
    )
    world: Any = SimpleNamespace(app=app)
    assert observe_guide(world) == Guide(tmp_path / "README.md", None)
    (tmp_path / "README.md").write_text(TEXT)
    assert len(observe_guide(world).advice or ()) == 3
