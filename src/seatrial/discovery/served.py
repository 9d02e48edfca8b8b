"""What the program of an image answers and passes on, as far as its sources say for sure: HTTP paths, and nginx's upstreams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seatrial.discovery import pagefiles
from seatrial.discovery.dockerfiles import FoundDockerfile, copied, covers
from seatrial.discovery.tree import Tree, text_of
from seatrial.errors import Place

MAX_SOURCES = 400
"""How many sources of one build context are read."""
_SOURCE = re.compile(r".*\.(?:py|[cm]?[jt]s)")
_ASIDE = re.compile(r"(?:^|/)(?:node_modules|\.venv|venv|tests?|__tests__|e2e|docs?|examples?|migrations)/|\.(?:test|spec|d)\.")
_FRAMEWORKS = {
    "FastAPI": re.compile(r"\bFastAPI\("),
    "Flask": re.compile(r"\bFlask\("),
    "Express": re.compile(r"(?:require\(\s*|\bfrom\s+)['\"]express['\"]"),
}
_OTHERS = re.compile(
    r"\b(?:from|import)\s+(?:django|aiohttp|tornado|sanic|bottle|falcon|starlette\.(?:applications|endpoints|routing|staticfiles)|connexion|strawberry|quart|gradio|flask_restx|"
    r"flask_restful|flask_admin|flask_healthz|healthcheck|fastapi_health\w*|py_healthcheck|flask_appbuilder)\b|"
    r"(?:require\(\s*|\bfrom\s+|\bimport\s+)['\"](?:@nestjs/\w+|fastify|koa|hapi|@hapi/\w+|next|nuxt|loopback|@feathersjs/\w+|apollo-server[\w-]*|@apollo/server|"
    r"@godaddy/terminus|lightship|express-actuator|[\w@][\w@/-]*health[\w-]*|health[\w-]*|express-openapi[\w-]*|swagger-[\w-]+|http-proxy[\w-]*)['\"]"
)
"""What has routes of its own."""
_ROUTES = (
    re.compile(
        r"@[\w.]+\.(?:get|post|put|patch|delete|head|options|api_route|route|websocket)\(\s*(?:path\s*=\s*)?['\"]([^'\"]*)['\"]"
    ),
    re.compile(r"\.(?:add_api_route|add_url_rule|add_route|mount)\(\s*['\"]([^'\"]*)['\"]"),
    re.compile(r"\b\w+\.(?:get|post|put|patch|delete|head|all|use|route)\(\s*['\"`](/[^'\"`]*)['\"`]"),
)
_UNSURE = re.compile(
    r"\.(?:get|use|all|route)\(\s*['\"`]/?(?:\(?\.?\*|\{\*)|\{\w+:path\}|<path:|"
    r"\b(?:app|router)\.(?:get|use|all)\(\s*(?:/[^/*]|\[|new RegExp)|\.mount\(\s*['\"]/['\"]|StaticFiles|express\.static|"
    r"send_from_directory|static_folder\s*=|(?:register_error_handler|errorhandler|exception_handler)\(\s*404|"
    r"\b(?:app|router)\[\w|importlib|readdirSync|before_request|\.middleware\(|\.add_middleware\(\s*\w*Health"
)
"""Routes that a pattern, a folder or a program makes, and what answers where no route does."""
_MADE_BY_ITSELF = {
    "FastAPI": ("/docs", "/redoc", "/openapi.json"),
    "Flask": ("/static/",),
    "Express": (),
    pagefiles.FRAMEWORK: pagefiles.MADE_BY_ITSELF,
}
_NGINX = re.compile(r"(?:^|/)etc/nginx(?:/|$)")
_PASSES = re.compile(r"^[ \t]*(?:proxy_pass|grpc_pass)\s+(?P<url>(?:https?|grpcs?)://[^\s;$]+)[^;\n$]*;", re.MULTILINE)
_UPSTREAM = re.compile(r"^[ \t]*upstream\s+(?P<name>[\w.-]+)\s*\{(?P<body>[^}]*)\}", re.MULTILINE)
_SERVER = re.compile(r"\bserver\s+(?P<host>[a-zA-Z][\w.-]*)(?::(?P<port>\d+))?[^;]*;")


@dataclass(frozen=True)
class Routes:
    """HTTP paths of one program, all of which its sources declare.

    Attributes:
        framework: FastAPI, Flask, Express or Next.js.
        paths: as they are declared, with the parameters in them; routers may stand below a prefix, but for Next.js.
    """

    framework: str
    paths: tuple[str, ...]

    def answers(self, path: str) -> bool:
        """Whether anything may answer a path."""
        asked = f"/{path.partition('?')[0].strip('/')}"
        if any(asked == each or (each.endswith("/") and asked.startswith(each)) for each in _MADE_BY_ITSELF[self.framework]):
            return True
        if self.framework == pagefiles.FRAMEWORK:
            return any(pagefiles.pattern(each).match(asked) for each in self.paths)
        return any(_pattern(each).search(asked) for each in self.paths)


@dataclass(frozen=True)
class Passed:
    """An address that the nginx of an image passes requests on to.

    Attributes:
        url: scheme, host and port.
        place: where it is written.
        target: the file in the image.
    """

    url: str
    place: Place
    target: str


def routes(found: FoundDockerfile, tree: Tree) -> Routes | None:
    """The paths that an image's program answers; None where its sources do not say for sure."""
    if found.parsed is None or not re.search(r"python|node|uv\b|bun", found.parsed.final_base()):
        return None
    given = _given(found, tree)
    if (pages := pagefiles.paths(found.context, given)) is not None:
        return Routes(pagefiles.FRAMEWORK, pages) if pages else None
    sources = [name for name in given if _SOURCE.fullmatch(name) and not _ASIDE.search(name)][:MAX_SOURCES]
    whole = "\n".join(text for name in sources if (text := text_of(found.context / name)))
    frameworks = [name for name, sign in _FRAMEWORKS.items() if sign.search(whole)]
    if len(frameworks) != 1 or _OTHERS.search(whole) or _UNSURE.search(whole):
        return None
    paths = tuple(dict.fromkeys(path for pattern in _ROUTES for path in pattern.findall(whole)))
    return Routes(frameworks[0], paths) if paths else None


