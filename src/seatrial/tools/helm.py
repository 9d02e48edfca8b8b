"""Helm: typed results of its JSON output, and every fault of a chart as one sentence with its place.

A call reaches exactly the cluster of the given kubeconfig; without one it reaches none. The user's own kubeconfig and HELM_*
settings that name a cluster or namespace are never used.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.errors import ClusterError, Place
from seatrial.process import Completed
from seatrial.tools.helmfaults import MAX_WORDS, ChartError, explain, own_words

RENDER_SECONDS = 60.0
"""How long linting, rendering or packaging one chart may take."""
RENDER_LINES = 500_000
"""How much one chart may render; 1,000 usual objects are some 50,000 lines."""
RENDER_MEMORY = 4 * 2**30
"""Address space, in bytes, that linting, rendering or packaging one chart may take; a usual chart needs a third."""
_SOON_OVER = {"GOGC": "off", "GOMEMLIMIT": "1GiB", "GOMAXPROCS": "1"}
"""A rendering is over before its garbage matters, and the threads that look for it cost a third of its time."""
ASK_SECONDS = 30.0
"""How long a question to the cluster (history, status, values) may take."""
GRACE_SECONDS = 15.0
"""What an operation gets beyond Helm's own time-out, so that Helm says itself what it waited for."""

_CLUSTER_SETTINGS = ("KUBECONFIG", "HELM_KUBE", "HELM_NAMESPACE", "HELM_DEBUG", "HELM_DRIVER")
_LINT_LINE = re.compile(r"^\[(?P<severity>INFO|WARNING|ERROR)\] (?:(?P<path>[^:\s]+): )?(?P<text>.*)$")
_LINT_HEAD = re.compile(r"^==> Linting (.*)\n", re.MULTILINE)
_CLUSTER_FAULT = re.compile(
    r"cluster unreachable|context deadline exceeded|timed out waiting|connection refused|release: not found|in use|"
    r"has no deployed releases|another operation|etcdserver|admission webhook|is forbidden|unable to build kubernetes"
)


class HelmError(ClusterError):
    """Helm could not do what was asked on the cluster; the message is its own."""


class Severity(StrEnum):
    """How grave ``helm lint`` finds something."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True)
class LintMessage:
    """One line of ``helm lint``; ``path`` is relative to the chart, empty where it speaks of the whole."""

    severity: Severity
    path: str
    text: str


@dataclass(frozen=True)
class Lint:
    """What ``helm lint --strict`` said.

    Attributes:
        passed: it ended with exit code 0.
        messages: in Helm's order.
        output: all that it printed.
    """

    passed: bool
    messages: tuple[LintMessage, ...]
    output: str


@dataclass(frozen=True)
class ReleaseStatus:
    """A revision of a release.

    Attributes:
        status: Helm's word: deployed, failed, pending-install, superseded ...
        manifest: what was applied, hooks left out; empty where Helm did not print it.
        seconds: wall time of the call that led to it.
    """

    name: str
    namespace: str
    revision: int
    status: str
    description: str
    notes: str = field(repr=False)
    manifest: str = field(repr=False)
    seconds: float


@dataclass(frozen=True)
class Revision:
    """One line of ``helm history``; ``updated`` is RFC 3339."""

    revision: int
    updated: str
    status: str
    chart: str
    app_version: str
    description: str


@dataclass(frozen=True)
class HookRun:
    """What ``helm test`` said.

    Attributes:
        passed: exit code 0, and there was at least one hook and every one succeeded.
        phases: of each hook, in Helm's order; empty where the chart has none.
        output: all that it printed.
    """

    passed: bool
    phases: tuple[str, ...]
    output: str
    seconds: float


@dataclass(frozen=True)
class Listed:
    """One release of ``helm list``."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str


