"""Pages in the build context of an image: what their scripts call on the machine that they are looked at on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.discovery.dockerfiles import FoundDockerfile, copied, covers
from seatrial.discovery.patterns import MAX_PAGE_BYTES, PACKAGE, PAGE_FILE
from seatrial.discovery.scripts import LOOPBACK, Script, calls, reads
from seatrial.discovery.tree import Tree, text_of
from seatrial.errors import Place
from seatrial.images.dockerfile import Dockerfile

MAX_PAGES = 800
"""How many scripts of one build context are read."""
_MARKUP = (".vue", ".svelte", ".html", ".htm", ".ejs")
_PAGES = frozenset({".html", ".htm", ".ejs"})
_FRAMEWORKS = frozenset(
    {
        "react-dom", "react-scripts", "vue", "svelte", "@angular/core", "preact", "solid-js", "next", "nuxt", "jquery", "vite",
        "parcel", "gatsby", "ember-source", "lit", "alpinejs", "@sveltejs/kit", "@remix-run/react", "astro", "webpack-dev-server",
    }
)  # fmt: skip
_SERVED = frozenset({"next", "nuxt", "@sveltejs/kit", "@remix-run/react", "astro"})
"""Frameworks whose scripts run on the server as well."""
_NO_PAGES = frozenset({"electron", "react-native", "expo", "@ionic/react-native"})
_ASIDE = re.compile(
    r"(?:^|/)(?:__tests__|__mocks__|tests?|specs?|e2e|cypress|playwright|mocks?|stories|\.storybook|docs?|examples?|scripts|server|"
    r"coverage|pages/api|environments?/environment\.(?:dev|development|local|test)\b[^/]*)(?:/|$)|"
    r"\.(?:test|spec|stories|story|config|conf|server|min|d)\.|(?:^|/)(?:setup|server|gulpfile|gruntfile|webpack|vite|karma|jest|"
    r"service-?worker|middleware|proxy|instrumentation|hooks\.server|route)[\w.-]*\.[jt]sx?$",
    re.IGNORECASE,
)
"""Tests, settings of tools, stories, and what only a server or a developer runs."""
_SERVER = re.compile(
    r"\.listen\(|\bcreateServer\b|^\s*['\"]use server['\"]|\bgetServerSideProps\b|\bgetStaticProps\b|#!/|"
    r"(?:require\(\s*|\bfrom\s+)['\"](?:node:\w+|express|fastify|koa|hapi|http|https|fs|net|os|child_process|mongoose|pg|mysql2?|"
    r"body-parser|cors|dotenv|next/server|next/headers|server-only)['\"]",
    re.MULTILINE,
)
_BROWSER = re.compile(
    r"['\"]use client['\"]|\buse(?:Effect|State|Ref|SWR|Query|Mutation)\b|\bonClick\b|\bonSubmit\b|addEventListener|\bonMounted\b"
)
_ENTRIES = re.compile(
    r"(?:^|/)(?:pages|app|routes|views|layouts|plugins|composables|stores?|middleware)/|(?:^|/)(?:index|main|app|_app)\.\w+$",
    re.IGNORECASE,
)
"""Scripts that nothing needs to import."""
_PUBLIC = re.compile(r"(?:NEXT_PUBLIC|VITE|REACT_APP|VUE_APP|NUXT_PUBLIC|GATSBY|PUBLIC)_\w+")
_ENV_LINE = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_BUILT_ENV = (".env.production.local", ".env.local", ".env.production", ".env")
"""Files that bundlers read when they build, those that win first."""
_PIPELINES = re.compile(
    r"\.github/workflows/.+|(?:.*/)?(?:Jenkinsfile[\w.-]*|\.gitlab-ci\.yml|azure-pipelines[\w.-]*|cloudbuild[\w.-]*|buildspec[\w.-]*|"
    r"Makefile|Taskfile\.ya?ml|justfile|skaffold\.ya?ml|Tiltfile|bitbucket-pipelines\.yml|(?:docker-)?compose[\w.-]*\.ya?ml|[\w.-]+\.(?:sh|ps1|bat))"
)
"""What builds images, or changes files before or after."""
_BUILDS = re.compile(r"\b(?:build|generate|export|start|serve|dev|vite|ng|next|nuxt|parcel|webpack|react-scripts)\b")
"""What makes pages of scripts, or serves them as they are being developed."""
_RUNS = ("RUN", "CMD", "ENTRYPOINT")
_ANGULAR = "angular.json"
_PRODUCTION = re.compile(r"--prod\b|\bproduction\b")
_CHANGES = re.compile(r"\b(?:sed|envsubst|perl|awk|replace)\b")


@dataclass(frozen=True)
class PageCall:
    """A call that pages of an image make to the machine that they are looked at on.

    Attributes:
        address: scheme, host and port.
        place: where the address is written.
        variables: of the build, none of which is set as far as files tell: the address is what is taken instead.
        setting: the variable that is set to the address, where it does not stand in the pages themselves.
        default: whoever builds the image may give another one.
    """

    address: str
    place: Place
    variables: tuple[str, ...] = ()
    setting: str = ""
    default: bool = False


def page_calls(found: FoundDockerfile, tree: Tree) -> tuple[PageCall, ...]:
    """What the pages that a Dockerfile copies call on the machine that they are looked at on."""
    if found.parsed is None or not found.context.is_relative_to(tree.root):
        return ()
    context = _Context(found, found.parsed, tree)
    return tuple(_written(context)) + tuple(_set(context))


class _Context:
    """What a build is given, as far as pages are concerned."""

    def __init__(self, found: FoundDockerfile, file: Dockerfile, tree: Tree) -> None:
        self.folder = found.context
        self.file = file
        self.tree = tree
        start = tree.name(found.context)
        prefix = "" if start == "." else f"{start}/"
        ignore = found.ignored()
        self.instructions = tuple(each for stage in file.stages for each in stage.instructions)
        sources = {source for each in self.instructions for source in copied(each, file.args)}
        inside = (name[len(prefix) :] for name in tree.own if name.startswith(prefix))
        self.names = tuple(
            name
            for name in inside
            if _matters(name) and any(covers(source, name) for source in sources) and not ignore.ignores(name)
        )
        self.packages = {str(PurePosixPath(name).parent): self._package(name) for name in self.names if name.endswith(PACKAGE)}
        self.told = "\n".join(each.value for each in self.instructions)
        self.replaced = frozenset(self._replaced())
        self.builds = any(_BUILDS.search(each.value) for each in self.instructions if each.keyword in _RUNS)
        self.pages = self._pages()

    def _package(self, name: str) -> frozenset[str]:
        """Names of what a package needs."""
        try:
            data = json.loads(text_of(self.folder / name) or "")
            return frozenset({*data.get("dependencies", {}), *data.get("devDependencies", {})})
        except (ValueError, AttributeError, TypeError):
            return frozenset()

    def needs(self, name: str) -> frozenset[str]:
        """What the package of a script needs."""
        above = [str(parent) for parent in PurePosixPath(name).parents]
        return next((self.packages[folder] for folder in above if folder in self.packages), frozenset())

    def _pages(self) -> dict[str, str]:
        """Scripts of pages, by name; nothing where none of them names the machine itself, or a variable of the build."""
        scripts = (name for name in self.names if PAGE_FILE.fullmatch(name) and not _ASIDE.search(name))
        names = [name for name in scripts if name not in self.replaced][:MAX_PAGES]
        texts = {name: _page_text(self.folder / name) for name in names}
        named = {PurePosixPath(source).name for name in names if _is_page(name) for source in _sources(texts[name])}
        return {
            name: text
            for name, text in texts.items()
            if text and not _SERVER.search(text) and (_is_page(name) or self._is_of_page(name, named))
        }

    def _is_of_page(self, name: str, named: set[str]) -> bool:
        needs = self.needs(name)
        built = self.builds and bool(needs & _FRAMEWORKS) and not needs & _NO_PAGES
        return built or PurePosixPath(name).name in named

    def _replaced(self) -> Iterator[str]:
        """Scripts in whose place Angular builds others for production: ``environment.ts``, mostly."""
        start = self.tree.name(self.folder)
        for name in self.tree.own:
            path = PurePosixPath(name)
            if path.name != _ANGULAR or not (start == "." or path.is_relative_to(start)):
                continue
            inside = path.parent.relative_to("." if start == "." else start)
            package = text_of(self.tree.root / path.parent / PACKAGE) or ""
            for build in _angular_builds(text_of(self.tree.root / name) or ""):
                meant = build.get("defaultConfiguration") == "production" or _PRODUCTION.search(f"{self.told}\n{package}")
                files = _map(build, "configurations", "production").get("fileReplacements") if meant else ()
                for each in files if isinstance(files, list) else ():
                    yield str(inside / str(_map(each).get("replace") or _map(each).get("src") or "-"))

    def is_browsers(self, name: str) -> bool:
        """Whether browsers run a script, as far as it tells, where its framework also runs scripts on the server."""
        if not self.needs(name) & _SERVED:
            return True
        return any(_BROWSER.search(text) for text in (self.pages[name], *self._importers(name)))

    def is_used(self, name: str) -> bool:
        """Whether anything imports a script, or its place is one that is taken by itself."""
        if _is_page(name) or _ENTRIES.search(name):
            return True
        return any(True for _ in self._importers(name))

    def _importers(self, name: str) -> Iterator[str]:
        """The pages that name a script, as text; for an index its folder counts."""
        path = PurePosixPath(name)
        wanted = re.compile(rf"['\"/]{re.escape(path.parent.name if path.stem == 'index' else path.stem)}(?:\.\w+)?['\"?]")
        return (text for other, text in self.pages.items() if other != name and wanted.search(text))

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """The pages as scripts, in their order."""
        return tuple(Script(text, page=name.endswith(_MARKUP)) for name, text in self.pages.items())

    @cached_property
    def settings(self) -> Mapping[str, tuple[str, Place]]:
        """Variables that files in the context set when pages are built."""
        found: dict[str, tuple[str, Place]] = {}
        for last in reversed(_BUILT_ENV):
            for name in self.names:
                if PurePosixPath(name).name == last:
                    text = text_of(self.folder / name) or ""
                    for match in _ENV_LINE.finditer(text):
                        found[match[1]] = (match[2], Place(self.folder / name, text.count("\n", 0, match.start(1)) + 1))
        return found

    def sets(self, variable: str) -> bool:
        """Whether the Dockerfile, or anything that builds images, speaks of a variable."""
        return _speaks_of(self.told, variable) or self.pipelines_set(variable)

    def pipelines_set(self, variable: str) -> bool:
        """Whether anything that builds images speaks of a variable."""
        return any(_speaks_of(text, variable) for text in self._pipelines)

    def changes(self, address: str) -> bool:
        """Whether something puts another address in the place of one: ``sed -i s,http://localhost:8000,$API,``."""
        host = re.escape(address.partition("://")[2])
        return any(
            _CHANGES.search(line) and re.search(host, line)
            for text in (self.told, *self._pipelines)
            for line in text.splitlines()
        )

    @cached_property
    def _pipelines(self) -> tuple[str, ...]:
        return tuple(text_of(self.tree.root / name) or "" for name in self.tree.own if _PIPELINES.fullmatch(name))


