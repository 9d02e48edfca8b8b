"""Dockerfiles and their build contexts, as far as text and file names tell: nothing is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from seatrial.check.rule import Rule
from seatrial.checks.contexts import SENTINELS, Context, leaked
from seatrial.discovery.dockerfiles import FoundDockerfile, copied, covers
from seatrial.discovery.patterns import DockerIgnore
from seatrial.discovery.tree import Tree, text_of
from seatrial.errors import Place
from seatrial.images.content import SECRETS
from seatrial.images.dockerfile import Dockerfile, Instruction, Stage
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.imagenames import parse_image
from seatrial.wiring.recipes import recipe, told_ports
from seatrial.wiring.rule import either

PARSE = Rule(
    "D-PARSE",
    Group.BREAKS,
    "A Dockerfile can be read",
    "It begins with FROM, and every instruction is one that BuildKit knows.",
    "The image cannot be built.",
    "RUN apt-get update\nFROM debian:12",
    "Mend the Dockerfile.",
    "M1-IMG-01",
)
COPY_MISSING = Rule(
    "D-COPY-MISSING",
    Group.BREAKS,
    "What a Dockerfile copies is in its build context",
    "A path that is relative to another folder than the context, or that only lies on its author's machine.",
    "The image cannot be built from a fresh clone.",
    "COPY ../shared ./shared",
    "Correct the path, or name the folder above as context and write paths from there.",
    "M1-IMG-01",
)
COPY_IGNORED = Rule(
    "D-COPY-IGNORED",
    Group.BREAKS,
    "The ignore file leaves in the context what the Dockerfile copies",
    "An entry of .dockerignore that takes more than was meant.",
    "The image cannot be built: the file is not found.",
    "# .dockerignore has *.json\nCOPY package.json ./",
    "Add a line with ! and the path to the ignore file.",
    "M1-IMG-01",
)
COPY_BUILT = Rule(
    "D-COPY-BUILT",
    Group.HYGIENE,
    "The image is built from sources alone",
    "What the Dockerfile copies is made by a step before docker build, which nothing here shows.",
    "Without that step the build fails, or ships what an earlier one left behind.",
    "COPY target/app.jar /app.jar",
    "Build it in a stage of the Dockerfile.",
)
LOCK = Rule(
    "D-LOCK",
    Group.BREAKS,
    "An install that keeps to a lock file finds it",
    "npm ci, yarn --immutable, pnpm --frozen-lockfile and uv sync --frozen refuse to run without the lock file.",
    "The image cannot be built.",
    "COPY package.json ./\nRUN npm ci",
    "Commit the lock file and copy it before the install.",
    "M1-IMG-01",
)
SECRET_FILE = Rule(
    "D-SECRET-FILE",
    Group.WILL_BREAK,
    "No file with secrets is copied into the image",
    "COPY . takes whatever lies in the context and is not ignored, an .env of the developer's included.",
    "Whoever can pull the image can read the secret.",
    "COPY .env ./",
    "Ignore it in .dockerignore, give it at run time from a Secret, and change the secret: it is in every image built so far.",
    "M1-IMG-05",
)
SECRET_VALUE = Rule(
    "D-SECRET-VALUE",
    Group.WILL_BREAK,
    "No secret is written into a Dockerfile",
    "ENV and ARG are kept in the image's history, whether a later layer changes them or not.",
    "Whoever can pull the image, or read the repository, has the secret.",
    "ENV DATABASE_PASSWORD=hunter2hunter2",
    "Give it at run time from a Secret, at build time as a build secret (RUN --mount=type=secret), and change it.",
    "M1-IMG-05",
)
SECRET_ARG = Rule(
    "D-SECRET-ARG",
    Group.HYGIENE,
    "No secret is given as build argument",
    "Build arguments are kept in the image's history.",
    "Whoever can pull the image can read what was given.",
    "ARG NPM_TOKEN",
    "Give it as a build secret: RUN --mount=type=secret,id=npm_token.",
    "M1-IMG-05",
)
CONTEXT = Rule(
    "D-CONTEXT",
    Group.HYGIENE,
    "The ignore file keeps out of the image what belongs on no server",
    "COPY . takes local settings, keys, version history and packages that were installed for another machine.",
    "The image is larger than it needs to be, and one day ships a secret or packages of the wrong platform.",
    "# no .dockerignore\nCOPY . .",
    "Write a .dockerignore: best first *, then ! before each thing that the build reads.",
    "M1-DF-03",
)
ROOT = Rule(
    "D-ROOT",
    Group.HYGIENE,
    "The program does not run as root",
    "Without USER the base's user is kept, which nearly always is root.",
    "Whoever breaks into the program is root in the container; clusters that ask for runAsNonRoot refuse the pod.",
    'FROM python:3.13-slim\nCMD ["python", "app.py"]',
    "Add `USER 1001` to the last stage; a number, so that Kubernetes can see that it is not root.",
    "M1-IMG-04",
)
EXPOSE = Rule(
    "D-EXPOSE",
    Group.HYGIENE,
    "EXPOSE names the port that the program takes",
    "EXPOSE opens nothing: it only says where the program listens. The command or PORT decides, and one was changed without the "
    "other.",
    "Whoever goes by EXPOSE (docker run -P, a proxy, who writes the chart) asks where nobody listens.",
    'EXPOSE 3000\nCMD ["uvicorn", "app:app", "--port", "8000"]',
    "Make EXPOSE and the program's port one number.",
    "M1-PORT-01",
)
HEALTHCHECK = Rule(
    "D-HEALTHCHECK",
    Group.HYGIENE,
    "The image says how its health is told",
    "Docker and compose know nothing of the program's health otherwise. Kubernetes has probes of its own and does not need it.",
    "docker compose starts what depends on it before it is ready.",
    'FROM node:22-alpine\nCMD ["node", "server.js"]',
    "Add a HEALTHCHECK that asks the program itself.",
    "M1-DF-05",
)
TAG = Rule(
    "D-TAG",
    Group.HYGIENE,
    "Base images have a tag that names a version",
    "No tag, or latest, is whatever is newest on the day of the build.",
    "The same commit gives another image tomorrow, and one day a build that fails.",
    "FROM node",
    "Name a version, best with its digest.",
)
LINE_ENDS = Rule(
    "D-LINE-ENDS",
    Group.BREAKS,
    "Scripts in the image have Unix line ends and no byte order mark",
    "An editor or git on Windows ends lines with CR LF; the kernel then looks for an interpreter called sh\\r.",
    "The container does not start: no such file or directory, or exec format error.",
    "#!/bin/sh<CR><LF>",
    "Save it with LF, and add `*.sh text eol=lf` to .gitattributes.",
)
EXECUTABLE = Rule(
    "D-EXECUTABLE",
    Group.BREAKS,
    "What a container starts may be executed",
    "A script that was committed without its executable bit, as git on Windows does.",
    "The container does not start: permission denied.",
    'COPY entrypoint.sh /\nENTRYPOINT ["/entrypoint.sh"]   # mode 644',
    "Run `git update-index --chmod=+x` on it, or COPY --chmod=755.",
)
RULES = (
    PARSE, COPY_MISSING, COPY_IGNORED, COPY_BUILT, LOCK, SECRET_FILE, SECRET_VALUE, SECRET_ARG, CONTEXT, ROOT, EXPOSE,
    HEALTHCHECK, TAG, LINE_ENDS, EXECUTABLE,
)  # fmt: skip

_OUTPUT = frozenset({"dist", "build", "target", "out", "bin", "publish", "release", ".output", "artifacts", "public/build"})
"""Folders that builds write to."""
_YARN_1 = "Yarn 1 installs whatever is newest on the day of the build; newer ones refuse."
_LOCKS: tuple[tuple[re.Pattern[str], tuple[str, ...], str], ...] = (
    (re.compile(r"\bnpm ci\b"), ("package-lock.json", "npm-shrinkwrap.json"), ""),
    (re.compile(r"\byarn\b[^&|;]*--immutable\b"), ("yarn.lock",), ""),
    (re.compile(r"\byarn\b[^&|;]*--frozen-lockfile\b"), ("yarn.lock",), _YARN_1),
    (re.compile(r"\bpnpm\b[^&|;]*--frozen-lockfile\b"), ("pnpm-lock.yaml",), ""),
    (re.compile(r"\buv sync\b[^&|;]*--(?:frozen|locked)\b"), ("uv.lock",), ""),
)
"""Command, its lock files, and what it does without one where it does not refuse."""
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|SECRET_?KEY)$", re.IGNORECASE
)
_NO_SECRET = re.compile(
    r"|true|false|yes|no|on|off|none|null|\d{1,5}|/.*|.*\$.*|(?i:dummy|placeholder|unused|build|test|fake|example|x+|\*+).*|<.*>",
    re.DOTALL,
)
"""Values under such a name that give nothing away."""
_SAMPLE = re.compile(r".*(?:example|sample|template|dist|defaults?|schema)$", re.IGNORECASE)
_ENV_FILE = re.compile(r"\.env(?:\..+)?|.+\.env")
_KEY_FILE = re.compile(r".+\.(?:pem|key|p12|pfx|jks)|id_(?:rsa|ed25519|ecdsa)|\.npmrc|\.netrc|credentials\.json")
_SETTING = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=\s*[\"']?([^\"'\n#]*)", re.MULTILINE)
_NON_ROOT_BASE = re.compile(r"nonroot|non-root|unprivileged|rootless|bitnami/")
_SERVER = re.compile(
    r"(?:^|[\s/])(?:uvicorn|gunicorn|hypercorn|granian|daphne|waitress-serve|flask|fastapi|streamlit|python3?|node|npm|npx|yarn|pnpm|"
    r"next|nuxt|vite|serve|http-server|ng|php|rails|puma|bundle|java)(?=\s|$)"
)
"""Programs whose port an option of their command says."""
_IN_FRONT = re.compile(r"nginx|apache2|[-:]apache|httpd|caddy|haproxy|traefik|envoy|supervisor|s6-|runit|\bpm2\b", re.IGNORECASE)
"""What may listen beside the program, at the port that EXPOSE names, or start several."""
_SCRIPT = re.compile(r".+\.(?:sh|bash)|[\w-]*entry-?point[\w-]*", re.IGNORECASE)


@dataclass(frozen=True)
class Kitchen:
    """A Dockerfile and what its build is given.

    Attributes:
        found: the Dockerfile.
        file: parsed.
        tree: of the repository.
        ignore: what of the context stays outside.
    """

    found: FoundDockerfile
    file: Dockerfile
    tree: Tree
    ignore: DockerIgnore

    @property
    def subject(self) -> str:
        return f"Dockerfile {self.tree.name(self.found.path)}"

    @property
    def where(self) -> str:
        """The context, for messages."""
        name = self.tree.name(self.found.context)
        return "the context (the repository itself)" if name == "." else f"the context {name}"

    @cached_property
    def given(self) -> tuple[str, ...]:
        """Files that the build is given, relative to the context."""
        start = self.tree.name(self.found.context)
        prefix = "" if start == "." else f"{start}/"
        inside = (name[len(prefix) :] for name in self.tree.names if name.startswith(prefix))
        return tuple(name for name in inside if not self.ignore.ignores(name))

    def at(self, instruction: Instruction | None) -> Place:
        return Place(self.found.path, instruction.line if instruction else 1)

    def takes(self, instruction: Instruction, name: str) -> bool:
        """Whether a COPY or ADD takes a file of the context."""
        return any(covers(source, name) for source in copied(instruction, self.file.args))


def judge_dockerfile(found: FoundDockerfile, tree: Tree) -> Iterator[Finding]:
    """Everything that text and file names tell of one Dockerfile."""
    if found.parsed is None:
        assert found.trouble is not None
        place = found.trouble.place or Place(found.path, 1)
        yield PARSE.at(place, f"Dockerfile {tree.name(found.path)}", found.trouble.message, mend=found.trouble.todo)
        return
    kitchen = Kitchen(found, found.parsed, tree, found.ignored())
    for judge in (_copies, _locks, _secret_files, _secret_values, _context, _user, _expose, _health, _tags, _line_ends, _start):
        yield from judge(kitchen)


def _copies(kitchen: Kitchen) -> Iterator[Finding]:
    """Sources that are not there, or are ignored."""
    context = kitchen.found.context
    for stage in kitchen.file.stages:
        for each in stage.all("COPY") + stage.all("ADD"):
            yield from _all_ignored(kitchen, each)
            for source in copied(each, kitchen.file.args):
                if source == "." or set(source) & set("*?[$"):
                    continue
                place, where = kitchen.at(each), kitchen.where
                if ".." in PurePosixPath(source).parts:
                    yield COPY_MISSING.at(place, kitchen.subject, f"it copies {source}, which lies outside of {where}")
                elif not (context / source).exists():
                    yield _missing(kitchen, place, source, where)
                elif not _reaches(kitchen, source):
                    ignore = kitchen.tree.name(kitchen.found.ignore or context)
                    mend = "Take the line out, and give it at run time from a Secret." if _is_secret_name(source) else ""
                    what = f"it copies {source}, which {ignore} keeps out of the context"
                    yield COPY_IGNORED.at(place, kitchen.subject, what, mend=mend)


def _all_ignored(kitchen: Kitchen, instruction: Instruction) -> Iterator[Finding]:
    """Patterns that take nothing, because the ignore file keeps out every file that they are for."""
    sources = copied(instruction, kitchen.file.args)
    if not all(set(source) & set("*?[") and not set(source) & set("$") for source in sources):
        return  # with a plain source beside it, a pattern may be there for what is optional
    start = kitchen.tree.name(kitchen.found.context)
    prefix = "" if start == "." else f"{start}/"
    inside = [name[len(prefix) :] for name in kitchen.tree.own if name.startswith(prefix)]
    wanted = [name for name in inside if kitchen.takes(instruction, name) and not _is_secret_name(name)]
    if wanted and all(kitchen.ignore.ignores(name) for name in wanted):
        ignore = kitchen.tree.name(kitchen.found.ignore or kitchen.found.context)
        what = f"it copies {' and '.join(sources)}, of which {ignore} leaves nothing in the context: not {wanted[0]}, for one"
        lacking = "The build stops there, or at the first step that needs what was to be copied."
        yield COPY_IGNORED.at(kitchen.at(instruction), kitchen.subject, what, consequence=lacking)


def _missing(kitchen: Kitchen, place: Place, source: str, where: str) -> Finding:
    """A source that is not there: made by a build before, as far as its name tells, or plainly missing."""
    built = (
        PurePosixPath(source).parts[0] in _OUTPUT or PurePosixPath(source).suffix in (".jar", ".war") or _is_made(kitchen, source)
    )
    guessed = "" if kitchen.found.told_by else "; no folder above it has it either"
    rule = COPY_BUILT if built else COPY_MISSING
    return rule.at(place, kitchen.subject, f"it copies {source}, which is not in {where}{guessed}")


def _is_made(kitchen: Kitchen, source: str) -> bool:
    """Whether something else brings a source: a Makefile, another repository that is cloned there, a submodule, a script."""
    context = kitchen.found.context
    if re.search(rf"^{re.escape(source)}\s*:", text_of(context / "Makefile") or "", re.MULTILINE):
        return True
    first = re.escape(PurePosixPath(source).parts[0])
    told = [text_of(path) or "" for path in (*sorted(context.glob("*.md")), *sorted(context.glob("*.sh")))]
    if any(re.search(rf"\bgit clone\b.*[/:]{first}(?:\.git)?\s*$", text, re.MULTILINE) for text in told):
        return True
    ignored = {line.strip().lstrip("/") for line in (text_of(context / ".gitignore") or "").splitlines()}
    if source in ignored and any(_writes(line, source) for text in told for line in text.splitlines()):
        return True
    wanted = context / source
    modules = re.findall(r"^\s*path\s*=\s*(\S+)\s*$", text_of(kitchen.tree.root / ".gitmodules") or "", re.MULTILINE)
    homes = [kitchen.tree.root / path for path in modules]
    return any(home.is_relative_to(wanted) or wanted.is_relative_to(home) for home in homes)


def _writes(line: str, name: str) -> bool:
    """Whether a command writes a file: ``gcloud iam service-accounts keys create ./key.json``, ``cp .env.example .env``."""
    by = r"(?:\b(?:create|tee|touch|keygen)\b|\b(?:cp|mv)\s+\S+|>|\s-{1,2}o(?:ut\w*)?\b)"
    return name in line and re.search(rf"{by}.*[\s=/]{re.escape(name)}(?![\w.-])", line[:500]) is not None


def _reaches(kitchen: Kitchen, source: str) -> bool:
    """Whether anything of a source gets into the build: a folder may be ignored but for some of what it holds."""
    if not kitchen.ignore.ignores(source):
        return True
    return any(covers(source, name) for name in kitchen.given)


def _locks(kitchen: Kitchen) -> Iterator[Finding]:
    """Installs that need a lock file which is not there, is ignored, or is not copied before."""
    stages: dict[str | None, Stage] = {stage.name: stage for stage in kitchen.file.stages if stage.name}
    for stage in kitchen.file.stages:
        for run in stage.all("RUN"):
            for command, names, instead in _LOCKS:
                if command.search(run.value) and (why := _without_lock(kitchen, _before(stage, run, stages), run, names)):
                    group = Group.HYGIENE if instead else None
                    yield LOCK.at(kitchen.at(run), kitchen.subject, why, consequence=instead, group=group)


def _before(stage: Stage, run: Instruction, stages: dict[str | None, Stage]) -> list[Instruction]:
    """What was copied before an instruction, in its stage and those that it starts from."""
    found = [each for each in stage.all("COPY") + stage.all("ADD") if each.line < run.line]
    seen = {stage.name}
    while stage.base in stages and stage.base not in seen:
        stage = stages[stage.base]
        seen.add(stage.name)
        found += stage.all("COPY") + stage.all("ADD")
    return found


def _without_lock(kitchen: Kitchen, copies: Sequence[Instruction], run: Instruction, names: tuple[str, ...]) -> str:
    """Why an install finds no lock file; empty where it finds one, or nobody can tell."""
    mounted = any(name in value for _, value in run.flags for name in names)
    if mounted or any(flag == "from" for each in copies for flag, _ in each.flags):
        return ""
    locks = [name for name in kitchen.given if PurePosixPath(name).name in names]
    if any(kitchen.takes(each, name) for each in copies for name in locks):
        return ""
    lacking = f"its install needs {' or '.join(names)}"
    if locks:
        return f"{lacking}, which is not copied before it"
    ignored = any((kitchen.found.context / name).is_file() for name in names)
    return f"{lacking}, which {'the ignore file keeps out of' if ignored else 'is not in'} the context"


# secrets


def _secret_files(kitchen: Kitchen) -> Iterator[Finding]:
    """Files with secrets that the image's own stages copy."""
    for stage in kitchen.file.ancestry():
        for each in stage.all("COPY") + stage.all("ADD"):
            named = [source for source in copied(each, kitchen.file.args) if _is_secret_name(source)]
            taken = [name for name in kitchen.given if _is_secret_name(name) and kitchen.takes(each, name)]
            telling = [name for name in taken if _tells(kitchen.found.context / name)]
            missing = [name for name in named if name not in taken and not kitchen.ignore.ignores(name)]
            for name in dict.fromkeys([*missing, *telling]):
                yield SECRET_FILE.at(kitchen.at(each), kitchen.subject, f"it copies {name} into the image")


