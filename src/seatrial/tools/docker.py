"""The docker client: what seatrial asks of an engine, one method per question, JSON as plain dicts."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial import process
from seatrial.errors import ImageBuildError, Place, ProcessError, ProcessTimeout
from seatrial.process import Completed
from seatrial.toolchain.engine import Engine

ASK_SECONDS = 60.0
"""For questions and small changes; a busy engine answers late, never later than this."""
BUILD_SECONDS = 1800.0
TRANSFER_SECONDS = 600.0
"""For what moves whole images: save, load, import, commit, cp."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Built:
    """An image that was built.

    Attributes:
        id: what ``docker image inspect`` calls Id, ``sha256:...``.
        tags: the names that it was given.
        seconds: wall time of the build.
        metadata: the content of BuildKit's metadata file.
    """

    id: str
    tags: tuple[str, ...]
    seconds: float
    metadata: Record


class Docker:
    """The docker client, speaking to one engine.

    Every method raises ProcessError where the client fails, and ProcessTimeout where it does not answer in time.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __call__(
        self,
        *argv: str | Path,
        timeout: float = ASK_SECONDS,
        check: bool = True,
        input: str | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run ``docker *argv``; for what has no method of its own."""
        env = process.environment(**self.engine.env)
        return process.run([self.engine.docker, *argv], timeout=timeout, env=env, check=check, input=input, on_line=on_line)

    # -- the engine

    def info(self) -> Record:
        """``docker info``; where the engine does not answer its ``ServerErrors`` say why."""
        return _one(self("info", "--format", "{{json .}}", check=False))

    def version(self) -> Record:
        """``docker version``: ``Client`` and ``Server``, each with ``Version``; ``Server`` is None where no engine answers."""
        return _one(self("version", "--format", "{{json .}}", check=False))

    # -- images

    def build(
        self,
        context: Path,
        *,
        tags: Sequence[str],
        dockerfile: Path | None = None,
        target: str | None = None,
        build_args: Mapping[str, str] | None = None,
        contexts: Mapping[str, str] | None = None,
        secrets: Mapping[str, Path] | None = None,
        labels: Mapping[str, str] | None = None,
        cache: bool = True,
        on_line: Callable[[str], None] | None = None,
        timeout: float = BUILD_SECONDS,
    ) -> Built:
        """Build an image with BuildKit and load it into the engine.

        Args:
            context: directory that is sent.
            tags: names for the image, at least one.
            dockerfile: ``context/Dockerfile`` where it is None.
            target: stage to stop at.
            build_args: values of ARG.
            contexts: named contexts: what a FROM or COPY --from of that name takes instead, such as
                ``{"python:3.13-slim": "docker-image://seatrial/python:3.13"}`` or a directory.
            secrets: files by id, for ``RUN --mount=type=secret,id=...``; never part of a layer.
            labels: put on the image.
            cache: False builds every step anew.
            on_line: gets BuildKit's log (plain) line by line, as it comes.

        Raises:
            ImageBuildError: the build failed; says which step, and the line of the Dockerfile where BuildKit names one.
        """
        dockerfile = dockerfile or context / "Dockerfile"
        with tempfile.TemporaryDirectory(prefix="seatrial-build-") as scratch:
            metadata = Path(scratch) / "metadata.json"
            argv: list[str] = ["--progress=plain", "--load", "--provenance=false", "--sbom=false", f"--metadata-file={metadata}"]
            argv += [f"--file={dockerfile}", *(f"--tag={tag}" for tag in tags)]
            argv += [f"--target={target}"] if target else []
            argv += [] if cache else ["--no-cache"]
            argv += _pairs("--build-arg", build_args) + _pairs("--build-context", contexts) + _pairs("--label", labels)
            argv += [f"--secret=id={name},src={path}" for name, path in (secrets or {}).items()]
            try:
                done = self("buildx", "build", *argv, context, timeout=timeout, on_line=on_line)
            except ProcessTimeout:
                raise
            except ProcessError as error:
                raise build_error(error.output, tags[0], dockerfile) from error
            facts: Record = json.loads(metadata.read_text())
        identity = facts.get("containerimage.config.digest") or facts["containerimage.digest"]
        inspected = self.image(tags[0])  # an engine with the containerd image store calls the manifest's digest the image's id
        return Built(inspected["Id"] if inspected else identity, tuple(tags), done.seconds, facts)

    def image(self, reference: str) -> Record | None:
        """``docker image inspect``; None where there is no such image."""
        return self._inspect("image", reference)

    def image_size(self, reference: str) -> int:
        """Bytes of all layers, unpacked."""
        found = self.image(reference)
        if found is None:
            raise ProcessError(("docker", "image", "inspect", reference), 1, f"No such image: {reference}", 0)
        return int(found["Size"])

    def images(self, label: str | None = None) -> list[Record]:
        """The images that carry ``label`` (``key`` or ``key=value``), all without one."""
        return _many(self("image", "ls", "--no-trunc", *_filter(label), "--format", "{{json .}}"))

    def history(self, reference: str) -> list[Record]:
        """The layers of an image, newest first: CreatedBy, Size in bytes, Comment."""
        return _many(self("history", "--no-trunc", "--human=false", "--format", "{{json .}}", reference))

    def tag(self, reference: str, name: str) -> None:
        """Give an image another name."""
        self("tag", reference, name)

    def save(self, references: Sequence[str], archive: Path) -> None:
        """Write images to a tar archive that ``load`` and ``ctr images import`` read; there only when it is whole."""
        part = archive.with_name(archive.name + ".part")
        self("save", "--output", part, *references, timeout=TRANSFER_SECONDS)
        part.replace(archive)

    def load(self, archive: Path) -> list[str]:
        """Read images from a tar archive; returns their names, or ids where they have none."""
        told = self("load", "--input", archive, timeout=TRANSFER_SECONDS).stdout
        return re.findall(r"^Loaded image(?: ID)?: (\S+)$", told, re.MULTILINE)

    def remove_images(self, references: Iterable[str]) -> None:
        """Remove images and all their names; nothing happens where there are none."""
        wanted = list(references)
        if wanted:
            self("image", "rm", "--force", *wanted, timeout=TRANSFER_SECONDS)

    # -- containers

    def run(
        self, image: str, *argv: str, options: Sequence[str] = (), timeout: float = ASK_SECONDS, check: bool = True
    ) -> Completed:
        """Run a container to its end and remove it.

        Args:
            image: what to run.
            argv: its arguments.
            options: of ``docker run``, such as ``--network=none``.
            timeout: seconds; afterwards the container is removed too.
            check: raise where it ends with another code than 0.
        """
        with tempfile.TemporaryDirectory(prefix="seatrial-run-") as scratch:
            record = Path(scratch) / "id"
            try:
                return self("run", "--rm", f"--cidfile={record}", *options, image, *argv, timeout=timeout, check=check)
            except ProcessTimeout:  # the client is dead, its container is not
                if record.is_file() and record.read_text():
                    self.remove([record.read_text()])
                raise

    def start(self, image: str, *argv: str, name: str, labels: Mapping[str, str], options: Sequence[str] = ()) -> str:
        """Run a container in the background; returns its id.

        Args:
            image: what to run.
            argv: its arguments.
            name: of the container.
            labels: by which it is found and removed later.
            options: of ``docker run``, such as ``--publish=127.0.0.1:8080:80``.
        """
        argv_labels = _pairs("--label", labels)
        return self(
            "run", "--detach", f"--name={name}", *argv_labels, *options, image, *argv, timeout=TRANSFER_SECONDS
        ).stdout.strip()

    def exec(
        self,
        container: str,
        *argv: str,
        options: Sequence[str] = (),
        input: str | None = None,
        timeout: float = ASK_SECONDS,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command in a running container; ``options`` are those of ``docker exec``, such as ``--user=0``."""
        interactive = ["--interactive"] if input is not None else []
        return self("exec", *interactive, *options, container, *argv, input=input, timeout=timeout, check=check, on_line=on_line)

    def container(self, name: str) -> Record | None:
        """``docker container inspect``; None where there is no such container."""
        return self._inspect("container", name)

    def containers(self, label: str | None = None) -> list[Record]:
        """The containers that carry ``label``, running or not."""
        return _many(self("ps", "--all", "--no-trunc", *_filter(label), "--format", "{{json .}}"))

    def logs(self, container: str, *, tail: int | None = None, since: float | None = None) -> str:
        """What a container wrote to both streams, with time stamps; the last ``tail`` lines, from ``since`` (epoch)."""
        options = [f"--tail={tail}"] if tail is not None else []
        options += [f"--since={since:.3f}"] if since is not None else []
        return self("logs", "--timestamps", *options, container).output

    def stop(self, container: str, *, grace: int = 10) -> None:
        """End a container: its stop signal, and SIGKILL after ``grace`` seconds."""
        self("stop", f"--time={grace}", container, timeout=grace + ASK_SECONDS)

    def kill(self, container: str, signal: str = "KILL") -> None:
        """Send a signal to process 1 of a container."""
        self("kill", f"--signal={signal}", container)

    def wait(self, container: str, *, timeout: float) -> int:
        """Wait until a container has ended; returns its exit code."""
        return int(self("wait", container, timeout=timeout).stdout)

    def copy(self, source: str | Path, target: str | Path) -> None:
        """``docker cp``: one side is ``CONTAINER:PATH``, the other a path of this machine."""
        self("cp", "--quiet", source, target, timeout=TRANSFER_SECONDS)

    def commit(self, container: str, name: str, *, changes: Sequence[str] = ()) -> str:
        """Make an image of a container's file system; returns its id. Volumes are no part of it.

        Args:
            container: running or not.
            name: the image's tag.
            changes: Dockerfile instructions; ENTRYPOINT, ENV and STOPSIGNAL given anew replace the container's own.
        """
        options = [f"--change={change}" for change in changes]
        return self("commit", *options, container, name, timeout=TRANSFER_SECONDS).stdout.strip()

    def remove(self, containers: Iterable[str]) -> None:
        """Kill and remove containers with their anonymous volumes; those that are gone already are no error."""
        wanted = list(containers)
        if wanted:
            self("rm", "--force", "--volumes", *wanted, timeout=TRANSFER_SECONDS)

    # -- networks and volumes

    def networks(self, label: str | None = None) -> list[Record]:
        """The networks that carry ``label``; all, also those of the engine itself, without one."""
        return _many(self("network", "ls", "--no-trunc", *_filter(label), "--format", "{{json .}}"))

    def remove_networks(self, names: Iterable[str]) -> None:
        """Remove networks; no container may be on them."""
        wanted = list(names)
        if wanted:
            self("network", "rm", *wanted)

    def volumes(self, label: str | None = None) -> list[Record]:
        """The volumes that carry ``label``."""
        return _many(self("volume", "ls", *_filter(label), "--format", "{{json .}}"))

    def remove_volumes(self, names: Iterable[str]) -> None:
        """Remove volumes; those that are gone already are no error."""
        wanted = list(names)
        if wanted:
            self("volume", "rm", "--force", *wanted, timeout=TRANSFER_SECONDS)

    def remove_labelled(self, label: str) -> list[str]:
        """Remove every container, network and volume that carries ``label``; returns a sentence for each.

        Images stay: they are results, and cache for the next run.
        """
        containers, networks, volumes = self.containers(label), self.networks(label), self.volumes(label)
        self.remove(item["ID"] for item in containers)
        self.remove_networks(item["ID"] for item in networks)
        self.remove_volumes(item["Name"] for item in volumes)
        done = [f"removed the container {item['Names']}" for item in containers]
        done += [f"removed the network {item['Name']}" for item in networks]
        return done + [f"removed the volume {item['Name']}" for item in volumes]

    def _inspect(self, kind: str, name: str) -> Record | None:
        asked = self(kind, "inspect", "--format", "{{json .}}", name, check=False)
        if asked.returncode == 0:
            return _one(asked)
        if "no such" in asked.stderr.lower():
            return None
        raise ProcessError(asked.argv, asked.returncode, asked.output, asked.seconds)


def build_error(log: str, tag: str, dockerfile: Path) -> ImageBuildError:
    """The sentence for a failed build, from BuildKit's plain log: its last ERROR, what the step wrote, and the line."""
    said = re.findall(r"^ERROR: (?:failed to solve: )?(.*)$", log, re.MULTILINE)
    line = re.search(rf"^{re.escape(dockerfile.name)}:(\d+)$", log, re.MULTILINE)
    excerpt = re.search(r"^ > \[.*?\].*?:\n(.*?)\n------$", log, re.MULTILINE | re.DOTALL)
    lines = (
        [re.sub(r"^[\d.]+ ", "", part).strip() for part in excerpt[1].splitlines()[-3:]] if excerpt else []
    )  # without the seconds
    wrote = " | ".join(part for part in lines if part)
    message = said[-1] if said else (log.strip().splitlines() or ["the client said nothing"])[-1]
    return ImageBuildError(
        f"The image {tag} did not build: {message}" + (f" ({wrote})" if wrote else ""),
        todo="Mend that step; the whole log is among the run's evidence.",
        place=Place(dockerfile, int(line[1]) if line else None),
    )


def _pairs(option: str, values: Mapping[str, str] | None) -> list[str]:
    return [f"{option}={name}={value}" for name, value in (values or {}).items()]


def _filter(label: str | None) -> list[str]:
    return [f"--filter=label={label}"] if label else []


def _one(completed: Completed) -> Record:
    """The JSON object that the client printed."""
    try:
        record = json.loads(completed.stdout)
    except json.JSONDecodeError:
        raise ProcessError(completed.argv, completed.returncode, completed.output, completed.seconds) from None
    assert isinstance(record, dict)
    return record


def _many(completed: Completed) -> list[Record]:
    """The JSON objects that the client printed, one per line."""
    return [json.loads(line) for line in completed.stdout.splitlines() if line]