def _written(context: _Context) -> Iterator[PageCall]:
    """Addresses that stand in the pages."""
    if not any(LOOPBACK.search(text) for text in context.pages.values()):
        return
    names = list(context.pages)
    for call in calls(context.scripts):
        public = any(_PUBLIC.fullmatch(variable) for variable in call.variables)
        callers = [name for name in (names[at] for at in call.callers) if context.is_used(name)]
        if not callers or not (public or any(context.is_browsers(name) for name in callers)):
            continue
        if any(variable in context.settings or context.sets(variable) for variable in call.variables) or context.changes(
            call.address
        ):
            continue
        yield PageCall(call.address, Place(context.folder / names[call.script], call.line), call.variables)


def _set(context: _Context) -> Iterator[PageCall]:
    """Variables of the build that are set to such an address, and that pages call."""
    given: dict[str, tuple[str, Place, bool]] = {}
    for name, (value, place) in context.settings.items():
        if not context.sets(name):
            given[name] = (value, place, False)
    for each in context.instructions:
        if each.keyword in ("ARG", "ENV"):
            for match in re.finditer(rf"({_PUBLIC.pattern})[= ][\"']?([^\s\"']+)", each.value):
                if not match[2].startswith("$"):  # ENV NAME=$NAME hands on what ARG is given
                    given[match[1]] = (match[2], Place(context.file.path, each.line), each.keyword == "ARG")
    for name, (value, place, default) in given.items():
        found = LOOPBACK.match(value) if _PUBLIC.fullmatch(name) else None
        if found and not context.pipelines_set(name) and reads(context.scripts, name):
            yield PageCall(found[0], place, setting=name, default=default)