def _is_secret_name(name: str) -> bool:
    last = PurePosixPath(name).name
    return bool(_ENV_FILE.fullmatch(last) or _KEY_FILE.fullmatch(last)) and not _SAMPLE.fullmatch(last)


def _tells(path: Path) -> bool:
    """Whether a file holds a secret: a private key, a token, or a setting that is named like one and has a value."""
    text = text_of(path)
    if text is None:
        return path.suffix in (".p12", ".pfx", ".jks")
    if any(pattern.search(text.encode()) for pattern in SECRETS.values()):
        return True
    return any(_is_secret(name, value.strip()) for name, value in _SETTING.findall(text))


def _is_secret(name: str, value: str) -> bool:
    if name.startswith(("NEXT_PUBLIC_", "VITE_", "REACT_APP_")):
        return False
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET.fullmatch(value)


def _secret_values(kitchen: Kitchen) -> Iterator[Finding]:
    """Secrets in ENV and ARG."""
    found = recipe(kitchen.file)
    for name, setting in [*found.environment.items(), *found.arguments.items()]:
        if _is_secret(name, setting.value) or any(pattern.search(setting.value.encode()) for pattern in SECRETS.values()):
            shipped = None if name in found.environment else Group.HYGIENE
            yield SECRET_VALUE.at(setting.place, kitchen.subject, f"it gives {name} a value", group=shipped)
    for stage in kitchen.file.stages:
        for each in stage.all("ARG"):
            name = each.value.partition("=")[0].strip()
            if "=" not in each.value and _SECRET_NAME.search(name):
                yield SECRET_ARG.at(kitchen.at(each), kitchen.subject, f"the build argument {name} is a secret by its name")


