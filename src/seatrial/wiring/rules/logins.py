"""What the application asks of a database, and what that database makes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath
from seatrial.wiring.finding import Group
from seatrial.wiring.graph import Graph, Route
from seatrial.wiring.logins import Asked, Made, beside, in_url, made, with_scripts
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import mappings, text, texts
from seatrial.wiring.rule import Hit, at, either, held_by, rule

_MAKES = re.compile(r"\bcreate\s+(?:database|user|role)\b|\bcreate(?:db|user)\b|\balter\s+(?:user|role)\b", re.IGNORECASE)
_FILLED_IN = re.compile(r"[$<>{}]")
"""What the program or its reader puts something else in place of."""
_BY_ITSELF = "docker-entrypoint-initdb.d"
_WORDS = ("command", "args")
_REFUSED = "The database refuses each connection, and whatever needs data fails."


@rule(
    "W-DB-LOGIN",
    criterion="M3-INST-03",
    group=Group.BREAKS,
    example="""
kind: ConfigMap
data: {DATABASE_URL: "postgresql://shop@db:5432/shop_prod"}
---
kind: Deployment   # of db
spec: {template: {spec: {containers: [{name: db, image: "postgres:16", env: [
  {name: POSTGRES_USER, value: shop}, {name: POSTGRES_DB, value: shop}]}]}}}
""",
    mend="Take both from one value, or one Secret that both read.",
)
def login(graph: Graph) -> Iterator[Hit]:
    """What an address asks of a database (its name, a user, a password), the database's container makes.

    The images of PostgreSQL, MySQL and MariaDB make one database and one user when they start for the first time, as their
    variables say, and what plain SQL in docker-entrypoint-initdb.d makes besides; MongoDB's makes a user. An address that names
    another one leads to a server that is well and refuses. Judged where both are written down, and nothing else makes databases
    or users.
    """
    told: set[tuple[ChartObject, KeyPath, str]] = set()
    if _made_by_others(graph):
        return
    for route in graph.routes:
        for workload, box, there in _servers(graph, route):
            for asked in _asked(graph, route):
                what = _wrong(asked, there) if asked.family in ("", there.family) else ""
                key = (route.edge.item, route.edge.path, what)
                if what and key not in told:
                    told.add(key)
                    yield at(
                        route.edge, f"{held_by(route.edge)} {what}, container {box.name} of {workload.item.subject}", _REFUSED
                    )


def _servers(graph: Graph, route: Route) -> Iterator[tuple[Workload, Box, Made]]:
    for workload in route.service.workloads:
        for box in workload.serving:
            there, scripts = made(box), _scripts(graph, workload, box)
            if there is not None and scripts is not None and (all_ := with_scripts(there, scripts)) is not None:
                yield workload, box, all_


def _scripts(graph: Graph, workload: Workload, box: Box) -> list[str] | None:
    """The SQL that a server runs when it starts for the first time; None where that is not known."""
    found: list[str] = []
    for mount in workload.mounts(box):
        if mount.folder.rstrip("/").startswith(f"/{_BY_ITSELF}"):
            held = _mounted(graph, workload, mount.volume)
            if held is None or any(not key.endswith(".sql") for key in graph.shelf.data(held)):
                return None
            found += [datum.value or "" for datum in graph.shelf.data(held).values()]
    return found


def _mounted(graph: Graph, workload: Workload, volume: str) -> ChartObject | None:
    """The ConfigMap that a volume of a pod holds, where it is known."""
    source = next((each for _, each in mappings(workload.pod, "volumes") if text(each, "name") == volume), {})
    return graph.shelf.find("ConfigMap", workload.namespace, text(source, "configMap", "name"))


def _asked(graph: Graph, route: Route) -> Iterator[Asked]:
    """What a container asks for where a route is written."""
    for variable in route.box.environment.variables.values():
        if (variable.item, variable.path) == (route.edge.item, route.edge.path) and variable.value:
            found = list(in_url(variable.value))
            near = None if found else beside(route.box, variable.name, variable.value)
            for asked in [*found, *([near] if near else [])]:
                if graph.names.lookup(asked.host, route.caller.namespace).service is route.service:
                    yield asked


def _wrong(asked: Asked, there: Made) -> str:
    """What is asked for and not made, the first of it; nothing secret."""
    if asked.user and there.users and asked.user not in there.users and not _FILLED_IN.search(asked.user):
        return f"logs in as {asked.user}, but the database has the user {either(there.users)}"
    if asked.database and there.databases and asked.database not in there.databases and not _FILLED_IN.search(asked.database):
        return f"asks for the database {asked.database}, but what is made is {there.databases[0]}"
    password = there.passwords.get(asked.user)
    if asked.password and password and asked.password != password and not _FILLED_IN.search(asked.password):
        return f"has another password for {asked.user} than the database"
    return ""


def _made_by_others(graph: Graph) -> bool:
    """Whether a script, a command or an image of the application makes databases or users."""
    commands = (" ".join(texts(box.container.spec, field)) for each in graph.workloads for box in each.boxes for field in _WORDS)
    own = [_mounted(graph, each, mount.volume) for each in graph.workloads for box in each.boxes for mount in each.mounts(box)
           if mount.folder.rstrip("/").startswith(f"/{_BY_ITSELF}")]  # fmt: skip
    others = [item for item in graph.shelf.of_kind("ConfigMap", "Secret") if item not in own]
    held = (datum.value or "" for item in others for datum in graph.shelf.data(item).values())
    if any(_MAKES.search(each) for each in (*commands, *held)):
        return True
    return any(
        _BY_ITSELF in instruction.value or ".sql" in instruction.value
        for file in graph.given.dockerfiles
        for stage in file.stages
        for instruction in stage.instructions
    )
