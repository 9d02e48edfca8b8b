"""Credentials where nobody may find them: work tree, history, packaged chart and documented commands (M5-SEC-02).

The release itself is judged on the cluster (:mod:`seatrial.trials.release_secrets`). What counts is a live secret: something that
has the form of a credential and is not evidently made up. A line that says ``pragma: allowlist secret``, as the scanner's own
users write it, is let through. No value leaves this module: what is told are kinds, places and fingerprints.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from pydantic import TypeAdapter

from seatrial import process
from seatrial.app import Documents
from seatrial.chart.secrecy import is_secret
from seatrial.checks.contexts import files_of
from seatrial.checks.markdown import Span, read_page
from seatrial.checks.remembered import digest, own_source, recall, remember
from seatrial.checks.rendering import chart_path, static_helm
from seatrial.checks.repository import Repository
from seatrial.errors import Place
from seatrial.tools import secretscan
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

ALLOWED = re.compile(r"pragma:\s*allowlist[ -]secret")
LONG = 12
"""A URL's password of fewer characters is an example or a word of everybody's: what is generated is longer."""
RUN = 8
"""So many letters or digits in the order of the alphabet are nobody's key."""
GIT_SECONDS = 300.0
MOST_LINES = 3_000_000
"""Of a history; a longer one is not held in memory."""
_ASSIGNED = re.compile(r"""([A-Za-z_][\w.\[\]-]*)=(?!\w+=)("[^"]*"|'[^']*'|[^\s"',]+)""")
_OPTION = re.compile(r"""(?<!\S)--?([a-z][\w-]*)\s+("[^"]*"|'[^']*'|[^\s-]\S*)""")
_BEARER = re.compile(r"""\b(?:Bearer|Basic)\s+([^\s"']+)""")
_TAKEN = re.compile(r"[$`]|%s|^\w+=|^(?:\.{3}|…)$")
"""What a command takes from somewhere else, what only says where from (``--secret id=...``), and what is left out."""


@dataclass(frozen=True)
class Found:
    """What looks like a live secret.

    Attributes:
        kind: as the scanner calls it.
        place: file and line.
        commit: that brought it; empty outside the history.
        fingerprint: by which the same value is known again.
    """

    kind: str
    place: Place
    commit: str
    fingerprint: str


@dataclass(frozen=True)
class Searched:
    """One place that was searched.

    Attributes:
        what: how it is called.
        texts: files, or commits, that were read.
        found: in order.
        trouble: why it could not be searched, or not all of it; empty where it was.
        nothing: why there is nothing to search; empty where there is.
    """

    what: str
    texts: int = 0
    found: tuple[Found, ...] = ()
    trouble: str = ""
    nothing: str = ""


@dataclass(frozen=True)
class Literal:
    """A documented command that carries a key.

    Attributes:
        place: document and line.
        name: of what is given a value.
    """

    place: Place
    name: str


@dataclass(frozen=True)
class Credentials:
    """What M5-SEC-02 is judged on, as far as it shows in files.

    Attributes:
        tree, history, package: what was searched.
        blocks: blocks and lines of commands in documents that were read.
        literals: keys in them.
        promised: seatrial.yaml says that the application has documents.
    """

    tree: Searched
    history: Searched
    package: Searched
    blocks: int
    literals: tuple[Literal, ...]
    promised: bool = True


@dataclass(frozen=True)
class Text:
    """Many texts as one, so that the scanner reads it at once.

    Attributes:
        lines: of all.
        starts: number of the first line of each text, from 1, rising.
        origins: for each of these its file, its commit and what its first line is called there.
    """

    lines: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    origins: list[tuple[str, str, int]] = field(default_factory=list)

    def begin(self, path: str, commit: str = "", line: int = 1) -> None:
        """What is added from now on is from there. An empty line keeps the scanner from reading across."""
        self.lines.append("")
        self.starts.append(len(self.lines) + 1)
        self.origins.append((path, commit, line))

    def pieces(self) -> Iterator[tuple[int, str]]:
        """Each file with the number of its first line; a history, of which there are tens of thousands of pieces, as a whole."""
        firsts = [first for first, (_, commit, _) in zip(self.starts, self.origins, strict=True) if not commit] or [1]
        for first, after in pairwise([*firsts, len(self.lines) + 2]):
            yield first, "\n".join(self.lines[first - 1 : after - 2]) + "\n"

    def origin(self, line: int) -> tuple[str, str, int]:
        """File, commit and line of one of the lines."""
        index = bisect_right(self.starts, line) - 1
        path, commit, first = self.origins[index]
        return path, commit, first + line - self.starts[index]


