import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import ChecksumError, ToolchainError
from seatrial.toolchain import Source, Toolchain, getting, lock, packages, ways
from seatrial.toolchain.lock import Lock
from seatrial.toolchain.model import Progress, State, Tool, Ways
from seatrial.toolchain.registries import RegistrySettings

RELEASE = b"#!/bin/sh\necho tool v1.5.0\n"
NOTHING = Ways(downloads=False, images=False, go=False, python=False, npm=False, debian=False)


@pytest.fixture
def entry(server) -> dict[str, Any]:
    """A tool that can be on PATH, downloaded, or built."""
    return {
        "version": "1.5.0",
        "minimum": "1.4.0",
        "programs": ["tool"],
        "download": {"url": f"{server.url}/tool", "checksum_url": "{url}.sha256"},
        "build": {"graph": "pause", "package": "seatrial.build/tool", "seconds": 5},
    }


@pytest.fixture
def chain(
    server, settings: RegistrySettings, lock_of: Callable[..., Lock], entry: dict[str, Any], tmp_path: Path, on_path, monkeypatch
):
    """Makes toolchains whose release host and Go proxy are the loopback server; building is a stand-in that notes its calls."""
    monkeypatch.setattr(ways, "REGISTRIES", ())
    built: list[list[str]] = []

    def build(self: object, graph: str, names: list[str]) -> dict[str, Tool]:
        built.append(list(names))
        return {name: Tool(name, Path(name), "1.5.0", Source.BUILT, "", "lock") for name in names}

    monkeypatch.setattr("seatrial.toolchain.gobuild.GoBuilder.build", build)
    made: list[Toolchain] = []

    def make(progress: Callable[[Progress], None] | None = None) -> Toolchain:
        locked = lock_of({"tool": entry}, {"pause": {"batches": [["tool"]]}})
        made.append(Toolchain(tmp_path / "cache", locked=locked, settings=settings, progress=progress))
        return made[-1]

    make.built = built  # type: ignore[attr-defined]
    yield make
    for toolchain in made:
        toolchain.close()


def open_download(server, body: bytes = RELEASE) -> None:
    server.answers |= {"/tool": body, "/tool.sha256": hashlib.sha256(RELEASE).hexdigest().encode()}


def open_go(server) -> None:
    server.answers["/go/k8s.io/kubernetes/@v/list"] = b"v1.34.4"


def test_a_program_of_the_host_that_fits_is_used(chain, on_path, server) -> None:
    path = on_path("tool", "tool v1.4.2")
    open_download(server)
    tool = chain().tool("tool")
    assert (tool.path, tool.version, tool.source, tool.checksum_from) == (path, "1.4.2", Source.HOST, "host")
    assert server.asked == [], "nothing is asked of the network"


@pytest.mark.parametrize("says", ["tool v1.3.9", "no version at all", None])
def test_a_program_that_is_too_old_or_missing_is_downloaded(says: str | None, chain, on_path, server, tmp_path: Path) -> None:
    if says:
        on_path("tool", says)
    open_download(server)
    open_go(server)
    tool = chain().tool("tool")
    assert (tool.version, tool.source, tool.checksum_from) == ("1.5.0", Source.DOWNLOADED, "publisher, first use")
    assert tool.path == tmp_path / "cache/tools/tool/1.5.0/tool" and tool.path.read_bytes() == RELEASE
    assert chain.built == []


def test_what_was_downloaded_is_there_for_the_next_run(chain, server) -> None:
    open_download(server)
    first = chain().tool("tool")
    asked = len(server.asked)
    assert chain().tool("tool") == first and len(server.asked) == asked


def test_a_closed_download_leads_to_a_build(chain, server) -> None:
    open_go(server)
    assert chain().tool("tool").source is Source.BUILT
    assert chain.built == [["tool"]]


def test_a_download_that_breaks_leads_to_a_build(chain, server) -> None:
    open_download(server)
    open_go(server)
    server.answers["/tool"] = 404
    events: list[Progress] = []
    assert chain(events.append).tool("tool").source is Source.BUILT
    assert any("could not be fetched: status 404" in event.what for event in events)


def test_a_wrong_download_never_leads_to_a_build(chain, server) -> None:
    open_download(server, RELEASE + b"evil")
    open_go(server)
    with pytest.raises(ChecksumError, match="is not what"):
        chain().tool("tool")
    assert chain.built == []