class Helm:
    """One Helm program, and the cluster that it talks to.

    Args:
        path: the program.
        kubeconfig: of the cluster; without it only what needs no cluster works.
        context: name of a context in the kubeconfig; its current one by default.
        env: environment to start from; the process's own by default.
    """

    def __init__(
        self, path: Path, *, kubeconfig: Path | None = None, context: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.path = path
        self.kubeconfig = kubeconfig
        self.context = context
        kept = process.environment() if env is None else env
        self._env = {name: value for name, value in kept.items() if not name.startswith(_CLUSTER_SETTINGS)}
        self._env["KUBECONFIG"] = str(kubeconfig) if kubeconfig else os.devnull

    def version(self) -> str:
        """Version without the leading v."""
        return self._run(["version", "--template", "{{.Version}}"], timeout=ASK_SECONDS).stdout.strip().removeprefix("v")

    # files only

    def lint(
        self,
        chart: Path,
        *,
        namespace: str = "default",
        values: Sequence[Path] = (),
        overrides: Mapping[str, Any] | None = None,
        kube_version: str | None = None,
    ) -> Lint:
        """``helm lint --strict``."""
        argv = ["lint", str(chart), "--strict", "--namespace", namespace, *_values(values, overrides)]
        argv += ["--kube-version", kube_version] if kube_version else []
        done = self._run(argv, timeout=RENDER_SECONDS, overrides=overrides, check=False, memory=RENDER_MEMORY)
        return Lint(done.returncode == 0, _lint_messages(done.stdout), done.output)

    def lint_all(
        self,
        charts: Sequence[Path],
        *,
        namespace: str,
        values: Sequence[Path],
        overrides: Mapping[str, Any] | None,
        kube_version: str,
    ) -> list[tuple[LintMessage, ...]]:
        """``helm lint --strict`` of several charts with the same values in one process: the messages of each."""
        argv = ["lint", *map(str, charts), "--strict", "--namespace", namespace, *_values(values, overrides)]
        argv += ["--kube-version", kube_version]
        done = self._run(argv, timeout=RENDER_SECONDS, overrides=overrides, check=False, memory=RENDER_MEMORY)
        parts = _LINT_HEAD.split(done.stdout)  # what stands before the first heading, then heading and text in turns
        found = dict(zip(parts[1::2], parts[2::2], strict=True))
        return [_lint_messages(found.get(str(chart), "")) for chart in charts]

    def template(
        self,
        chart: Path,
        *,
        release: str,
        namespace: str,
        values: Sequence[Path] = (),
        overrides: Mapping[str, Any] | None = None,
        kube_version: str,
        api_versions: Sequence[str] = (),
        timeout: float = RENDER_SECONDS,
        broken: bool = False,
    ) -> str:
        """All that the chart renders, hooks and custom resource definitions included, as one YAML stream.

        Args:
            chart: folder or archive.
            release, namespace: as they will be installed.
            values: values files, the last one wins.
            overrides: nested values that win over the files.
            kube_version: version of Kubernetes that the chart is told.
            api_versions: API versions that the chart is told beyond Helm's own list.
            timeout: seconds.
            broken: what templates print is wanted even where that is no YAML; nothing where they print nothing.

        Raises:
            ChartError: it does not render and ``broken`` is not asked for, or renders more than :data:`RENDER_LINES`.
            ProcessTimeout: it does not end in time.
        """
        argv = ["template", release, str(chart), "--namespace", namespace, "--include-crds", "--kube-version", kube_version]
        argv += [part for version in api_versions for part in ("--api-versions", version)]
        argv += ["--debug"] if broken else []
        argv += _values(values, overrides)
        # A tenth of what is kept is dropped at once where it is more than that: see process.KEPT_LINES.
        kept = RENDER_LINES + RENDER_LINES // 8
        done = self._run(argv, timeout=timeout, overrides=overrides, check=False, kept_lines=kept, memory=RENDER_MEMORY)
        if done.returncode != 0 and not broken:
            raise explain(done.stderr, chart)
        if done.stdout.count("\n") > RENDER_LINES:
            raise ChartError(
                f"renders more than {RENDER_LINES} lines", place=Place(chart), todo="Look for a loop in its templates."
            )
        return done.stdout

    def package(self, chart: Path, destination: Path) -> Path:
        """Write the chart's archive into the folder ``destination``; its path.

        Raises:
            ChartError: it cannot be packaged.
        """
        done = self._run(
            ["package", str(chart), "--destination", str(destination)], timeout=RENDER_SECONDS, check=False, memory=RENDER_MEMORY
        )
        if done.returncode != 0:
            raise explain(done.stderr, chart)
        return Path(done.stdout.strip().rpartition(": ")[2])

    # on the cluster

    def template_live(
        self,
        chart: Path,
        *,
        release: str,
        namespace: str,
        values: Sequence[Path] = (),
        overrides: Mapping[str, Any] | None = None,
    ) -> str:
        """What the chart renders, hooks left out, where the cluster answers what its templates look up.

        Raises:
            ChartError: it does not render.
        """
        argv = ["template", release, str(chart), "--namespace", namespace, "--dry-run=server", "--no-hooks"]
        done = self._run([*argv, *_values(values, overrides)], timeout=RENDER_SECONDS, overrides=overrides, check=False)
        if done.returncode != 0:
            raise explain(done.stderr, chart)
        return done.stdout

    def install(
        self,
        release: str,
        chart: Path,
        *,
        namespace: str,
        values: Sequence[Path] = (),
        overrides: Mapping[str, Any] | None = None,
        wait: bool = True,
        dry_run: bool = False,
        timeout: float = 300,
    ) -> ReleaseStatus:
        """``helm install`` into a namespace that exists.

        Args:
            wait: until what was installed is ready, as Helm sees it. Helm takes a Deployment whose autoscaler has not set its
                replicas yet for ready with one pod.
            dry_run: ask the API server only (``--dry-run=server``).
            timeout: seconds for the whole of it.

        Raises:
            ChartError: the chart or its values cannot be used.
            HelmError: the cluster refused, or it was not ready in time.
        """
        argv = ["install", release, str(chart), *_values(values, overrides), *(["--dry-run=server"] if dry_run else [])]
        return self._operate(argv, chart, namespace, overrides, wait=wait, timeout=timeout)

    def upgrade(
        self,
        release: str,
        chart: Path,
        *,
        namespace: str,
        values: Sequence[Path] = (),
        overrides: Mapping[str, Any] | None = None,
        wait: bool = True,
        description: str = "",
        timeout: float = 300,
    ) -> ReleaseStatus:
        """``helm upgrade`` of a release that exists, with exactly the values given (none of the release's are reused).

        Raises:
            ChartError, HelmError: as :meth:`install`.
        """
        argv = ["upgrade", release, str(chart), "--reset-values", "--history-max", "10", *_values(values, overrides)]
        argv += ["--description", description] if description else []
        return self._operate(argv, chart, namespace, overrides, wait=wait, timeout=timeout)

    def rollback(self, release: str, revision: int, *, namespace: str, wait: bool = True, timeout: float = 300) -> ReleaseStatus:
        """``helm rollback`` to a revision; the status of the new revision that it makes.

        Raises:
            HelmError: there is no such revision, or it was not ready in time.
        """
        argv = ["rollback", release, str(revision), "--namespace", namespace, "--history-max", "10"]
        done = self._ask([*argv, *_waiting(wait, timeout)], timeout=timeout + GRACE_SECONDS)
        return self.status(release, namespace=namespace, seconds=done.seconds)

    def test(self, release: str, *, namespace: str, timeout: float = 120) -> HookRun:
        """``helm test``. The pod of a failed hook is left, with its log, where its delete policy is ``hook-succeeded``.

        Raises:
            HelmError: there is no such release, or the cluster does not answer.
        """
        argv = ["test", release, "--namespace", namespace, "--timeout", _seconds(timeout)]
        done = self._run(argv, timeout=timeout + GRACE_SECONDS, check=False)
        phases = re.findall(r"^Phase:\s+(\S+)", done.stdout, re.MULTILINE)
        if done.returncode != 0 and not phases:
            raise _cluster_fault(done)
        passed = done.returncode == 0 and bool(phases) and all(phase == "Succeeded" for phase in phases)
        return HookRun(passed, tuple(phases), done.output, done.seconds)

    def uninstall(self, release: str, *, namespace: str, wait: bool = True, timeout: float = 120) -> None:
        """``helm uninstall``; volume claims of StatefulSets and the pod of a failed test stay.

        Args:
            wait: until every object and its pods are gone.

        Raises:
            HelmError: there is no such release, or it was not gone in time.
        """
        argv = ["uninstall", release, "--namespace", namespace, "--cascade", "foreground", *_waiting(wait, timeout)]
        self._ask(argv, timeout=timeout + GRACE_SECONDS)

    def history(self, release: str, *, namespace: str) -> list[Revision]:
        """All kept revisions, oldest first."""
        rows = self._json(["history", release, "--namespace", namespace])
        return [
            Revision(row["revision"], row["updated"], row["status"], row["chart"], row["app_version"], row["description"])
            for row in rows
        ]

    def status(self, release: str, *, namespace: str, seconds: float = 0) -> ReleaseStatus:
        """The present revision."""
        return _status(self._json(["status", release, "--namespace", namespace]), seconds)

    def list(self, namespace: str | None = None) -> list[Listed]:
        """Releases in any state, of one namespace or of all."""
        rows = self._json(["list", "--all", *(["--namespace", namespace] if namespace else ["--all-namespaces"])])
        return [Listed(row["name"], row["namespace"], int(row["revision"]), row["status"], row["chart"]) for row in rows]

    def get_values(self, release: str, *, namespace: str, everything: bool = False) -> dict[str, Any]:
        """Values that were given to the release, or with ``everything`` also the chart's own."""
        argv = ["get", "values", release, "--namespace", namespace, *(["--all"] if everything else [])]
        return dict(self._json(argv) or {})

    def get_manifest(self, release: str, *, namespace: str, revision: int | None = None) -> str:
        """What was applied, hooks left out, as one YAML stream."""
        argv = ["get", "manifest", release, "--namespace", namespace, *(["--revision", str(revision)] if revision else [])]
        return self._ask(argv).stdout

    # calls

    def _operate(
        self, argv: Sequence[str], chart: Path, namespace: str, overrides: Mapping[str, Any] | None, *, wait: bool, timeout: float
    ) -> ReleaseStatus:
        command = [*argv, "--namespace", namespace, "--output", "json", *_waiting(wait, timeout)]
        done = self._run(command, timeout=timeout + GRACE_SECONDS, overrides=overrides, check=False)
        if done.returncode == 0:
            return _status(json.loads(done.stdout), done.seconds)
        raise _cluster_fault(done) if _CLUSTER_FAULT.search(done.stderr) else explain(done.stderr, chart)

    def _json(self, argv: Sequence[str]) -> Any:
        return json.loads(self._ask([*argv, "--output", "json"]).stdout)

    def _ask(self, argv: Sequence[str], *, timeout: float = ASK_SECONDS) -> Completed:
        done = self._run(argv, timeout=timeout, check=False)
        if done.returncode != 0:
            raise _cluster_fault(done)
        return done

    def _run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        overrides: Mapping[str, Any] | None = None,
        check: bool = True,
        kept_lines: int = process.KEPT_LINES,
        memory: int | None = None,
    ) -> Completed:
        context = ["--kube-context", self.context] if self.context else []
        given = json.dumps(overrides) if overrides else None
        return process.run(
            [self.path, *argv, *context],
            timeout=timeout,
            env={**self._env, **_SOON_OVER} if memory else self._env,
            input=given,
            check=check,
            kept_lines=kept_lines,
            memory=memory,
        )


