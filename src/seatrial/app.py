"""The App: the system under test, as ``seatrial.yaml`` describes it. One model; later work adds fields here and nowhere else."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from seatrial import yamlfile
from seatrial.criteria import Catalogue, Limit
from seatrial.errors import ConfigError, Place

FILE = "seatrial.yaml"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
"""Recommended labels (kubernetes.io/docs/concepts/overview/working-with-objects/common-labels)."""

INGRESS, TEST = "ingress", "test"
RESERVED = (INGRESS, TEST)
"""Sources of routes that are no component: the ingress controller, and the pod of ``helm test``."""

Role = Literal["frontend", "backend", "database", "worker", "other"]
SERVING: tuple[Role, ...] = ("frontend", "backend")
"""Roles of what users reach."""
Port = Annotated[int, Field(ge=1, le=65535)]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Reason = Annotated[str, Field(min_length=10)]


def _is_pattern(value: str) -> str:
    try:
        found = re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if found.search(""):
        raise ValueError("fits every line, an empty one too; name what sets these lines apart")
    return value


Pattern = Annotated[str, AfterValidator(_is_pattern)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Image(_Model):
    """One image of the application.

    Attributes:
        repository: name without tag, as the chart names it.
        tag: the immutable tag that is built and deployed.
        context: build context, relative to seatrial.yaml; None where the image is not built here.
        dockerfile: relative to the context.
        args: build arguments.
        max_size: MB (10**6 bytes) that the unpacked image may have.
    """

    repository: str
    tag: str
    context: Path | None = None
    dockerfile: Path = Path("Dockerfile")
    args: Mapping[str, str] = Field(default_factory=dict)
    max_size: float | None = None

    @property
    def reference(self) -> str:
        return f"{self.repository}:{self.tag}"


class Health(_Model):
    """HTTP paths of a component's health endpoints."""

    live: str
    ready: str
    startup: str | None = None


class Component(_Model):
    """One part of the application that runs in pods of its own.

    Attributes:
        role: what it is to the criteria.
        labels: that its pods bear and no other component's do; by default ``chart.labels`` and
            ``app.kubernetes.io/component`` with its own name.
        image: what it runs.
        port: container port.
        service_port: port of its Service.
        uid: numeric user that its containers run as.
        health: HTTP endpoints; None for components that do not speak HTTP.
        api_url: of a frontend: environment variable with the address that its pages call; None where they call their own alone.
        log_format: regular expression that fits a line of its log, with the groups ``timestamp``, ``level`` and ``message``; None
            where each line is one JSON object.
        source: its source folder, relative to seatrial.yaml.
    """

    role: Role
    labels: Mapping[str, str] = Field(default_factory=dict)
    image: Image
    port: Port
    service_port: Port | None = None
    uid: int = 1001
    health: Health | None = None
    api_url: str | None = None
    log_format: str | None = None
    source: Path | None = None

    @field_validator("log_format")
    @classmethod
    def _has_groups(cls, value: str | None) -> str | None:
        try:
            missing = {"timestamp", "level", "message"} - re.compile(value or "").groupindex.keys()
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if value is not None and missing:
            raise ValueError(f"must have the groups timestamp, level and message; it has no (?P<{sorted(missing)[0]}>...)")
        return value


class Job(_Model):
    """Pods that a Job or CronJob of the chart runs: nobody calls them, but they call others, so a route may begin at them.

    Attributes:
        labels: that the rendered Job or CronJob bears and no other does; by default ``chart.labels`` and
            ``app.kubernetes.io/component`` with its own name. Its pods' labels are those of its template.
    """

    labels: Mapping[str, str] = Field(default_factory=dict)


