"""The table of values in a chart's README, made from the comments of values.yaml.

``python -m seatrial.chart.readme CHART [--check]`` writes the table between the two markers, or with ``--check`` only says
whether it is up to date (exit code 1 where it is not).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from seatrial.chart.values import Leaf, leaves
from seatrial.errors import ExitCode, Place, SeatrialError
from seatrial.tools.helmfaults import ChartError

BEGIN = "<!-- values: made by python -m seatrial.chart.readme -->"
END = "<!-- end of values -->"


def table(rows: Sequence[Leaf]) -> str:
    """The values as a Markdown table: key, type, default, purpose."""
    lines = ["| Key | Type | Default | Purpose |", "|---|---|---|---|"]
    lines += [f"| `{row.key}` | {row.type} | `{_cell(json.dumps(row.default))}` | {_cell(row.purpose)} |" for row in rows]
    return "\n".join(lines)


def updated(chart: Path) -> str:
    """The README of a chart with its table up to date.

    Raises:
        ChartError: a value has no comment, or the README lacks its markers.
    """
    rows = leaves(chart / "values.yaml")
    bare = [row for row in rows if not row.purpose]
    if bare:
        more = f" (and {len(bare) - 1} more)" if len(bare) > 1 else ""
        place = Place(chart / "values.yaml", bare[0].line)
        raise ChartError(f"the value {bare[0].key} has no comment{more}", place=place, todo="Say above it what it is for.")
    readme = chart / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ChartError(
            "lacks the markers of the table of values", place=Place(readme), todo=f"Add the lines {BEGIN} and {END}."
        )
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 where the README is up to date or was written."""
    parser = argparse.ArgumentParser(prog="python -m seatrial.chart.readme", description="Table of values in a chart's README.")
    parser.add_argument("chart", type=Path, help="the chart's folder")
    parser.add_argument("--check", action="store_true", help="write nothing, only say whether the table is up to date")
    options = parser.parse_args(arguments)
    readme = options.chart / "README.md"
    try:
        text = updated(options.chart)
    except SeatrialError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if text == readme.read_text(encoding="utf-8"):
        return ExitCode.OK
    if options.check:
        print(
            f"{readme}: the table of values is out of date. Run `python -m seatrial.chart.readme {options.chart}`.",
            file=sys.stderr,
        )
        return ExitCode.UNMET
    readme.write_text(text, encoding="utf-8")
    return ExitCode.OK


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.exit(main())
