"""Addresses that the application is given, and the Services that they lead to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from seatrial.chart.objects import ChartObject
from seatrial.chart.workloads import KeyPath, references
from seatrial.chart.yamlstream import walk
from seatrial.errors import Place
from seatrial.wiring.addresses import Address, in_file, in_variable, in_words
from seatrial.wiring.graph import Edge, Graph, Miss, Node, Relation, Route, Sort, Sure
from seatrial.wiring.pods import Box, Workload
from seatrial.wiring.reading import mappings, number, text, texts
from seatrial.wiring.services import Known, Service
from seatrial.wiring.variables import expanded

PUBLIC = re.compile(r"^(?:NEXT_PUBLIC|VITE|REACT_APP|VUE_APP|NUXT_PUBLIC|GATSBY|EXPO_PUBLIC|PUBLIC)_")
"""Variables whose value a bundler writes into what browsers get."""
_HOST_SUFFIX = re.compile(r"HOST(?:NAME)?$", re.IGNORECASE)
User = tuple[Workload, Box]


@dataclass(frozen=True)
class Mention:
    """A text with addresses.

    Attributes:
        source: the node that holds the text.
        item, path: where it is written.
        name: of the variable or key, empty for commands.
        addresses: in it.
        users: containers that read it.
        place: for what stands in no object.
        file: it is a file that containers find in a volume: of what it holds they need not use everything.
    """

    source: Node
    item: ChartObject
    path: KeyPath
    name: str
    addresses: tuple[Address, ...]
    users: tuple[User, ...]
    place: Place | None = None
    file: bool = False


def calls(graph: Graph) -> tuple[list[Edge], list[Route]]:
    """Edges of the relations CALLS and SHOWS, and the routes that follow from those that lead somewhere."""
    edges: list[Edge] = []
    found: list[Route] = []
    for mention in (*_settings(graph), *_files(graph), *_commands(graph), *_built_in(graph), *_passed_on(graph)):
        for address in mention.addresses:
            port = address.port if address.port is not None else _port_beside(mention)
            edge, service = _edge(graph, mention, address, port)
            if edge is not None:
                edges.append(edge)
                if edge.relation is Relation.CALLS and service is not None:
                    found += [Route(workload, box, service, port, edge, _sureness(mention)) for workload, box in mention.users]
    return edges, found


def _sureness(mention: Mention) -> Sure:
    """How sure it is that whoever reads a text calls what it names."""
    if not mention.file:
        return Sure.YES
    return Sure.SOMETIME if len({workload for workload, _ in mention.users}) == 1 else Sure.NO


def _settings(graph: Graph) -> Iterator[Mention]:
    """Variables of all containers; a key of a ConfigMap or Secret that several read is one mention."""
    readers: dict[tuple[ChartObject, KeyPath, str], list[User]] = defaultdict(list)
    values: dict[tuple[ChartObject, KeyPath, str], str] = {}
    for workload in graph.workloads:
        for box in workload.boxes:
            for variable in box.environment.variables.values():
                if variable.value:
                    key = (variable.item, variable.path, variable.name)
                    readers[key].append((workload, box))
                    values[key] = variable.value
    for (item, path, name), users in readers.items():
        own = item is users[0][0].item
        if own:
            source = Node(Sort.VARIABLE, f"{graph.box_node(*users[0])} variable {name}")
        else:
            source = Node(Sort.KEY, f"{graph.object_node(item)} key {path[-1]}")
        yield Mention(source, item, path, name, _addresses(name, values[item, path, name]), tuple(users))


def _files(graph: Graph) -> Iterator[Mention]:
    """Keys of ConfigMaps and Secrets that are mounted, or that nothing reads at all."""
    read = {
        variable.item for workload in graph.workloads for box in workload.boxes for variable in box.environment.variables.values()
    }
    mounted = _mounted(graph)
    for item in graph.shelf.of_kind("ConfigMap", "Secret"):
        if item in mounted or item not in read:
            for key, datum in graph.shelf.data(item).items():
                source = Node(Sort.KEY, f"{graph.object_node(item)} key {key}")
                users = tuple(mounted.get(item, ()))
                yield Mention(source, item, datum.path, key, _addresses(key, datum.value or ""), users, file=True)


def _mounted(graph: Graph) -> dict[ChartObject, list[User]]:
    """ConfigMap or Secret -> the containers that have it as files."""
    found: dict[ChartObject, list[User]] = defaultdict(list)
    for workload in graph.workloads:
        for reference in references(workload.item.raw):
            held = graph.shelf.find(reference.kind, workload.namespace, reference.name)
            if held is not None and not reference.container and "volumes" in reference.path:
                volume = next(
                    (name for name, each in workload.volumes.items() if each.path == reference.path[: len(each.path)]), None
                )
                found[held] += [
                    (workload, box) for box in workload.boxes if any(mount.volume == volume for mount in workload.mounts(box))
                ]
    return found


def _commands(graph: Graph) -> Iterator[Mention]:
    """Commands and arguments of containers, with the variables that Kubernetes puts into them."""
    for workload in graph.workloads:
        for box in workload.boxes:
            for field in ("command", "args"):
                words = [expanded(word, box.environment.variables) for word in texts(box.container.spec, field)]
                source = graph.box_node(workload, box)
                path = (*box.container.path, field)
                yield Mention(source, workload.item, path, "", tuple(in_words(words)), ((workload, box),))


def _built_in(graph: Graph) -> Iterator[Mention]:
    """What a Dockerfile sets and the chart does not set anew, and what it builds into pages."""
    seen: set[tuple[Place, str]] = set()
    for workload in graph.workloads:
        for box in workload.boxes:
            if box.recipe is None:
                continue
            shown = {name: setting for name, setting in box.recipe.arguments.items() if PUBLIC.match(name)}
            for name, setting in {**box.recipe.environment, **shown}.items():
                if (PUBLIC.match(name) or name not in box.environment.variables) and (setting.place, name) not in seen:
                    seen.add((setting.place, name))
                    source = Node(Sort.VARIABLE, f"{box.recipe.path} variable {name}")
                    path = (*box.container.path, "image")
                    addresses = _addresses(name, setting.value)
                    yield Mention(source, workload.item, path, name, addresses, ((workload, box),), setting.place)


def _passed_on(graph: Graph) -> Iterator[Mention]:
    """Where the nginx of an image passes requests on to, unless the cluster puts another file in the place of its own."""
    for workload in graph.workloads:
        for box in workload.serving:
            made_by = graph.dockerfile(box)
            for passed in graph.given.passed.get(made_by, ()) if made_by is not None else ():
                covered = any(f"{passed.target}/".startswith(f"{each.folder.rstrip('/')}/") for each in workload.mounts(box))
                if not covered and not _is_rewritten(box):
                    source = Node(Sort.FILE, f"{graph.box_node(workload, box)} file {passed.place.path.name}")
                    addresses = tuple(in_words([passed.url]))
                    path = (*box.container.path, "image")
                    yield Mention(source, workload.item, path, "", addresses, ((workload, box),), passed.place)


def _is_rewritten(box: Box) -> bool:
    """Whether a command changes files before the program starts."""
    return any(word in " ".join(box.command()) for word in ("sed ", "envsubst"))


def _addresses(name: str, value: str) -> tuple[Address, ...]:
    return tuple(in_file(value) if "\n" in value.strip() else in_variable(name, value))


def _port_beside(mention: Mention) -> int | None:
    """DB_PORT beside DB_HOST, where every container that reads the one reads the same other."""
    if not _HOST_SUFFIX.search(mention.name):
        return None
    name = _HOST_SUFFIX.sub("PORT", mention.name)
    ports = {number(box.environment.value(name)) for _, box in mention.users}
    return ports.pop() if len(ports) == 1 else None


def _edge(graph: Graph, mention: Mention, address: Address, port: int | None) -> tuple[Edge | None, Service | None]:
    """What an address leads to: its edge, None for those of the world outside, and the Service that answers."""
    namespace = mention.users[0][0].namespace if mention.users else graph.shelf.namespace(mention.item)
    looked = graph.names.lookup(address.host, namespace)
    if looked.known is Known.OUTSIDE or address.host in _aliases(mention):
        return None, None
    relation = Relation.SHOWS if PUBLIC.match(mention.name) else Relation.CALLS
    wanted = address.host if port is None else f"{address.host}:{port}"
    edge = Edge(relation, mention.source, None, wanted, mention.item, mention.path, place=mention.place)
    service = looked.service
    if looked.known is Known.MISSING or service is None:
        if _is_for_elsewhere(graph, address.host):
            return None, None
        beside = tuple(dict.fromkeys([*graph.names.in_namespace(namespace), *graph.given.services]))
        return (replace(edge, miss=Miss.OBJECT, beside=beside) if address.certain else None), None
    if looked.known is Known.ELSEWHERE:  # a text that nobody reads is not called from its own namespace
        told = address.certain and mention.users and not _goes_anywhere(graph, mention, address)
        return (replace(edge, miss=Miss.NAMESPACE, beside=(service.namespace,)) if told else None), None
    if port is not None and not address.named and not mention.name and _port_apart(mention, service):
        port = None
    if port == address.port and not address.named and any(workload in service.workloads for workload, _ in mention.users):
        port = None  # pods that name each other: the program knows its own port
    if port is not None and not service.serves(port):
        return replace(edge, miss=Miss.PORT, beside=service.offers()), None
    holder = graph.object_node(service.item)
    return replace(edge, target=holder if port is None else graph.port_node(holder, port)), service


def _goes_anywhere(graph: Graph, mention: Mention, address: Address) -> bool:
    """Whether nobody says in which namespace a bare name is called: plain manifests without one, beside others that have one."""
    callers = [workload.item for workload, _ in mention.users]
    return graph.shelf.loose and "." not in address.host and not any(item.namespace for item in callers)


def _port_apart(mention: Mention, service: Service) -> bool:
    """Whether an argument of its own gives the Service's port: ``--url=http://db --port=5432``."""
    words = {word for _, box in mention.users for word in box.command()}
    return any(re.search(rf"port[= ]{port}$", word) for port in service.offers() for word in words)


def _is_for_elsewhere(graph: Graph, host: str) -> bool:
    """Whether a host is for whoever installs to give: a value names it, and the chart offers nothing itself, it only calls."""
    offers = any(service.item.template not in graph.given.beside for service in graph.services)
    return (
        not graph.shelf.loose and not offers and any(host in text(value).lower() for _, value in walk(dict(graph.given.values)))
    )


def _aliases(mention: Mention) -> set[str]:
    """Host names that the pods bring with them."""
    return {
        name.lower()
        for workload, _ in mention.users
        for _, entry in mappings(workload.pod, "hostAliases")
        for name in texts(entry, "hostnames")
    }