class Chart(_Model):
    """The Helm chart and how it is installed.

    Attributes:
        path: chart folder, relative to seatrial.yaml.
        release: release name.
        labels: that all objects of the release bear; by default ``app.kubernetes.io/instance`` with the release's name.
        values: values files for the trial, in order, relative to seatrial.yaml.
        secrets: Secrets that the harness makes before the install: name -> key -> value. The value ``random`` is made anew in
            each run; any other text may contain ``{KEY}`` of the keys before it.
        inventory: kind -> names of all objects that the chart renders for the trial, hooks included; what else it renders, or
            does not, fails M3-RENDER-02.
        examples: value, as ``helm --set`` names it -> another one that the chart takes, where none can be made up (M3-RENDER-04).
        silent: value -> reason why no rendering shows a change of it.
        beside: values, over those of the trial, for further releases that stand beside the first in namespaces of their own: as
            little as possible, and nothing that can be there only once, such as the host of an Ingress.
    """

    path: Path
    release: DnsLabel
    labels: Mapping[str, str] = Field(default_factory=dict)
    values: tuple[Path, ...] = ()
    secrets: Mapping[DnsLabel, Mapping[str, str]] = Field(default_factory=dict)
    inventory: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    examples: Mapping[str, Any] = Field(default_factory=dict)
    silent: Mapping[str, str] = Field(default_factory=dict)
    beside: Mapping[str, Any] = Field(default_factory=dict)


class SignIn(_Model):
    """One request at the edge, a POST of JSON, that is answered with a token.

    Attributes:
        path: where it goes.
        body: in its texts ``{marker}`` stands for a text that is unique to the user and fits into an address, ``{password}`` for
            a password that is made anew in each run.
        status: HTTP status that must come back.
    """

    path: str
    body: Mapping[str, Any]
    status: int = 200


class Auth(_Model):
    """How somebody becomes a signed-in user.

    Attributes:
        sign_up: makes a user.
        log_in: lets in a user who signed up before.
        token: where the bearer token stands in the answers: keys, joined by dots.
    """

    sign_up: SignIn
    log_in: SignIn | None = None
    token: str


class Chat(_Model):
    """Where users talk to the application.

    Attributes:
        path: takes a message by POST and answers it.
        model: component that is the language model's endpoint, or stands in for it; None where it is no part of the release.
        outside: values, over those of the trial, with which the endpoint is outside the cluster; None where the chart has no such
            switch.
    """

    path: str
    model: str | None = None
    outside: Mapping[str, Any] | None = None


class Parity(_Model):
    """What the application could do before it came to the cluster, and must do there.

    Attributes:
        features: file with its ``operations`` (``GET /api/todos``), ``pages`` (paths), ``tools`` (names) and ``baseline`` (test
            of the suite -> outcome where the application runs without a cluster).
        suite: folder with its tests, for pytest; they take the application's address from ``PARITY_URL`` and the name to send as
            Host from ``PARITY_HOST``.
    """

    features: Path
    suite: Path


class Exchange(_Model):
    """One request through the edge and what must come back, whoever stands in between.

    Attributes:
        method, path: as sent; the path may carry a query.
        by: who asks: the run's ``user``, a ``stranger`` (another user) or ``nobody`` (without a token); nobody always, where the
            application has no ``auth``.
        body: sent as JSON.
        raw: sent as it is, in place of ``body``.
        status: HTTP status that must come back.
        holds: keys and values that the JSON answer must hold; of a list, its first item.
        count: length of the JSON list that must come back.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str
    by: Literal["user", "stranger", "nobody"] = "user"
    body: Any = None
    raw: str | None = None
    status: int
    holds: Mapping[str, Any] = Field(default_factory=dict)
    count: int | None = None


class Tls(_Model):
    """How https is switched on, which is off otherwise.

    Attributes:
        values: that switch it on, over those of the trial; they must name ``secret``.
        secret: name of the Secret that the certificate is then taken from. The harness makes it, in the trial alone.
    """

    values: Mapping[str, Any]
    secret: DnsLabel


class Ingress(_Model):
    """The edge: how the application is reached from outside.

    Attributes:
        host: name that clients send.
        routes: path -> component that answers there.
        identity: path -> (JSON key, value) that proves which component answered.
        steady: paths that a steady client asks for in turns while something is disturbed; each must answer below 400.
        exchanges: requests that the edge must pass unchanged. In a path, a body and what must hold, ``{id}`` is the ``id`` in the
            last answer that had one, and ``{marker}`` a text that is unique to the run.
        tls: how https is switched on; None where the chart has no such switch.
    """

    host: str
    routes: Mapping[str, str]
    identity: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    steady: tuple[str, ...] = Field(default=("/",), min_length=1)
    exchanges: tuple[Exchange, ...] = ()
    tls: Tls | None = None


class Route(_Model):
    """One allowed network edge inside the cluster, from a component or one of ``jobs``; ``ingress`` as source is the ingress
    controller, ``test`` the pod of ``helm test``."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    port: Port
    protocol: Literal["TCP", "UDP"] = "TCP"

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Backup(_Model):
    """How the database is backed up and restored.

    Attributes:
        job: which of ``jobs`` is the CronJob that does it.
        keep: path of the value that says how many backups are kept (``backup.keep``); None where there is none.
        restore: path of the value that takes the name of a backup's file, which an upgrade then restores; None where there is
            none.
    """

    job: DnsLabel
    keep: str | None = None
    restore: str | None = None


