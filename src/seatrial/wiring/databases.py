"""Databases by their image: which one it is, and where it keeps its data.

Sources: the documentation of the official images postgres (PGDATA; since 18 the volume is /var/lib/postgresql), mysql, mariadb,
mongo, redis, and of Bitnami's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.wiring.imagenames import ImageName, parse_image
from seatrial.wiring.pods import Box, Mount, Volume, Workload

_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "postgres": ("postgres", "postgresql", "postgis", "timescaledb", "pgvector"),
    "mysql": ("mysql", "mysql-server", "percona", "percona-server"),
    "mariadb": ("mariadb", "mariadb-server"),
    "mongo": ("mongo", "mongodb", "mongodb-community-server", "percona-server-mongodb"),
    "redis": ("redis", "redis-stack-server", "valkey"),
}
_SERVERS = {
    "postgres": ("postgres", "docker-entrypoint.sh"),
    "mysql": ("mysqld", "docker-entrypoint.sh"),
    "mariadb": ("mariadbd", "mysqld", "docker-entrypoint.sh"),
    "mongo": ("mongod", "docker-entrypoint.sh"),
    "redis": ("redis-server", "valkey-server", "docker-entrypoint.sh"),
}
_BITNAMI = {
    "postgres": "/bitnami/postgresql/data", "mysql": "/bitnami/mysql/data", "mariadb": "/bitnami/mariadb/data",
    "mongo": "/bitnami/mongodb/data/db", "redis": "/bitnami/redis/data",
}  # fmt: skip
_OFFICIAL = {"mysql": "/var/lib/mysql", "mariadb": "/var/lib/mysql", "mongo": "/data/db", "redis": "/data"}
_PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306, "mongo": 27017, "redis": 6379}
_PORT_VARIABLES = {"postgres": "PGPORT", "mysql": "MYSQL_TCP_PORT", "mariadb": "MYSQL_TCP_PORT"}
_APPEND_ONLY = re.compile(r"(?:--)?appendonly[\s=]+\"?yes")


@dataclass(frozen=True)
class Database:
    """A database server in a container.

    Attributes:
        family: postgres, mysql, mariadb, mongo or redis.
        folders: where it may keep its data; several where the image's tag does not tell.
        declared: folders that the image itself declares as volumes: fresh in every pod unless something is mounted there.
    """

    family: str
    folders: tuple[str, ...]
    declared: tuple[str, ...]


def database(box: Box) -> Database | None:
    """The database that a container runs; None where it runs none, keeps nothing on purpose, or is only a client."""
    image = image_of(box)
    family = family_of(image)
    if family is None or not _serves(box, family):
        return None
    if "bitnami" in image.repository:
        folder = _BITNAMI[family]
        return Database(family, (folder,), ("/".join(folder.split("/")[:3]),))
    if family == "postgres":
        return _postgres(box, image)
    folder = _OFFICIAL[family]
    return Database(family, (folder,), (folder,))


def family_of(image: ImageName) -> str | None:
    """The database that an image is, by its name; None for every other."""
    return next((family for family, names in _FAMILIES.items() if image.last in names), None)


def snapshots(box: Box) -> str:
    """Where Redis writes its snapshots, as its image does by itself; empty for what is no Redis, or is told otherwise."""
    image = image_of(box)
    official = image.repository.rpartition("/")[0] in ("", "library")
    return _OFFICIAL["redis"] if official and family_of(image) == "redis" and not box.command() else ""


def usual_port(box: Box) -> tuple[int, str] | None:
    """The port that a database's own image listens on, and who says so; None where a command may say otherwise."""
    image = image_of(box)
    family = family_of(image)
    official = image.repository.rpartition("/")[0] in ("", "library") and image.last in (family or "", "postgres")
    if family is None or not official or box.recipe or box.command():
        return None
    moved = box.environment.value(_PORT_VARIABLES.get(family, ""))
    if moved:
        return (int(moved), f"the variable {_PORT_VARIABLES[family]}") if moved.isdigit() else None
    return _PORTS[family], f"the image {image.last} by itself"


def keeper(workload: Workload, box: Box, found: Database) -> tuple[Mount | None, Volume | None]:
    """The volume that holds the data, with its mount; (None, None) where they lie in the container or a volume of the image."""
    for folder in found.folders:
        fitting = [mount for mount in workload.mounts(box) if _holds(mount.folder, folder)]
        best = max(fitting, key=lambda mount: len(mount.folder.rstrip("/")), default=None)
        own = max((len(place) for place in found.declared if _holds(place, folder)), default=0)
        if best is not None and len(best.folder.rstrip("/")) >= own:
            return best, workload.volumes.get(best.volume)
    return None, None


def image_of(box: Box) -> ImageName:
    """The image that tells what it is: its own name, else the one that its Dockerfile starts from."""
    own = box.image
    known = any(own.last in names for names in _FAMILIES.values())
    return parse_image(box.recipe.base) if box.recipe and not known else own


def _serves(box: Box, family: str) -> bool:
    words = box.command()
    program = words[0].rpartition("/")[2] if words and box.container.spec.get("command") else ""
    shell = program in ("sh", "bash") and any(server in " ".join(words) for server in _SERVERS[family])
    if program and program not in _SERVERS[family] and not shell:
        return False
    return family != "redis" or bool(_APPEND_ONLY.search(" ".join(words)))


def _postgres(box: Box, image: ImageName) -> Database:
    built_in = box.recipe.environment.get("PGDATA") if box.recipe else None
    set_to = box.environment.value("PGDATA") or (built_in.value if built_in else "")
    older, newer = "/var/lib/postgresql/data", "/var/lib/postgresql"
    if image.major is None:
        return Database("postgres", (set_to,) if set_to else (older, f"{newer}/18/docker"), ())
    if image.major >= 18:
        return Database("postgres", (set_to or f"{newer}/{image.major}/docker",), (newer,))
    return Database("postgres", (set_to or older,), (older,))


def _holds(mounted: str, folder: str) -> bool:
    mounted = mounted.rstrip("/")
    return bool(mounted) and (folder == mounted or folder.startswith(f"{mounted}/"))