# the context


def _context(kitchen: Kitchen) -> Iterator[Finding]:
    """What COPY . would take along."""
    whole = [each for stage in kitchen.file.stages for each in stage.all("COPY") if "." in copied(each, kitchen.file.args)]
    if not whole:
        return
    names = frozenset(PurePosixPath(name).name for name in kitchen.given)
    planted = tuple(name for name in SENTINELS if _matters(name, names))
    sent = {name: 0 for name in planted if not kitchen.ignore.ignores(name)}
    lines = leaked(Context("", kitchen.found.context, kitchen.found.ignore, planted, sent, 0))
    if lines:
        lacks = f"{kitchen.found.ignore.name} lets it" if kitchen.found.ignore else "without a .dockerignore it may"
        what = f"it copies its whole context, and {lacks} take along {', '.join(lines)}"
        yield CONTEXT.at(kitchen.at(whole[0]), kitchen.subject, what)


def _matters(sentinel: str, names: frozenset[str]) -> bool:
    """Whether such a file may come to lie in a context that holds files of these names."""
    first = sentinel.partition("/")[0]
    if first in ("node_modules", ".next"):
        return "package.json" in names
    if first == "__pycache__":
        return any(name.endswith(".py") for name in names)
    return first in (".git", ".env", ".env.production") or first.endswith((".key", ".pem"))


