"""``seatrial check`` and ``seatrial explain``: from the command line to the exit code."""

from __future__ import annotations

import datetime
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from seatrial.check import changes, memory
from seatrial.check.report import Report
from seatrial.discovery.tree import MAX_FILES, Tree, narrowed, walk
from seatrial.errors import ConfigError, ExitCode, Place

if TYPE_CHECKING:
    from seatrial.toolchain import Progress

CHECKOV = "checkov"
MAX_UNPACKED = 100_000_000
"""Bytes that a packaged chart may unpack to."""


def check(path: Path, *, form: str | None, output: Path | None, since: str | None, graph: Path | None = None) -> int:
    """Judge a folder, a file or a packaged chart.

    Args:
        path: what to judge.
        form: a key of :data:`seatrial.check.outputs.FORMATS`; None for the terminal.
        output: file for the report; standard output where it is None.
        since: commit; only what is worse than there counts.
        graph: file for a picture of the wiring, as SVG.

    Raises:
        ConfigError: the path, its seatrial.yaml or the commit cannot be used.
        ToolchainError: there are charts, and Helm is not to be had.

    Returns:
        the exit code, as docs/exit-codes.md says.
    """
    with _tree(path) as tree:
        # Waivers first: whether one still waives something is seen from everything that was found.
        report, compared = _judged(tree).with_waivers(datetime.date.today()), ""
        if since is not None:
            with changes.tree_at(tree.root, since) as base:
                report, compared = report.worse_than(_judged(walk(base.folder))), base.commit
    report = report.seen_from(Path.cwd())
    if graph is not None:
        from seatrial.wiring.drawing import drawn

        _write(drawn(report.pictures), graph)
    if form is not None:
        from seatrial.check.outputs.formats import FORMATS

        _write(FORMATS[form](report), output)
    if form is None or output is not None:
        _show(report, compared, None if form else output)
    if not report.judged:
        return ExitCode.NOTHING_JUDGED
    return ExitCode.OK if report.passed else ExitCode.UNMET


def _judged(tree: Tree) -> Report:
    """The report on a tree, from the cache where nothing has changed."""
    key = memory.key_of(tree)
    report = memory.look_up(key)
    if report is None:
        report = _checked(tree)
        memory.keep(key, report)
    return report


def _checked(tree: Tree) -> Report:
    """The report on a tree. checkov loads itself while the rest is still being imported, where it is sure to have a task."""
    from seatrial.tools.checkov import Ahead

    read = any(PurePosixPath(name).name in ("Chart.yaml", "Dockerfile") for name in tree.own)
    ahead = Ahead(memory.last_program(CHECKOV)) if read else None
    try:
        from seatrial.toolchain import Toolchain

        toolchain = Toolchain(progress=_tell)
        try:
            if ahead is not None:
                tool = toolchain.start([CHECKOV])[CHECKOV]
                ahead.expect(tool)
            from seatrial.check import engine

            report = engine.check(tree, toolchain, ahead=ahead)
            if ahead is not None and tool.done() and tool.exception() is None:
                memory.keep_program(CHECKOV, tool.result().path)
            return report
        finally:
            toolchain.close()
    finally:
        if ahead is not None:
            ahead.stop()


def _tell(event: Progress) -> None:
    """A program that has to be had first takes its time: say so."""
    print(f"seatrial: {event}", file=sys.stderr)


@contextmanager
def _tree(path: Path) -> Iterator[Tree]:
    """The files to judge: of a folder, of a packaged chart, or one file in its folder."""
    if not path.exists():
        raise ConfigError(
            "does not exist", place=Place(path), todo="Give a folder, a manifest, a Dockerfile or a packaged chart."
        )
    packed = path.is_file() and path.name.endswith((".tgz", ".tar.gz"))
    with TemporaryDirectory(prefix="seatrial-chart-") if packed else nullcontext(str(path)) as folder:
        if packed:
            _unpack(path, Path(folder))
        if path.is_dir() or packed or path.name == "seatrial.yaml":
            yield walk(Path(folder) if packed or path.is_dir() else path.parent)
        else:
            yield narrowed(path)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack a packaged chart.

    Raises:
        ConfigError: it is no archive, is too large, or holds paths that lead out of it.
    """
    try:
        with tarfile.open(archive) as opened:
            size = count = 0
            for member in opened:
                size, count = size + member.size, count + 1
                if size > MAX_UNPACKED or count > MAX_FILES:
                    raise ConfigError(f"unpacks to more than {MAX_UNPACKED} bytes", place=Place(archive), todo="It is no chart.")
                opened.extract(member, folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        what = f"cannot be unpacked: {' '.join(str(error).split())}"
        raise ConfigError(what, place=Place(archive), todo="Package the chart again with `helm package`.") from None


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", place=Place(output), todo="Give another file.") from None


def _show(report: Report, since: str, output: Path | None) -> None:
    from rich.console import Console

    from seatrial.check.outputs.terminal import show

    if output is None:
        show(report, Console(highlight=False), since=since)
        return
    from io import StringIO

    text = StringIO()
    show(report, Console(file=text, highlight=False, width=160), since=since)
    _write(text.getvalue(), output)


def explain(id: str) -> int:
    """Tell of one rule.

    Raises:
        ConfigError: there is none of this id.
    """
    from seatrial.check.registry import explain as told

    print(told(id), end="")
    return ExitCode.OK


def init(path: Path) -> int:
    """Write a seatrial.yaml from what a repository holds; one that is there is left alone.

    Raises:
        ConfigError: there is one, or there is no chart to describe.
        ToolchainError: Helm is not to be had.
    """
    from seatrial.app import load_app
    from seatrial.check.describe import MARK, describe
    from seatrial.discovery.holdings import SETTINGS
    from seatrial.toolchain import Toolchain

    file = path / SETTINGS
    if file.exists():
        raise ConfigError("is there already, and is not overwritten", place=Place(file), todo="Remove it first, or edit it.")
    toolchain = Toolchain(progress=_tell)
    try:
        described = describe(walk(path), toolchain)
    finally:
        toolchain.close()
    file.write_text(described.text, encoding="utf-8")
    load_app(file)
    print(f"Wrote {file}. {described.gaps} places are left to a person: look for the comments with `{MARK}`.")
    return ExitCode.OK
