"""What a document names, and whether there is such a thing: files, values, objects, variables, ports, versions, commands.

A name in running text is not looked at, only what is written as code, links (:mod:`seatrial.checks.links`), commands, and numbers
beside the words port and version. What has the form of nothing known is left alone, so that prose stays free.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath

from seatrial.chart.values import leaves
from seatrial.checks import links
from seatrial.checks.commands import Command, Programs, commands_of, judge_command, syntax
from seatrial.checks.contexts import files_of
from seatrial.checks.markdown import Page, Span
from seatrial.checks.sources import read_sources
from seatrial.errors import Place
from seatrial.images.dockerfile import read_dockerfile
from seatrial.verdict import Fault
from seatrial.world import World

KINDS = {
    "deploy": "Deployment",
    "deployment": "Deployment",
    "sts": "StatefulSet",
    "statefulset": "StatefulSet",
    "svc": "Service",
    "service": "Service",
    "pod": "Pod",
    "cronjob": "CronJob",
    "job": "Job",
    "configmap": "ConfigMap",
    "secret": "Secret",
    "ingress": "Ingress",
    "hpa": "HorizontalPodAutoscaler",
    "pdb": "PodDisruptionBudget",
    "pvc": "PersistentVolumeClaim",
}
"""How kubectl's users call kinds."""
PROGRAMS = frozenset(
    {"docker", "helm", "kubectl", "minikube", "seatrial", "tox", "npm", "openssl", "curl", "hadolint", "checkov"}
)
"""What makes a piece of code a command, when it is its first word."""
WELL_KNOWN_PORTS = frozenset({80, 443})
SUFFIXES = "py|ts|tsx|mjs|js|json|ya?ml|toml|md|sh|tpl|txt|lock|in|html|xml|sql"
_PATH = re.compile(r"[\w.@()\[\]*…-]+(?:/[\w.@()\[\]*…-]+)+/?")
_FILE = re.compile(rf"[\w.-]*\w\.(?:{SUFFIXES})|Dockerfile|\.dockerignore|\.helmignore")
_VALUE = re.compile(r"([a-zA-Z]\w*(?:\.\w+)+)(?:=.*)?")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_CRITERION = re.compile(r"\bM[1-5]-[A-Z]+-\d\d\b")
_PORT = re.compile(r"\bports? (\d{2,5})\b|(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d{2,5})\b", re.IGNORECASE)
_VERSION = re.compile(r"\b(Next\.js|React|Node(?:\.js)?|Python|PostgreSQL) v?(\d+(?:\.\d+)*)")
_PLACEHOLDER = re.compile(r"\b(?:TODO|TBD|FIXME|XXX|TBA)\b|\?\?\?|<(?:fill|insert|your)[^>]*>")
_RUNTIMES = {"node": "Node", "python": "Python", "postgres": "PostgreSQL"}


@dataclass(frozen=True)
class Known:
    """What there is to be named.

    Attributes:
        root: folder of seatrial.yaml.
        files: all files of the repository, relative to it.
        values: paths of the chart's values, those of maps too.
        objects: kind -> names, of the objects that the chart renders.
        prefix: with which the names of objects begin: the release.
        others: other names that begin so: Secrets, claims, pods of StatefulSets.
        images: references of the application's images.
        variables: words in capitals of all files that are no documents.
        criteria: ids.
        ports: all ports of the application and its values.
        versions: product -> version.
        environments: of tox; None without a tox.ini.
        exists, ask: of :class:`seatrial.checks.commands.Programs`.
    """

    root: Path
    files: frozenset[str]
    values: frozenset[str] = frozenset()
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    prefix: str = ""
    others: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    criteria: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)
    environments: frozenset[str] | None = None
    exists: Callable[[str], bool] = lambda name: True
    ask: Callable[[Sequence[str]], str | None] = lambda chain: None

    @cached_property
    def folders(self) -> frozenset[str]:
        return frozenset(parent.as_posix() for name in self.files for parent in PurePosixPath(name).parents)

    @cached_property
    def paths(self) -> frozenset[Path]:
        """Files and folders, as absolute paths."""
        root = self.root.resolve()
        return frozenset(root / name for name in (*self.files, *self.folders))

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for names in self.objects.values() for name in names) | self.others

    def holds(self, path: str, start: str = ".") -> bool:
        """Whether there is such a file or folder, from the root or from a folder; with ``*``, any that fits."""
        wanted = path.rstrip("/")
        for base in {"", f"{start}/" if start != "." else ""}:
            name = base + wanted
            if "*" in name or "…" in name:
                pattern = name.replace("…", "*").replace("[", "[[]")
                if any(fnmatchcase(each, pattern) for each in self.files):
                    return True
            elif name in self.files or name in self.folders:
                return True
        return False

    def has_value(self, path: str) -> bool:
        return path in self.values