def passed_on(found: FoundDockerfile, tree: Tree) -> tuple[Passed, ...]:
    """Where the nginx of an image passes requests on to, as the files that are copied into it say."""
    return tuple(_passed(found, tree)) if found.parsed is not None else ()


def _passed(found: FoundDockerfile, tree: Tree) -> Iterator[Passed]:
    assert found.parsed is not None
    changed = any(re.search(r"\bsed\b|envsubst", each.value) for each in found.parsed.ancestry()[-1].instructions)
    for stage in found.parsed.ancestry():
        for each in (*stage.all("COPY"), *stage.all("ADD")):
            words = each.exec_form or each.value.split()
            if changed or not words or not _NGINX.search(words[-1]) or "/templates" in words[-1]:
                continue
            for source in copied(each, found.parsed.args):
                path = found.context / source
                text = text_of(path) if path.is_file() else None
                folder = words[-1].endswith("/") or PurePosixPath(words[-1]).suffix == ""
                target = f"{words[-1].rstrip('/')}/{path.name}" if folder else words[-1]
                for url, at in _urls(text or ""):
                    yield Passed(url, Place(path, (text or "").count("\n", 0, at) + 1), target)


def _urls(text: str) -> Iterator[tuple[str, int]]:
    """Addresses of one configuration file, with their places: those of its upstreams' servers in the place of their names."""
    own = {match["name"] for match in _UPSTREAM.finditer(text)}
    for match in _PASSES.finditer(text):
        host = re.split(r"[:/]", match["url"].partition("://")[2], maxsplit=1)[0]
        if host not in own:
            yield re.sub(r"^(https?)s?://([^/]*).*", r"\1://\2", match["url"]), match.start("url")
    for match in _UPSTREAM.finditer(text):
        for server in _SERVER.finditer(match["body"]):
            yield f"http://{server['host']}:{server['port'] or 80}", match.start("body") + server.start()


def _given(found: FoundDockerfile, tree: Tree) -> Sequence[str]:
    """Files that the image's stages are given, relative to their context."""
    assert found.parsed is not None
    start = tree.name(found.context) if found.context.is_relative_to(tree.root) else None
    if start is None:
        return []
    prefix, ignore = "" if start == "." else f"{start}/", found.ignored()
    taken = {source for stage in found.parsed.stages for each in stage.instructions for source in copied(each, found.parsed.args)}
    inside = (name[len(prefix) :] for name in tree.own if name.startswith(prefix))
    return [name for name in inside if any(covers(each, name) for each in taken) and not ignore.ignores(name)]


def _pattern(path: str) -> re.Pattern[str]:
    """What a declared path matches at the end of one that is asked for: below whatever prefix its router has."""
    plain = path.rstrip("/")
    if not plain:
        return re.compile(r"^/$")
    parts = re.split(r"(\{[^}]*\}|<[^>]*>|:\w+\??)", plain if plain.startswith("/") else f"/{plain}")
    return re.compile("".join(r"[^/]+" if index % 2 else re.escape(part) for index, part in enumerate(parts)) + "$")


def all_passed(dockerfiles: tuple[FoundDockerfile, ...], tree: Tree) -> dict[Path, tuple[Passed, ...]]:
    """Dockerfile -> what its nginx passes on; those without are left out."""
    found = {each.path: passed_on(each, tree) for each in dockerfiles}
    return {path: urls for path, urls in found.items() if urls}
