"""The ``seatrial`` command. Thin: each subcommand imports what it needs when it is called, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from seatrial import __version__
from seatrial.errors import ExitCode, SeatrialError


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process with its exit code (:class:`seatrial.errors.ExitCode`)."""
    _open_standard_streams()
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.command != "run":
        _parser().error(f"unknown argument {rest[0]}")
    from seatrial.temporary import for_everything  # not before: --help is quicker without

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with for_everything():
            code = int(arguments.do(arguments, [part for part in rest if part != "--"]))
    except SeatrialError as error:
        print(f"seatrial: {error}", file=sys.stderr)
        code = int(error.exit_code)
    except KeyboardInterrupt:
        print("seatrial: interrupted", file=sys.stderr)
        code = int(ExitCode.INTERRUPTED)
    sys.stdout.flush()
    sys.stderr.flush()
    # An observation that was interrupted may still wait for its time-out in a thread; everything is taken down by now.
    os._exit(code)


def _open_standard_streams() -> None:
    """Whoever starts seatrial may have closed some (``<&-``, a service manager): what is opened next would take their place, and
    pytest, which moves the standard streams about, would take it away from its owner."""
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, so this one


def _interrupt(number: int, frame: Any) -> None:
    """SIGTERM ends a run like Ctrl-C does: with everything taken down."""
    raise KeyboardInterrupt


class _Parser(argparse.ArgumentParser):
    """Ends with the exit code for a bad argument; argparse's own 2 is that of an interrupted run here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="seatrial", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--version", action="version", version=f"seatrial {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="judge an application by the milestone suite")
    run.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="seatrial.yaml, or the folder that holds it (default: here)"
    )
    run.add_argument("--reports", type=Path, help="folder for reports (default: reports beside seatrial.yaml)")
    run.epilog = "Other arguments go to pytest: --milestone 2, --static, --profile signoff, --keep-cluster, -k probes ..."
    run.set_defaults(do=_run)

    check = commands.add_parser("check", help="judge the files of any repository: no cluster, no configuration")
    check.add_argument("path", nargs="?", type=Path, default=Path(), help="folder, file or packaged chart (default: here)")
    check.add_argument(
        "--format", choices=("json", "sarif", "junit", "github", "markdown"), help="for programs (default: for people)"
    )
    check.add_argument("--output", type=Path, metavar="FILE", help="write the report there")
    check.add_argument("--changed-since", metavar="REF", help="report only what is worse than at this commit")
    check.add_argument("--graph", type=Path, metavar="FILE.svg", help="draw who refers to whom, and what leads nowhere")
    check.set_defaults(do=_check)

    explain = commands.add_parser("explain", help="what a rule of check looks for, why, and what to do")
    explain.add_argument("id", metavar="ID", help="of the rule, as check prints it")
    explain.set_defaults(do=_explain)

    init = commands.add_parser("init", help="write a seatrial.yaml from what a repository holds")
    init.add_argument("path", nargs="?", type=Path, default=Path(), help="folder of the repository (default: here)")
    init.set_defaults(do=_init)

    doctor = commands.add_parser("doctor", help="what is needed, what was found, where the rest would come from")
    doctor.add_argument("--json", action="store_true", help="print the table as JSON")
    doctor.set_defaults(do=_doctor)

    sabotage = commands.add_parser("sabotage", help="prove that the judges see faults: one deliberate fault at a time")
    sabotage.add_argument("path", nargs="?", type=Path, default=Path(), help="folder of a healthy application")
    kind = sabotage.add_mutually_exclusive_group()
    kind.add_argument("--static", action="store_true", help="only faults that show in files")
    kind.add_argument("--live", action="store_true", help="only faults that show on an engine or a cluster, in rounds")
    sabotage.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this fault, round or criterion (may be given again)"
    )
    sabotage.add_argument("--reuse-cluster", metavar="NAME", help="kept cluster for the faults that need one")
    sabotage.add_argument(
        "--against", type=Path, metavar="REPORTS", help="of a run that has judged the healthy application on a cluster already"
    )
    sabotage.set_defaults(do=_sabotage)

    schema = commands.add_parser("schema", help="print the JSON Schema of seatrial.yaml, for editors")
    schema.set_defaults(do=_schema)

    sweep = commands.add_parser("sweep", help="remove what killed runs left behind, and kept clusters with --kept")
    sweep.add_argument(
        "--kept", nargs="?", const="", metavar="NAME", help="also clusters that --keep-cluster left: this one, or all of them"
    )
    sweep.set_defaults(do=_sweep)
    return parser


def _run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seatrial.suite_runner import run_suite

    return run_suite(arguments.path, rest, reports=arguments.reports)


def _check(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seatrial.check.command import check

    return check(
        arguments.path,
        form=arguments.format,
        output=arguments.output,
        since=arguments.changed_since,
        graph=arguments.graph,
    )


def _explain(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seatrial.check.command import explain

    return explain(arguments.id)


def _init(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seatrial.check.command import init

    return init(arguments.path)


def _doctor(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seatrial.doctor import doctor

    return doctor(as_json=arguments.json)


def _sabotage(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seatrial.sabotage.runner import run_sabotages

    return run_sabotages(
        arguments.path,
        static=arguments.static,
        live=arguments.live,
        only=arguments.only,
        reuse_cluster=arguments.reuse_cluster,
        against=arguments.against,
    )


def _schema(arguments: argparse.Namespace, rest: list[str]) -> int:
    import json

    from seatrial.app import App

    print(json.dumps(App.model_json_schema(by_alias=True), indent=2))
    return 0


def _sweep(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seatrial.stages import sweep

    for line in sweep(kept=arguments.kept):  # None: none, "": all
        print(line)
    return 0