def observe_credentials(world: World) -> Credentials:
    """Search the files that git tracks, all that it ever tracked, the packaged chart, and the documents' commands."""
    root = world.app.root
    tree, files = Text(), files_of(root)
    read = sum(_add_file(tree, root / name, name) for name in files)
    history, commits, trouble = _history(root)
    world.fact(git_history=not trouble)
    package, packed = Text(), 0
    with tempfile.TemporaryDirectory(prefix="seatrial-package-") as scratch:
        archive = static_helm(world).package(chart_path(world), Path(scratch))
        with tarfile.open(archive) as opened:
            opened.extractall(Path(scratch) / "chart", filter="data")
        for path in sorted((Path(scratch) / "chart").rglob("*")):
            packed += path.is_file() and _add_file(package, path, str(path.relative_to(Path(scratch) / "chart")))
    found = search(world, root, [tree, history, package])
    blocks, literals = _commands(world)
    nothing = "" if commits or trouble else "the repository has no commit yet"
    return Credentials(
        tree=Searched("the work tree", read, found[0]),
        history=Searched("the history", commits, found[1], trouble, nothing),
        package=Searched("the packaged chart", packed, found[2]),
        blocks=blocks,
        literals=literals,
        promised=world.app.documents != Documents(),
    )


def _add_file(text: Text, path: Path, name: str) -> bool:
    """Add a file where it is text; whether it is."""
    try:
        content = path.read_text(encoding="utf-8") if path.is_file() and not path.is_symlink() else None
    except UnicodeDecodeError:
        content = None
    if content is not None:
        text.begin(name)
        text.lines.extend(content.split("\n"))
    return content is not None


def _history(root: Path) -> tuple[Text, int, str]:
    """All lines that commits brought, their messages included; how many commits, and why these are not all."""
    git = shutil.which("git")
    if git is None:
        return Text(), 0, "there is no git on this machine to read it"
    asked: list[str | Path] = [git, "-C", root, "-c", "core.quotepath=off"]
    shallow = process.run([*asked, "rev-parse", "--is-shallow-repository"], timeout=GIT_SECONDS, check=False)
    if shallow.returncode != 0:
        return Text(), 0, "git does not read it here: the folder is in no repository of its own"
    options = ["--all", "--patch", "-m", "--unified=0", "--no-ext-diff", "--no-textconv", "--no-color", "--format=commit %H%n%B"]
    done = process.run([*asked, "log", *options, "--", "."], timeout=GIT_SECONDS, kept_lines=MOST_LINES)
    lines = done.stdout.split("\n")
    text, commits = read_log(lines)
    if len(lines) >= MOST_LINES:
        return text, commits, f"it has more than {MOST_LINES} lines, and the oldest were not read"
    cut = "it is cut off (a shallow clone): fetch all of it (`git fetch --unshallow`, or fetch-depth: 0 in a workflow)"
    return text, commits, cut if shallow.stdout.strip() == "true" else ""


def read_log(lines: Sequence[str]) -> tuple[Text, int]:
    """What ``git log --patch --unified=0`` printed: added lines and messages, with where they are from; the number of commits."""
    text, commits, path, commit, patch = Text(), set[str](), "", "", False
    for line in lines:
        if match := re.fullmatch(r"commit ([0-9a-f]{40,64})", line):
            commit, patch = match[1], False
            commits.add(commit)
            text.begin("commit message", commit)
        elif line.startswith("diff --git "):
            path, patch = line.rpartition(" b/")[2], True
        elif match := re.match(r"@@ -\S+ \+(\d+)", line):
            text.begin(path, commit, int(match[1]))
        elif not patch or (line.startswith("+") and not line.startswith("+++ ")):
            text.lines.append(line.removeprefix("+"))
    return text, len(commits)


_PLAIN = TypeAdapter(list[Found])