# what runs


def _user(kitchen: Kitchen) -> Iterator[Finding]:
    found = recipe(kitchen.file)
    if found.user in ("0", "root"):
        user = next((each for each in reversed(kitchen.file.stages[-1].all("USER"))), None)
        yield ROOT.at(kitchen.at(user), kitchen.subject, "its last stage runs as root")
    elif not found.user and not _NON_ROOT_BASE.search(found.base):
        last = kitchen.file.stages[-1]
        yield ROOT.at(Place(kitchen.found.path, last.line), kitchen.subject, "its last stage has no USER")


def _expose(kitchen: Kitchen) -> Iterator[Finding]:
    """EXPOSE beside the port that the program is told, where the file alone is sure of both."""
    shipped = [each for stage in kitchen.file.ancestry() for each in stage.instructions]
    lines = [each for each in shipped if each.keyword == "EXPOSE"]
    found = recipe(kitchen.file)
    plain = all(word.partition("/")[0].isdigit() or word == "$PORT" for each in lines for word in each.value.split())
    runs = (each.value for each in shipped if each.keyword in ("RUN", "COPY", "ADD", "ENTRYPOINT", "CMD"))
    if not lines or not plain or not found.exposed or _IN_FRONT.search(" ".join([found.base, *runs])):
        return
    lasting = re.split(r"&&|;|\|\|", found.command)[-1]
    if re.search(r"[&|]", lasting):
        return  # several programs
    told = told_ports(lasting) if _SERVER.search(lasting) else frozenset()
    said = told or (frozenset() if told_ports(found.command) else found.listens)
    if said and not said & found.exposed:
        ports, exposed = (either(str(each) for each in sorted(numbers)) for numbers in (said, found.exposed))
        who = "its command" if told else "PORT"
        yield EXPOSE.at(kitchen.at(lines[0]), kitchen.subject, f"EXPOSE says {exposed}, but {who} says {ports}")