def _map(data: Any, *path: str) -> Mapping[str, Any]:
    """What stands at a path; empty where that is no map."""
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _angular_builds(text: str) -> Iterator[Mapping[str, Any]]:
    """How each project of an Angular workspace is built."""
    try:
        data = json.loads(text)
    except ValueError:
        return
    for project in _map(data, "projects").values():
        for targets in ("architect", "targets"):
            yield _map(project, targets, "build")


def _speaks_of(text: str, variable: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(variable)}(?!\w)", text) is not None


def _matters(name: str) -> bool:
    last = PurePosixPath(name).name
    return last == PACKAGE or last in _BUILT_ENV or PAGE_FILE.fullmatch(last) is not None


def _is_page(name: str) -> bool:
    return PurePosixPath(name).suffix in _PAGES


def _page_text(path: Path) -> str:
    try:
        return (text_of(path) or "") if path.stat().st_size <= MAX_PAGE_BYTES else ""
    except OSError:
        return ""


def _sources(text: str) -> list[str]:
    """Scripts that a page names."""
    return re.findall(r"<script\b[^>]*\bsrc\s*=\s*[\"']?([^\"'>\s?]+)", text)


def all_page_calls(dockerfiles: Sequence[FoundDockerfile], tree: Tree) -> Mapping[Path, tuple[PageCall, ...]]:
    """Dockerfile -> what its pages call on the machine that they are looked at on; those without such a call are left out."""
    found = {each.path: page_calls(each, tree) for each in dockerfiles}
    return {path: calls for path, calls in found.items() if calls}