def search(world: World, root: Path, texts: Sequence[Text]) -> list[tuple[Found, ...]]:
    """Live secrets in each of the texts, each value once; remembered while a text stays as it is."""
    cache, version = world.toolchain.cache, world.toolchain.lock().entry("checkov").version
    own: list[str | bytes] = [str(root), version, own_source(__file__), own_source(secretscan.__file__)]
    bodies = ["\n".join(text.lines) + "\n" for text in texts]
    keys = [digest([*own, body, *(str(origin) for origin in text.origins)]) for body, text in zip(bodies, texts, strict=True)]
    found: dict[int, tuple[Found, ...]] = {}
    for index, key in enumerate(keys):
        if (known := recall(cache, "credentials", key)) is not None:
            found[index] = tuple(_PLAIN.validate_python(known["found"]))
    left = [index for index in range(len(texts)) if index not in found]
    if left:
        pieces = [(index, first, piece) for index in left for first, piece in texts[index].pieces()]
        hits: dict[int, list[secretscan.Hit]] = {index: [] for index in left}
        for hit in secretscan.scan(world.toolchain.tool("checkov").path, [piece for _, _, piece in pieces]):
            index, first, _ = pieces[hit.text]
            hits[index].append(replace(hit, line=first + hit.line - 1))
        for index in left:
            found[index] = live_secrets(hits[index], texts[index], root)
            remember(cache, "credentials", keys[index], {"found": _PLAIN.dump_python(list(found[index]), mode="json")})
    return [found[index] for index in range(len(texts))]


def live_secrets(hits: Sequence[secretscan.Hit], text: Text, root: Path) -> tuple[Found, ...]:
    """Those hits that are no examples, where each value stands first; of a history, that is the newest commit with it."""
    found: dict[str, Found] = {}
    for hit in sorted(hits, key=lambda hit: hit.line):
        mark = hashlib.sha256(hit.value.encode()).hexdigest()[:12]
        if mark in found or is_made_up(hit.kind, hit.value) or ALLOWED.search(text.lines[hit.line - 1]):
            continue
        path, commit, line = text.origin(hit.line)
        found[mark] = Found(hit.kind, Place(root / path, line), commit, mark)
    return tuple(found.values())


def is_made_up(kind: str, value: str) -> bool:
    """Whether a value is evidently an example: to be filled in, in the order of the alphabet, or as short as a word in a URL."""
    if re.search(r"[{}<>$]|%s|\*\*\*", value):
        return True
    if kind == secretscan.BASIC_AUTH and len(unquote(value)) < LONG:
        return True
    small = value.lower()
    rising = "".join("+" if ord(after) - ord(before) == 1 else " " for before, after in pairwise(small))
    return "+" * (RUN - 1) in rising


# documented commands


def _commands(world: World) -> tuple[int, tuple[Literal, ...]]:
    count, found = 0, list[Literal]()
    for path in Repository.of(world.app).documents:
        page = read_page(path)
        for span in (*page.commands, *(span for span in page.code if " " in span.text)):
            count += 1
            found += [Literal(Place(path, line), name) for name, line in literal_keys(span)]
    return count, tuple(dict.fromkeys(found))


def literal_keys(span: Span) -> Iterator[tuple[str, int]]:
    """Names and lines of secrets whose value stands in a command itself; what comes from a variable or a program does not."""
    for number, row in enumerate(span.text.splitlines(), span.line):
        for name, quoted in (*_ASSIGNED.findall(row), *_OPTION.findall(row)):
            value = quoted.strip("\"'")
            if not _TAKEN.search(value) and is_secret(name.rpartition(".")[2], value):
                yield name, number
        for value in _BEARER.findall(row):
            if not _TAKEN.search(value) and is_secret("TOKEN", value):
                yield "Authorization", number


# judging


def judge_searched(seen: Searched) -> Verdict:
    """M5-SEC-02: no live secret in one of the places."""
    if seen.nothing:
        return not_applicable(seen.nothing)
    faults = [_fault(each, seen.what) for each in seen.found]
    unknown = [f"{seen.what}: {seen.trouble}"] if seen.trouble else []
    told = [Evidence(f"{seen.what}: {seen.texts} texts, {len(seen.found)} live secrets")]
    return judge(seen.texts, "texts", faults, unknown=unknown, evidence=told)


def _fault(each: Found, what: str) -> Fault:
    mend = "Revoke it, and take it out"
    subject = f"{what} / commit {each.commit[:12]}" if each.commit else what
    found = f"what looks like: {each.kind} (fingerprint {each.fingerprint})"
    return Fault(subject, found, "no credential", mend, each.place)


def judge_commands(seen: Credentials) -> Verdict:
    """M5-SEC-02: no documented command puts a key on the command line, where shells and Helm keep it."""
    if not (seen.blocks or seen.promised):
        return not_applicable("no document of the repository shows a command")
    wanted = "one from an existing Secret or the environment"
    mend = "Show how to make the Secret beforehand, or take the value from a variable"
    faults = [Fault(each.name, "a literal value in a command", wanted, mend, each.place) for each in seen.literals]
    told = [Evidence(f"{seen.blocks} blocks and lines of commands in documents")]
    return judge(seen.blocks, "commands", faults, evidence=told)