def _health(kitchen: Kitchen) -> Iterator[Finding]:
    last = kitchen.file.stages[-1]
    shipped = [each.keyword for stage in kitchen.file.ancestry() for each in stage.instructions]
    if "HEALTHCHECK" not in shipped and {"CMD", "ENTRYPOINT"} & set(shipped):
        yield HEALTHCHECK.at(Place(kitchen.found.path, last.line), kitchen.subject, "it has no HEALTHCHECK")


def _tags(kitchen: Kitchen) -> Iterator[Finding]:
    for base, line in kitchen.file.bases().items():
        image = parse_image(base)
        if base and "$" not in base and not image.digest and image.tag in ("", "latest"):
            yield TAG.at(Place(kitchen.found.path, line), kitchen.subject, f"the base {base} has no tag that names a version")


def _line_ends(kitchen: Kitchen) -> Iterator[Finding]:
    """Scripts that Windows has been at, and the Dockerfile itself."""
    copies = [each for stage in kitchen.file.stages for each in stage.all("COPY") + stage.all("ADD")]
    for name in kitchen.given:
        if _SCRIPT.fullmatch(PurePosixPath(name).name) and any(kitchen.takes(each, name) for each in copies):
            path = kitchen.found.context / name
            head = _head(path)
            subject = f"script {kitchen.tree.name(path)}"
            if head.startswith(b"\xef\xbb\xbf"):
                yield LINE_ENDS.at(Place(path, 1), subject, "it begins with a byte order mark")
            elif head.startswith(b"#!") and head.partition(b"\n")[0].endswith(b"\r"):
                yield LINE_ENDS.at(Place(path, 1), subject, "its lines end with CR LF")
    head = _head(kitchen.found.path)
    marked = "a byte order mark" if head.startswith(b"\xef\xbb\xbf") else "lines that end with CR LF" if b"\r\n" in head else ""
    if marked:
        yield LINE_ENDS.at(
            Place(kitchen.found.path, 1),
            kitchen.subject,
            f"it has {marked}",
            consequence="BuildKit reads it all the same; here-documents and older builders do not.",
            mend="Save it as UTF-8 with LF.",
            group=Group.HYGIENE,
        )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(4096)
    except OSError:
        return b""