class Data(_Model):
    """The database that the application keeps its data in.

    Attributes:
        component: the component that is the database.
        engine: only PostgreSQL is known.
        user, database: for ``psql`` inside the database container, which trusts local connections.
        claim: smallest size of its volume.
        backup: how it is backed up; None where the chart does not do it.
    """

    component: str
    engine: Literal["postgres"] = "postgres"
    user: str
    database: str
    claim: str = "1Gi"
    backup: Backup | None = None


class Step(_Model):
    """One step of a browser journey. Exactly one of the actions is given.

    Attributes:
        open: path to visit.
        fill: accessible label of a field -> text.
        click: accessible name of a button, link, tab or checkbox; where several have it, of the first in this order.
        see: text that must become visible.
    """

    open: str | None = None
    fill: Mapping[str, str] | None = None
    click: str | None = None
    see: str | None = None

    @model_validator(mode="after")
    def _one_action(self) -> Step:
        if sum(action is not None for action in (self.open, self.fill, self.click, self.see)) != 1:
            raise ValueError("a step is exactly one of open, fill, click, see")
        return self


class Journey(_Model):
    """What a user does in a browser, and the rows that prove it happened.

    In any text ``{marker}`` stands for a value that is unique to the walk and fits into an address, ``{password}`` for a password
    that is made anew in each run.

    Attributes:
        after: name of a journey further up whose steps are taken first, in the same browser.
        steps: in order.
        again: steps that the same browser can take at any later time, with the cookies that it had: nothing that happens to pods
            and releases meanwhile may log its user out.
        proof: SQL that counts the rows which the journey made; a journey without one is walked only for those after it.
        rows: the count that is expected.
    """

    name: str
    after: str | None = None
    steps: tuple[Step, ...] = Field(min_length=1)
    again: tuple[Step, ...] = ()
    proof: str | None = None
    rows: int = 1


class Load(_Model):
    """The load profile.

    Attributes:
        locustfile: relative to seatrial.yaml.
        users: concurrent users.
        spawn_rate: users started per second.
        seconds: duration of the load that has to move an autoscaler.
        max_error_rate: share of failed requests that is still accepted, 0 to 1.
        scales: component whose autoscaler must rise.
    """

    locustfile: Path
    users: int = Field(ge=1, le=500)
    spawn_rate: float = Field(gt=0, le=100)
    seconds: int = Field(ge=5, le=3600)
    max_error_rate: float = Field(ge=0, le=1)
    scales: str


class Accepted(_Model):
    """Something that is lived with for a time, by a named person."""

    reason: Reason
    owner: str = Field(min_length=2)
    expires: datetime.date


class Waiver(Accepted):
    """A criterion that is accepted as unmet."""

    criterion: str


