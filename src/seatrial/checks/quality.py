"""What linters say of everything that the repository holds, and which scripts a test runs (M5-QA-01)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.checks import links
from seatrial.checks.dockerfiles import lint_all
from seatrial.checks.renders import Lints, judge_lint
from seatrial.checks.repository import Repository
from seatrial.checks.scanner import RENDERED
from seatrial.tools import actionlint, shellcheck, yamllint
from seatrial.tools.hadolint import Finding, Level
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

CHECKS = "checks"
"""What is counted: one for each file and linter."""


@dataclass(frozen=True)
class Linted:
    """What one linter found.

    Attributes:
        linter: its name.
        what: the kind of files, plural.
        files: that it read.
    """

    linter: str
    what: str
    files: tuple[Path, ...]
    findings: tuple[Finding, ...]


def observe_dockerfiles(world: World) -> Linted:
    """hadolint on every Dockerfile."""
    files = Repository.of(world.app).dockerfiles
    return Linted("hadolint", "Dockerfiles", files, lint_all(world, files))


def observe_scripts(world: World) -> Linted:
    """shellcheck on every shell script."""
    files = Repository.of(world.app).scripts
    found = shellcheck.lint(world.toolchain.tool("shellcheck").path, files) if files else ()
    return Linted("shellcheck", "shell scripts", files, found)


def observe_yaml(world: World) -> Linted:
    """yamllint on every YAML file, and on what the chart renders: its templates are no YAML."""
    files = Repository.of(world.app).yaml
    with tempfile.TemporaryDirectory(prefix="seatrial-yaml-") as scratch:
        rendered = Path(scratch) / RENDERED
        rendered.write_text(world.rendered.text)
        found = yamllint.lint([*files, rendered])
    return Linted("yamllint", "YAML files", (*files, rendered), found)


def observe_workflows(world: World) -> Linted:
    """actionlint on every workflow."""
    files = Repository.of(world.app).workflows
    found = actionlint.lint(world.toolchain.tool("actionlint").path, files, world.app.root) if files else ()
    return Linted("actionlint", "GitHub workflows", files, found)


def observe_documents(world: World) -> Linted:
    """The links of every Markdown file."""
    repository = Repository.of(world.app)
    held = held_by(repository.root, repository.names)
    files = repository.documents
    found = [finding for file in files for finding in links.broken(file, repository.root, held.__contains__)]
    return Linted("the link check", "Markdown files", files, tuple(found))


def held_by(root: Path, names: Iterable[str]) -> frozenset[Path]:
    """Files and the folders that they lie in, links followed."""
    top = root.resolve()
    paths = {top / name for name in names}
    files = {path.resolve() if path.is_symlink() else path for path in paths}
    return frozenset(files | {folder for path in files for folder in path.parents if folder.is_relative_to(top)})


def judge_linted(seen: Linted) -> Verdict:
    """M5-QA-01: no error and no warning; what a linter calls information or style is told."""
    if not seen.files:
        return not_applicable(f"there are no {seen.what} in the repository")
    grave = [finding for finding in seen.findings if finding.level in (Level.ERROR, Level.WARNING)]
    faults = [Fault(seen.linter, f"{each.level} {each.code}: {each.message}", "nothing", "Mend it", each.place) for each in grave]
    told = [Evidence(f"{seen.linter} read {len(seen.files)} {seen.what}")]
    told += [Evidence(str(finding), place=finding.place) for finding in seen.findings if finding not in grave]
    return judge(len(seen.files), CHECKS, faults, evidence=told)


def judge_chart(seen: Lints) -> Verdict:
    """M5-QA-01: what M3-RENDER-01 says of ``helm lint``."""
    return replace(judge_lint(seen), of_what=CHECKS)


@dataclass(frozen=True)
class Smoked:
    """Scripts, each with the tests that name it."""

    tests: Mapping[str, tuple[str, ...]]


def observe_smoke_tests(world: World) -> Smoked:
    """Look for every script's path in the repository's tests."""
    repository = Repository.of(world.app)
    texts = {_shown(path, repository): path.read_text(encoding="utf-8", errors="replace") for path in repository.tests}
    scripts = [_shown(path, repository) for path in repository.programs if path not in repository.tests]
    return Smoked({script: tuple(test for test, text in texts.items() if names(text, script)) for script in scripts})


def _shown(path: Path, repository: Repository) -> str:
    return path.relative_to(repository.root).as_posix()


def names(text: str, script: str) -> bool:
    """Whether a text names a script: by its path, or by the end of it from a folder on.

    A bare file name says too little: there are many ``entrypoint.sh``.
    """
    parts = script.split("/")
    ends = ["/".join(parts[start:]) for start in range(max(1, len(parts) - 1))]
    return any(end in text and re.search(rf"(?<![\w.-]){re.escape(end)}(?![\w-])", text) for end in ends)


def judge_smoke_tests(seen: Smoked) -> Verdict:
    """M5-QA-01: a test names each script. Whether that test runs it, and passes, is shown where the tests are run."""
    if not seen.tests:
        return not_applicable("there is no script in the repository")
    unknown = [
        f"no test names {script}: whether it has a smoke test cannot be told" for script, by in seen.tests.items() if not by
    ]
    told = [Evidence(f"{script} is named by {', '.join(by)}") for script, by in seen.tests.items() if by]
    told.append(Evidence("not judged: whether these tests run the scripts, and pass"))
    return judge(len(seen.tests), CHECKS, unknown=unknown, evidence=told)