def test_a_download_that_says_another_version_is_refused(chain, server) -> None:
    body = b"#!/bin/sh\necho tool v1.0.0\n"
    server.answers |= {"/tool": body, "/tool.sha256": hashlib.sha256(body).hexdigest().encode()}
    with pytest.raises(ToolchainError, match=r"says that it is 1\.0\.0"):
        chain().tool("tool")


def test_no_way_says_why_and_what_to_do(chain, on_path, entry: dict[str, Any]) -> None:
    entry["todo"] = "Install it."
    path = on_path("tool", "tool v1.3.9")
    events: list[Progress] = []
    with pytest.raises(ToolchainError) as refused:
        chain(events.append).tool("tool")
    said = str(refused.value)
    assert f"{path} is 1.3.9" in said and "go is closed (answers with status 404" in said and said.endswith("Install it.")
    assert [event.state for event in events] == [State.FAILED]


def test_a_fault_is_not_remembered(chain, server) -> None:
    toolchain = chain()
    with pytest.raises(ToolchainError):
        toolchain.tool("tool")
    open_go(server)
    toolchain._ways = None
    (toolchain.cache / "ways.json").unlink()
    assert toolchain.tool("tool").source is Source.BUILT


def test_a_tool_that_was_asked_for_twice_is_got_once(chain, server) -> None:
    open_download(server)
    toolchain = chain()
    threads = [threading.Thread(target=toolchain.tool, args=("tool",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert server.asked.count("/tool") == 1


def test_an_unknown_name_is_refused_before_anything_starts(chain) -> None:
    with pytest.raises(ToolchainError, match="knows no tool ghost"):
        chain().start(["tool", "ghost"])


def test_the_survey_builds_nothing(chain, server, on_path) -> None:
    path = on_path("tool", "tool v1.3.9")
    open_go(server)
    (row,) = chain().survey()
    assert (row.name, row.needed, row.version, row.way) == ("tool", ">= 1.4.0", None, "build from Go modules")
    assert row.estimate > 0 and row.note == f"{path} is 1.3.9" and chain.built == []


def test_the_survey_shows_what_is_there_and_what_is_not_to_be_had(chain, on_path, entry: dict[str, Any]) -> None:
    entry["todo"] = "Install it."
    (row,) = chain().survey()
    assert (row.way, row.note) == ("none", "Install it.")
    on_path("tool", "tool v1.9.0")
    (row,) = chain().survey()
    assert (row.version, row.source, row.way, row.estimate) == ("1.9.0", Source.HOST, "", 0.0)


def test_progress_comes_one_at_a_time_and_ends_with_done(chain, server) -> None:
    open_download(server)
    inside: list[int] = []

    def progress(event: Progress) -> None:
        inside.append(1)
        assert len(inside) == 1
        events.append(event)
        inside.pop()

    events: list[Progress] = []
    chain(progress).tool("tool")
    assert [event.state for event in events][-1] is State.DONE
    assert {"downloading", "done"} <= {event.what for event in events} and str(events[0]).startswith("tool: downloading")


@pytest.mark.parametrize(
    ("name", "open_ways", "expected"),
    [
        ("minikube", {"go": True}, ["build"]),
        ("minikube", {"go": True, "hosts": {"storage.googleapis.com": True}}, ["download", "build"]),
        ("kubelet", {"hosts": {"dl.k8s.io": True}}, ["download"]),
        ("metrics-server", {"downloads": True, "hosts": {"github.com": True}}, []),
        ("go", {"python": True}, ["python"]),
        ("checkov", {"python": True, "go": True}, ["python"]),
        ("chromium", {"debian": True}, ["debian"]),
        ("chromium", {"debian": True, "downloads": True}, ["playwright", "debian"]),
        ("docker", {"go": True, "python": True, "debian": True, "downloads": True}, []),
    ],
)
def test_the_ways_to_each_tool(
    name: str, open_ways: dict[str, Any], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    monkeypatch.setattr(packages, "has_apt", lambda: True)
    assert getting.plan(lock.shipped().tools[name], "linux/amd64", dataclasses.replace(NOTHING, **open_ways)) == expected


def test_debian_packages_are_no_way_on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    monkeypatch.setattr(packages, "has_apt", lambda: True)
    assert getting.plan(lock.shipped().tools["chromium"], "darwin/arm64", dataclasses.replace(NOTHING, debian=True)) == []