class Security(_Model):
    """What is accepted although it falls short of least privilege, each item with its reason; and where vulnerabilities are told.

    Attributes:
        enforce: Pod Security level that the namespace refuses pods by; against ``restricted`` they are warned and judged anyway.
        findings: rule of the scanner (``CKV_K8S_43``) -> why what it finds stays. A rule that finds nothing is out of date.
        writable: container -> why its root filesystem may be written to.
        rights: ServiceAccount -> what it may do beyond the Roles that the chart renders: ``<verb> <resource>[.<group>]``, or
            ``<verb> <URL path>``. A right that it does not have is out of date.
        database: folder with a database of vulnerabilities as osv-scanner keeps it, relative to seatrial.yaml;
            SEATRIAL_VULNERABILITY_DATABASE in the environment comes first.
        vulnerabilities: one of its ids (``CVE-2026-1234``) -> why it is lived with, and until when.
    """

    enforce: Literal["privileged", "baseline", "restricted"] = "privileged"
    findings: Mapping[str, Reason] = Field(default_factory=dict)
    writable: Mapping[DnsLabel, Reason] = Field(default_factory=dict)
    rights: Mapping[DnsLabel, tuple[str, ...]] = Field(default_factory=dict)
    database: Path | None = None
    vulnerabilities: Mapping[str, Accepted] = Field(default_factory=dict)


class Harmless(_Model):
    """Lines that look like errors and are none.

    Attributes:
        pattern: regular expression that is found in each of them.
        reason: why they stay.
    """

    pattern: Pattern
    reason: Reason


class Logs(_Model):
    """What the lines of the application's logs mean, beyond what everybody's mean.

    Attributes:
        errors: regular expressions; a line in which one is found tells of an error, whatever its level.
        harmless: lines that tell of no error although they look like it.
    """

    errors: tuple[Pattern, ...] = ()
    harmless: tuple[Harmless, ...] = ()


class Upgrade(_Model):
    """What a second revision changes.

    Attributes:
        overrides: values for ``helm upgrade``, seen in live objects afterwards.
        tags: component -> path of the value that holds its image's tag (``backend.image.tag``). These components get an image of
            their own in the second revision: the same content with another label, so another image id.
    """

    overrides: Mapping[str, Any]
    tags: Mapping[str, str] = Field(default_factory=dict)


class Documents(_Model):
    """Where the application's documents are; paths are relative to seatrial.yaml.

    Attributes:
        folder, tests, reports: folders that the workspace has.
        readme: what somebody reads first.
        runbook: what operators do, and how.
        troubleshooting: symptoms, checks and solutions; None where the readme has them all.
        analysis: what the sources of frontend and backend say; ``python -m seatrial.checks.sources`` writes it.
        environment: component -> document with the table of variables that it reads; by default the README.md of its source.
        specifications: one document each.
        decisions: folder with one file for each decision.
        records: folder with one file for each run that is kept on record, and for each thing that was found out.
        risks: what may go wrong, and what is done about it.
        assistants: what is done with AI tools, and how the same is done without.
        review: what a security review found, and what became of it.
    """

    folder: Path = Path("docs")
    tests: Path = Path("tests")
    reports: Path = Path("reports")
    readme: Path = Path("README.md")
    runbook: Path = Path("docs/runbook.md")
    troubleshooting: Path | None = None
    analysis: Path = Path("docs/analysis.md")
    environment: Mapping[DnsLabel, Path] = Field(default_factory=dict)
    specifications: tuple[Path, ...] = ()
    decisions: Path = Path("docs/decisions")
    records: Path = Path("docs/records")
    risks: Path = Path("docs/risks.md")
    assistants: Path = Path("docs/ai-tools.md")
    review: Path = Path("docs/security-review.md")


