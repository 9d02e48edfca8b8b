"""The marks of a suite test, typed. (``pytest.mark.x(function)`` without keywords would decorate the function itself.)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest

Observe = Callable[..., Any]


def criterion(criterion_id: str) -> pytest.MarkDecorator:
    """The acceptance criterion that the test judges."""
    return pytest.mark.criterion(criterion_id)


def check(observe: Observe, *, needs: Sequence[str] = ()) -> pytest.MarkDecorator:
    """Judges files or images; needs no cluster.

    Args:
        observe: called with the World; returns plain data.
        needs: stages (``engine``, ``images``, ``rendered``).
    """
    return pytest.mark.check.with_args(observe, needs=tuple(needs))


def trial(
    observe: Observe,
    *,
    needs: Sequence[str] = ("release",),
    disturbs: Literal["component", "node", "cluster"] | None = None,
    component: str | None = None,
    last: bool = False,
    apart: bool = False,
) -> pytest.MarkDecorator:
    """Judges the running application.

    Args:
        observe: called with the World; returns plain data.
        needs: stages.
        disturbs: what it upsets; the scheduler keeps it apart.
        component: role of the component that it upsets, where it is only one; where there is none of that role, it may be any.
        last: runs after everything that is not last.
        apart: it looks at objects of its own, so what disturbs the release may go on beside it.
    """
    how = {"disturbs": disturbs, "component": component, "last": last, "apart": apart}
    return pytest.mark.trial.with_args(observe, needs=tuple(needs), **how)
