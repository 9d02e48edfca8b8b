"""All rules, those of the wiring and those of files; told one at a time, or as docs/checks.md.

``python -m seatrial.check.registry > docs/checks.md`` writes the page; with ``--check docs/checks.md`` it is compared instead.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from seatrial.check import customs, dockerfiles, manifests, objects, rendering, subcharts, valuesfiles, valuesread
from seatrial.check.rule import Told
from seatrial.errors import ConfigError, ExitCode, Place
from seatrial.wiring.finding import Group
from seatrial.wiring.rules import RULES as WIRING

FAMILIES: tuple[tuple[str, tuple[Told, ...]], ...] = (
    ("Between files", WIRING),
    ("Charts", (*rendering.RULES, *subcharts.RULES)),
    ("Values", (*valuesfiles.RULES, *valuesread.RULES)),
    ("Kubernetes objects", (*objects.RULES, *customs.RULES)),
    ("Manifests", manifests.RULES),
    ("Dockerfiles", dockerfiles.RULES),
)
RULES: tuple[Told, ...] = tuple(rule for _, rules in FAMILIES for rule in rules)

GROUPS = {
    Group.BREAKS: "something does not work from the first install on",
    Group.WILL_BREAK: "it works until something ordinary happens: a restart, a second node, load, an upgrade, a second release",
    Group.HYGIENE: "it works, and is not as it should be",
}
_TOOLS = (
    (re.compile(r"DL\d+"), "hadolint", "https://github.com/hadolint/hadolint/wiki/{id}"),
    (re.compile(r"SC\d+"), "ShellCheck, which hadolint runs on RUN instructions", "https://www.shellcheck.net/wiki/{id}"),
    (re.compile(r"CKV2?_\w+"), "checkov", "https://www.checkov.io/5.Policy%20Index/all.html"),
)
PAGE = """\
# Checks

<!-- Made by `python -m seatrial.check.registry` from the rules; do not edit. -->

What `seatrial check` looks for in files: {total} rules of its own, beside those of `helm lint --strict`, hadolint and checkov,
whose findings are told once and counted as hygiene where nothing breaks by them. `seatrial explain ID` tells of one rule.

| group | means | exit code 1 |
|---|---|---|
{groups}

A rule is waived in `seatrial.yaml` under `waivers`, by its id or by the criterion that it stands for, with reason, owner and
expiry.

Each chart is rendered with its own values, with each of its values files, once under another release name and namespace, and with
the switches thrown that no values file throws (`ingress.enabled`, `autoscaling.enabled`, `persistence.enabled` and their like).

`--format json` has `format`, `root`, `passed`, `counts` (what was judged), `findings`, `notes`, `waivers`, `tools` (versions),
`seconds`, `cached` and `graphs`. A finding has `id`, `criterion`, `group`, `object`; `file`, `line` and `column` of the template,
manifest or Dockerfile; `values_path`, `values_file` and `values_line` of the value that it comes from, or null; `what`,
`consequence`, `mend`; `settings` (values files under which it shows; empty where it always shows), `also` (rules of other tools
that say the same) and `waived`.
"""


def find(id: str) -> Told | None:
    """The rule of an id, in whatever case."""
    return next((rule for rule in RULES if rule.id == id.strip().upper()), None)


def is_known(id: str) -> bool:
    """Whether an id is that of a rule here or of a tool's."""
    return find(id) is not None or any(pattern.fullmatch(id) for pattern, _, _ in _TOOLS)


def explain(id: str) -> str:
    """One rule as plain text.

    Raises:
        ConfigError: there is none of this id.
    """
    rule = find(id)
    if rule is not None:
        criterion = f"\nCriterion: {rule.criterion} (docs/criteria.md)" if rule.criterion else ""
        example = "\n".join(f"    {line}" for line in rule.example.splitlines())
        return (
            f"{rule.id}: {rule.title}\nGroup: {rule.group} ({GROUPS[rule.group]}){criterion}\n\n"
            f"{rule.why}\n\nBroken, for example, by:\n\n{example}\n\n{rule.mend}\n"
        )
    wanted = id.strip().upper()
    for pattern, tool, page in _TOOLS:
        if pattern.fullmatch(wanted):
            return f"{wanted} is a rule of {tool}: {page.format(id=wanted)}\nGroup: {Group.HYGIENE} ({GROUPS[Group.HYGIENE]})\n"
    near = get_close_matches(wanted, [rule.id for rule in RULES], n=3)
    todo = (
        f"{' or '.join(near)} may be meant."
        if near
        else "docs/checks.md lists them; those of hadolint (DL...) and checkov (CKV_...) go, too."
    )
    raise ConfigError(f"there is no rule {id}", todo=todo)


def page() -> str:
    """All rules as one Markdown page."""
    groups = "\n".join(f"| {group} | {words} | {'no' if group is Group.HYGIENE else 'yes'} |" for group, words in GROUPS.items())
    parts = [PAGE.format(total=len(RULES), groups=groups)]
    for family, rules in FAMILIES:
        parts.append(f"\n## {family}\n")
        parts += [_section(rule) for rule in rules]
    return "".join(parts)


def _section(rule: Told) -> str:
    criterion = f" Criterion: [{rule.criterion}](criteria.md)." if rule.criterion else ""
    fenced = f"```yaml\n{rule.example}\n```"
    return f"\n### {rule.id}\n\n*{rule.group}*: **{rule.title}.** {rule.why}\n\n{fenced}\n\n{rule.mend}{criterion}\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is documented in docs/exit-codes.md."""
    parser = argparse.ArgumentParser(prog="python -m seatrial.check.registry", description="Print the rules of seatrial check.")
    parser.add_argument("--check", metavar="FILE", type=Path, help="compare with this file instead of printing")
    file: Path | None = parser.parse_args(argv).check
    if file is None:
        sys.stdout.write(page())
    elif not file.exists() or file.read_text(encoding="utf-8") != page():
        todo = f"Run `python -m seatrial.check.registry > {file}`."
        print(ConfigError("is not what the rules say", place=Place(file), todo=todo), file=sys.stderr)
        return ExitCode.USAGE
    return ExitCode.OK


if __name__ == "__main__":
    raise SystemExit(main())