class App(_Model):
    """The system under test.

    Attributes:
        version: format of seatrial.yaml; 1.
        reference: this is seatrial's own application, to which criteria of scope ``reference`` apply.
        namespace: where the harness installs it; made and removed by the harness.
        limits: ``<criterion id>.<limit>`` -> value, in place of the catalogue's.
        criteria: files with a team's own criteria, relative to seatrial.yaml.
        suite: folders with a team's own tests, relative to seatrial.yaml.
    """

    version: Literal[1] = Field(alias="seatrial")
    name: DnsLabel
    reference: bool = False
    namespace: DnsLabel
    components: Mapping[DnsLabel, Component] = Field(default_factory=dict)
    jobs: Mapping[DnsLabel, Job] = Field(default_factory=dict)
    chart: Chart
    ingress: Ingress | None = None
    auth: Auth | None = None
    chat: Chat | None = None
    parity: Parity | None = None
    routes: tuple[Route, ...] = ()
    data: Data | None = None
    journeys: tuple[Journey, ...] = ()
    load: Load | None = None
    upgrade: Upgrade | None = None
    limits: Mapping[str, int | float | str] = Field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    security: Security = Field(default_factory=Security)
    logs: Logs = Field(default_factory=Logs)
    documents: Documents = Field(default_factory=Documents)
    criteria: tuple[Path, ...] = ()
    suite: tuple[Path, ...] = ()

    _root: Path = PrivateAttr(default=Path())

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @field_validator("namespace")
    @classmethod
    def _not_a_system_namespace(cls, value: str) -> str:
        if value == "default" or value.startswith("kube-"):
            raise ValueError("must be a namespace of the application's own, not default or kube-*")
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> App:
        named = {
            "data.component": [self.data.component] if self.data else [],
            "chat.model": [self.chat.model] if self.chat and self.chat.model else [],
            "load.scales": [self.load.scales] if self.load else [],
            "ingress.routes": list(self.ingress.routes.values()) if self.ingress else [],
            "upgrade.tags": list(self.upgrade.tags) if self.upgrade else [],
            "documents.environment": list(self.documents.environment),
            "routes": [route.target for route in self.routes]
            + [route.source for route in self.routes if route.source not in (*RESERVED, *self.jobs)],
        }
        for where, names in named.items():
            for name in names:
                if name not in self.components:
                    raise ValueError(f"{where} names the component {name!r}, which is not among components")
        if self.data is not None and self.data.backup is not None and self.data.backup.job not in self.jobs:
            raise ValueError(f"data.backup.job names {self.data.backup.job!r}, which is not among jobs")
        for name in self.jobs:
            if name in (*self.components, *RESERVED):
                raise ValueError(f"jobs names {name!r}, which is a component's name or one that routes know already")
        return self

    @model_validator(mode="after")
    def _journeys_follow_each_other(self) -> App:
        known: set[str] = set()
        for journey in self.journeys:
            if journey.name in known:
                raise ValueError(f"there are two journeys {journey.name!r}")
            if journey.after is not None and journey.after not in known:
                raise ValueError(f"journey {journey.name!r} comes after {journey.after!r}, which is no journey further up")
            known.add(journey.name)
        return self

    @property
    def root(self) -> Path:
        """Folder of seatrial.yaml; every relative path in it starts here."""
        return self._root

    def path(self, relative: Path) -> Path:
        return self.root / relative

    def having(self, role: Role) -> dict[str, Component]:
        """The components of one role."""
        return {name: component for name, component in self.components.items() if component.role == role}

    def labels(self, name: str | None = None) -> dict[str, str]:
        """Labels by which the release's objects, or those of one component or job, are found."""
        release = dict(self.chart.labels) or {INSTANCE: self.chart.release}
        if name is None:
            return release
        part = self.components[name] if name in self.components else self.jobs[name]
        return dict(part.labels) or {**release, COMPONENT: name}

    def serving(self) -> dict[str, Component]:
        """The components that users reach: frontends and backends."""
        return {name: component for name, component in self.components.items() if component.role in SERVING}

    def programs(self) -> dict[str, Component]:
        """The application's own programs: those that users reach or, where it serves nobody, its workers."""
        return self.serving() or self.having("worker")

    def built(self) -> dict[str, Component]:
        """The components whose image is built here."""
        return {name: component for name, component in self.components.items() if component.image.context is not None}

    def steps(self, journey: Journey) -> tuple[Step, ...]:
        """All steps of a journey: those of the journeys that it comes after, then its own."""
        before = next((other for other in self.journeys if other.name == journey.after), None)
        return (*(self.steps(before) if before is not None else ()), *journey.steps)

    def missing_feature(self, feature: str) -> str | None:
        """Why a criterion with ``applies_when: feature`` does not apply, or None where it does or only rendering can tell."""
        if feature in ("frontend", "backend") and not self.having(feature):  # type: ignore[arg-type]
            return f"seatrial.yaml names no component of role {feature}"
        if feature == "serving" and not self.serving():
            return "seatrial.yaml names no component of role frontend or backend"
        if feature == "program" and not self.programs():
            return "seatrial.yaml names no component of role frontend, backend or worker"
        section = "data" if feature == "database" else feature
        if section in ("data", "ingress", "auth", "chat", "upgrade") and getattr(self, section) is None:
            return f"seatrial.yaml has no {section} section"
        if feature == "tls" and (self.ingress is None or self.ingress.tls is None):
            return "seatrial.yaml has no ingress.tls section"
        if feature == "dockerfiles" and not self.built():
            return "seatrial.yaml names no image with a build context"
        return None