def known_of(world: World) -> Known:
    """Collect what the application of a run has."""
    app = world.app
    files = frozenset(files_of(app.root))
    rows = leaves(app.path(app.chart.path) / "values.yaml")
    numbers = {row.default for row in rows if isinstance(row.default, int) and "port" in row.path[-1].lower()}
    parts = app.components.values()
    programs = Programs(world.toolchain, app.root)
    prefix = app.chart.release
    inventory = {kind: frozenset(names) for kind, names in app.chart.inventory.items()}
    sets = inventory.get("StatefulSet", frozenset())
    return Known(
        root=app.root,
        files=files,
        values=frozenset(".".join(row.path[:depth]) for row in rows for depth in range(1, len(row.path) + 1)),
        objects=inventory,
        prefix=prefix,
        others=frozenset({prefix, app.namespace, *app.chart.secrets, *(f"{name}-0" for name in sets)})
        | {f"data-{name}-0" for name in sets},
        images=frozenset(part.image.reference for part in parts),
        variables=words_in(app.root, files),
        criteria=frozenset(criterion.id for criterion in world.catalogue),
        ports=frozenset(numbers | {part.port for part in parts} | {part.service_port or part.port for part in parts})
        | WELL_KNOWN_PORTS,
        versions=versions_of(world),
        environments=_environments(app.root / "tox.ini"),
        exists=programs.exists,
        ask=programs.help,
    )


def words_in(root: Path, files: Iterable[str]) -> frozenset[str]:
    """Words in capitals with an underscore in all text files but documents."""
    found: set[str] = set()
    for name in files:
        path = root / name
        if name.endswith((".md", ".lock")) or "package-lock" in name or not path.is_file():
            continue
        found.update(_VARIABLE.findall(path.read_text(encoding="utf-8", errors="ignore")))
    return frozenset(found)


def versions_of(world: World) -> dict[str, str]:
    """Versions of what runs the components, and of Next.js and React, as the sources have them."""
    app = world.app
    found: dict[str, str] = {}
    for source in read_sources(app).values():
        for package, product in (("next", "Next.js"), ("react", "React")):
            if package in source.dependencies:
                found[product] = source.dependencies[package].lstrip("^~=v ")
    for part in app.built().values():
        assert part.image.context is not None
        base = read_dockerfile(app.path(part.image.context) / part.image.dockerfile, part.image.args).final_base()
        name, _, tag = base.rpartition("/")[2].partition(":")
        if name in _RUNTIMES and (number := re.match(r"\d+(?:\.\d+)*", tag)):
            found[_RUNTIMES[name]] = number[0]
    return found


def _environments(tox: Path) -> frozenset[str] | None:
    return (
        frozenset(re.findall(r"^\[testenv:([\w-]+)\]", tox.read_text(encoding="utf-8"), re.MULTILINE)) if tox.is_file() else None
    )


@dataclass
class Read:
    """What was found in documents.

    Attributes:
        judged: how many names, numbers and commands were looked up.
        faults: those that are not so.
        unasked: commands of which not all could be asked.
    """

    judged: int = 0
    faults: list[Fault] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)


def read_documents(pages: Iterable[Page], known: Known) -> Read:
    """Look up everything that some documents name."""
    read = Read()
    for page in pages:
        _links(page, known, read)
        _numbers(page, known, read)
        made = _commands(page, known, read)
        for span in page.code:
            _code(page, span, known, read, made)
    return read


def read_numbers(pages: Iterable[Page], known: Known) -> Read:
    """Look up only the ports, versions and criteria that some documents name."""
    read = Read()
    for page in pages:
        _numbers(page, known, read)
    return read


def _fault(page: Page, line: int, found: str, wanted: str) -> Fault:
    name = page.path.name
    return Fault(name, found, wanted, "Correct the document, or what it speaks of", page.place(line))


def _links(page: Page, known: Known, read: Read) -> None:
    for finding in links.broken(page.path, known.root, known.paths.__contains__):
        read.judged += 1
        place = finding.place or Place(page.path)
        read.faults.append(Fault(page.path.name, finding.message, "a link that leads somewhere", "Mend it", place))


def _numbers(page: Page, known: Known, read: Read) -> None:
    for span in [*page.text, *page.commands]:
        for match in _PORT.finditer(span.text):
            read.judged += 1
            number = int(match[1] or match[2])
            if number not in known.ports:
                wanted = f"one of {', '.join(map(str, sorted(known.ports)))}"
                read.faults.append(_fault(page, span.line, f"port {number}", wanted))
        for product, version in _VERSION.findall(span.text):
            product = "Node" if product.startswith("Node") else product
            if product in known.versions:
                read.judged += 1
                ours, theirs = f"{known.versions[product]}.", f"{version}."  # 22 does not contradict 22.18, nor 22.18 it
                if not (ours.startswith(theirs) or theirs.startswith(ours)):
                    wanted = f"{known.versions[product]}, as in the sources"
                    read.faults.append(_fault(page, span.line, f"{product} {version}", wanted))
        for name in _CRITERION.findall(span.text):
            read.judged += 1
            if name not in known.criteria:
                read.faults.append(_fault(page, span.line, f"the criterion {name}", "one of the catalogue"))


def placeholders(page: Page) -> Iterator[Fault]:
    """What somebody meant to fill in later."""
    for span in [*page.text, *page.commands]:
        if match := _PLACEHOLDER.search(span.text):
            yield _fault(page, span.line, f"the placeholder {match[0]}", "what belongs there")