def _lint_messages(text: str) -> tuple[LintMessage, ...]:
    return tuple(
        LintMessage(Severity(found["severity"]), found["path"] or "", found["text"])
        for found in map(_LINT_LINE.match, text.splitlines())
        if found
    )


def _values(values: Sequence[Path], overrides: Mapping[str, Any] | None) -> list[str]:
    """Options for the values files; overrides come last, on standard input."""
    sources = [str(path) for path in values] + (["-"] if overrides else [])
    return [part for source in sources for part in ("--values", source)]


def _waiting(wait: bool, timeout: float) -> list[str]:
    return ["--timeout", _seconds(timeout), *(["--wait"] if wait else [])]


def _seconds(timeout: float) -> str:
    return f"{timeout:.0f}s"


def _status(data: Mapping[str, Any], seconds: float) -> ReleaseStatus:
    info = data["info"]
    return ReleaseStatus(
        name=data["name"],
        namespace=data["namespace"],
        revision=data["version"],
        status=info["status"],
        description=info.get("description", ""),
        notes=info.get("notes", ""),
        manifest=data.get("manifest", ""),
        seconds=seconds,
    )


def _cluster_fault(done: Completed) -> HelmError:
    words = " ".join(own_words(done.stderr).split())[:MAX_WORDS]
    return HelmError(
        f"helm {done.argv[1]} failed: {words}", todo="Look at the release with `helm status` and at the pods' events."
    )