def load_app(path: Path) -> App:
    """Read ``seatrial.yaml`` from a file, or from the folder that holds it.

    Raises:
        ConfigError: it does not exist or is invalid; the message has file and line.
    """
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        raise ConfigError(f"there is no {FILE}", place=Place(file), todo="Write one; docs/seatrial-yaml.md shows how.")
    app = yamlfile.parse(file, App)
    app._root = file.parent.resolve()
    _paths_exist(app, file)
    return app


def apply_limits(app: App, catalogue: Catalogue, file: Path) -> Catalogue:
    """The catalogue with the application's own limits in place.

    Raises:
        ConfigError: a limit or waiver names a criterion, or a figure of it, that does not exist.
    """
    loaded = yamlfile.load(file)
    for index, waiver in enumerate(app.waivers):
        if waiver.criterion not in catalogue:
            place = yamlfile.locate(file, loaded, ("waivers", index))
            raise ConfigError(f"waiver for {waiver.criterion}, which does not exist", place=place, todo="Check the id.")
    changed: dict[str, dict[str, Limit]] = {}
    for key, value in app.limits.items():
        criterion_id, _, name = key.partition(".")
        if criterion_id not in catalogue or name not in catalogue[criterion_id].limits:
            place = yamlfile.locate(file, loaded, ("limits", key))
            raise ConfigError(
                f"limit {key} does not exist", place=place, todo="Name it <criterion id>.<limit>; see docs/criteria.md."
            )
        changed.setdefault(criterion_id, {})[name] = Limit(value=value, unit=catalogue[criterion_id].limits[name].unit)
    milestones = []
    for milestone in catalogue.milestones:
        criteria = tuple(
            criterion.model_copy(update={"limits": {**criterion.limits, **changed.get(criterion.id, {})}})
            for criterion in milestone.criteria
        )
        milestones.append(milestone.model_copy(update={"criteria": criteria}))
    return Catalogue(milestones)


def _paths_exist(app: App, file: Path) -> None:
    loaded = yamlfile.load(file)
    wanted: list[tuple[tuple[str | int, ...], Path]] = [(("chart", "path"), app.chart.path / "Chart.yaml")]
    wanted += [(("chart", "values", index), path) for index, path in enumerate(app.chart.values)]
    wanted += [(("criteria", index), path) for index, path in enumerate(app.criteria)]
    wanted += [(("suite", index), path) for index, path in enumerate(app.suite)]
    for name, component in app.built().items():
        assert component.image.context is not None
        wanted.append((("components", name, "image", "context"), component.image.context / component.image.dockerfile))
    if app.load is not None:
        wanted.append((("load", "locustfile"), app.load.locustfile))
    if app.parity is not None:
        wanted += [(("parity", "features"), app.parity.features), (("parity", "suite"), app.parity.suite)]
    for keys, path in wanted:
        if not (app.root / path).exists():
            raise ConfigError(f"{path} does not exist", place=yamlfile.locate(file, loaded, keys), todo="Check the path.")