def _start(kitchen: Kitchen) -> Iterator[Finding]:
    """A script that the container starts and that may not be executed."""
    shipped = [each for stage in reversed(kitchen.file.ancestry()) for each in stage.instructions]
    started = [each for each in shipped if each.keyword in ("ENTRYPOINT", "CMD") and each.exec_form]
    entries = [each for each in started if each.keyword == "ENTRYPOINT"]
    started = entries or started  # beside an entry point, CMD is what it is given
    changed = " ".join(
        each.value for each in shipped if each.keyword == "RUN" and ("chmod" in each.value or "install" in each.value)
    )
    for each in started:
        program = PurePosixPath((each.exec_form or [""])[0])
        names = [name for name in kitchen.given if PurePosixPath(name).name == program.name and "/" in str(program)]
        copies = [copy for copy in shipped if len(names) == 1 and kitchen.takes(copy, names[0])]
        plain = [copy for copy in copies if not any(flag == "chmod" for flag, _ in copy.flags)]
        path = kitchen.found.context / names[0] if names else None
        if path and plain and program.name not in changed and "chmod -R" not in changed and not path.stat().st_mode & 0o111:
            yield EXECUTABLE.at(kitchen.at(each), kitchen.subject, f"it starts {names[0]}, whose file is not executable")