def _commands(page: Page, known: Known, read: Read) -> frozenset[str]:
    """Look up all commands; what they create themselves."""
    quoted = [span for span in page.code if span.text.partition(" ")[0] in PROGRAMS and " " in span.text]
    found: list[Command] = []
    for block in [*page.commands, *quoted]:
        if block in page.commands and (said := syntax(block.text)):
            read.judged += 1
            read.faults.append(_fault(page, block.line, f"commands that no shell can read: {said}", "commands"))
            continue
        try:
            found += commands_of(block)
        except ValueError as error:
            read.faults.append(_fault(page, block.line, f"a command that cannot be read: {error}", "a command"))
    made = frozenset(
        words[words.index("job") + 1] for each in found if "job" in (words := list(each.words)) and "create" in words
    )
    for command in found:
        read.judged += 1
        said_ = judge_command(command, known.exists, known.ask)
        if said_.fault:
            read.faults.append(_fault(page, command.line, f"`{command}`: {said_.fault}", "a command that can be run"))
        if said_.unknown:
            read.unasked.append(said_.unknown)
        for found_, wanted in arguments(command, known, made):
            read.judged += 1
            if wanted:
                read.faults.append(_fault(page, command.line, f"`{command}` names {found_}", wanted))
    return made


def arguments(command: Command, known: Known, made: frozenset[str] = frozenset()) -> Iterator[tuple[str, str | None]]:
    """What a command's arguments name, each with what is wanted instead; None where it is there.

    Args:
        made: objects that commands of the same document create.
    """
    words = command.words[1 : command.words.index("--")] if "--" in command.words[1:] else command.words[1:]
    for before, word in zip(("", *words), words, strict=False):
        text = word.partition("=")[2] if word.startswith("--") and "=" in word else word
        if before in ("--set", "--set-string") or word.startswith("--set="):
            path = text.partition("=")[0].replace("\\.", ".")
            yield f"the value {path}", None if known.has_value(path) else "one of the chart's values"
        elif command.program == "tox" and before == "-e" and known.environments is not None:
            yield f"the environment {word}", None if word in known.environments else "one of tox.ini"
        elif command.program.startswith("python") and before == "-m":
            yield f"the module {word}", None if _is_module(word, known) else "a module"
        else:
            yield from _named(text, known, made)


def _is_module(name: str, known: Known) -> bool:
    path = name.replace(".", "/")
    ends = (f"{path}.py", f"{path}/__main__.py", f"{path}/__init__.py")
    own = any(each == end or each.endswith(f"/{end}") for each in known.files for end in ends)
    return own or name in ("venv", "pip", "pytest", "mypy", "http.server", "compileall")


def _named(text: str, known: Known, made: frozenset[str], start: str = ".") -> Iterator[tuple[str, str | None]]:
    """What one word names by its form: an object, an image, or a file of the repository."""
    kind, _, name = text.partition("/")
    if kind in KINDS and name:
        there = name in made or name in known.objects.get(KINDS[kind], frozenset()) | known.others
        yield f"{KINDS[kind]} {name}", None if there else f"a {KINDS[kind]} that the chart renders"
    elif any(text.startswith(f"{image.rpartition(':')[0]}:") for image in known.images):
        yield f"the image {text}", None if text in known.images else "an image as seatrial.yaml has it"
    elif known.prefix and re.fullmatch(rf"{re.escape(known.prefix)}-[a-z0-9-]+", text):
        yield f"the object {text}", None if text in known.names else "an object that the chart renders"
    elif _PATH.fullmatch(text) and known.holds(kind, start):
        there = known.holds(text, start) or text.startswith("reports/")  # what runs make there is no file of the repository
        yield f"the file {text}", None if there else "a file of the repository"
    elif text in known.folders or text in known.files:
        yield f"the file {text}", None


def _code(page: Page, span: Span, known: Known, read: Read, made: frozenset[str]) -> None:
    """Look up one piece of code of the running text."""
    text = span.text.strip()
    if text.partition(" ")[0] in PROGRAMS and " " in text:
        return  # a command, judged as such
    start = page.path.parent.relative_to(known.root).as_posix() if page.path.is_relative_to(known.root) else "."
    found: list[tuple[str, str | None]] = []
    value = _VALUE.fullmatch(text)
    tops = {path for path in known.values if "." not in path}
    if value and value[1].partition(".")[0] in tops and not _FILE.fullmatch(value[1]):
        found = [(f"the value {value[1]}", None if known.has_value(value[1]) else "one of the chart's values")]
    elif _VARIABLE.fullmatch(text):
        found = [(f"the variable {text}", None if text in known.variables else "one that some file has")]
    elif _FILE.fullmatch(text):
        there = any(PurePosixPath(name).name == text for name in known.files)
        found = [(f"the file {text}", None if there else "a file of the repository")]
    else:
        found = list(_named(text, known, made, start))
    for named, wanted in found:
        read.judged += 1
        if wanted:
            read.faults.append(_fault(page, span.line, named, wanted))
