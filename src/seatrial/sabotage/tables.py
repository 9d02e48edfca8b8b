"""What the faults between files came to, one row for each rule."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from seatrial.sabotage.checked import Checked, Healthy


def show(console: Console, healthy: Healthy, found: Sequence[Checked]) -> bool:
    """Print them, and what went otherwise than it should; whether all is well."""
    by_rule: dict[str, list[Checked]] = {}
    for each in found:
        by_rule.setdefault(each.fault.rule, []).append(each)
    table = Table(title="sabotage between files, by the rule of `seatrial check` that must find it", title_justify="left")
    table.add_column("rule", no_wrap=True)
    table.add_column("in these shapes", overflow="fold", ratio=3)
    table.add_column("with it", overflow="fold", ratio=1)
    table.add_column("found", no_wrap=True)
    for rule, shapes in by_rule.items():
        seen = sum(not each.problems for each in shapes)
        table.add_row(
            rule,
            ", ".join(each.fault.shape for each in shapes),
            ", ".join(dict.fromkeys(other for each in shapes for other in each.rules)) or "nothing",
            f"{seen} of {len(shapes)}",
            style="red" if seen < len(shapes) else None,
        )
    console.print(table)
    for each in found:
        for problem in each.problems:
            console.print(f"{each.fault.name}: {problem}", style="red", markup=False)
    for problem in healthy.problems:
        console.print(f"the healthy application: {problem}", style="red", markup=False)
    seen, counts = sum(not each.problems for each in found), healthy.report.counts
    judged = ", ".join(f"{count} {what}" for what, count in counts.items())
    grave = f"{len(healthy.problems)} problems" if healthy.problems else "nothing grave"
    console.print(f"{seen} of {len(found)} faults found by {len(by_rule)} rules; {grave} in the healthy application ({judged})")
    return seen == len(found) and not healthy.problems
