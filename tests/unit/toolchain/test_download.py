import hashlib
import io
import json
import tarfile
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from seatrial.errors import ChecksumError, ToolchainError
from seatrial.toolchain.download import FROM_LOCK, FROM_PUBLISHER, Downloader, TransferError, published_digest, unpack
from seatrial.toolchain.lock import Entry
from seatrial.toolchain.registries import RegistrySettings

MACHINE = "linux/amd64"
BODY = b"#!/bin/sh\necho 1.2.3\n" + b"x" * 5000
DIGEST = hashlib.sha256(BODY).hexdigest()


def entry(server, member: str | None = None, sha256: str | None = None) -> Entry:
    download = {"url": f"{server.url}/v{{version}}/tool-{{os}}-{{arch}}", "checksum_url": "{url}.sha256", "member": member}
    download["sha256"] = {MACHINE: sha256} if sha256 else {}
    return Entry.model_validate({"version": "1.2.3", "minimum": "1.0", "download": download})


@pytest.fixture
def downloader(settings: RegistrySettings, tmp_path: Path) -> Downloader:
    return Downloader(settings, tmp_path / "first-use.json", slow=(50_000, 0.3))


@pytest.fixture
def fetch(downloader: Downloader, tmp_path: Path) -> Callable[[Entry], tuple[bytes, str]]:
    staging = tmp_path / "staging"
    staging.mkdir()

    def get(entry: Entry) -> tuple[bytes, str]:
        path, checksum = downloader.fetch("tool", entry, MACHINE, staging, lambda what: None)
        return path.read_bytes(), checksum.source

    return get


RELEASE = "/v1.2.3/tool-linux-amd64"


def test_a_good_release_is_verified_and_recorded_on_first_use(server, fetch, tmp_path: Path) -> None:
    server.answers |= {RELEASE: BODY, f"{RELEASE}.sha256": f"{DIGEST}\n".encode()}
    assert fetch(entry(server)) == (BODY, FROM_PUBLISHER)
    assert json.loads((tmp_path / "first-use.json").read_text()) == {f"{server.url}{RELEASE}": DIGEST}


def test_a_checksum_of_the_lock_needs_no_publisher(server, fetch, tmp_path: Path) -> None:
    server.answers[RELEASE] = BODY
    assert fetch(entry(server, sha256=DIGEST)) == (BODY, FROM_LOCK)
    assert server.asked == [RELEASE] and not (tmp_path / "first-use.json").exists()


@pytest.mark.parametrize("from_lock", [True, False])
def test_a_bad_checksum_is_refused_and_nothing_kept(from_lock: bool, server, fetch, tmp_path: Path) -> None:
    server.answers |= {RELEASE: BODY + b"evil", f"{RELEASE}.sha256": DIGEST.encode()}
    with pytest.raises(ChecksumError, match=r"is not what (lock|publisher, first use) names") as refused:
        fetch(entry(server, sha256=DIGEST if from_lock else None))
    assert not isinstance(refused.value, TransferError), "a wrong file must not lead to another way in silence"
    assert list((tmp_path / "staging").iterdir()) == [] and not (tmp_path / "first-use.json").exists()


def test_a_publisher_who_changes_a_release_is_noticed(server, fetch) -> None:
    server.answers |= {RELEASE: BODY, f"{RELEASE}.sha256": DIGEST.encode()}
    fetch(entry(server))
    other = BODY + b"changed"
    server.answers |= {RELEASE: other, f"{RELEASE}.sha256": hashlib.sha256(other).hexdigest().encode()}
    with pytest.raises(ChecksumError, match="has another checksum now"):
        fetch(entry(server))


@pytest.mark.parametrize("checksums", [None, b"", b"<html>log in</html>", b"0" * 64 + b"  other-tool\n"])
def test_a_missing_checksum_is_a_transfer_fault(checksums: bytes | None, server, fetch, tmp_path: Path) -> None:
    server.answers[RELEASE] = BODY
    if checksums is not None:
        server.answers[f"{RELEASE}.sha256"] = checksums
    with pytest.raises(TransferError):
        fetch(entry(server))
    assert RELEASE not in server.asked, "the file must not be fetched when nobody vouches for it"


def broken(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("content-length", str(len(BODY)))
    request.end_headers()
    request.wfile.write(BODY[:1000])
    request.wfile.flush()
    request.close_connection = True


def test_a_broken_transfer_is_begun_anew(server, fetch) -> None:
    breaks = iter([broken])

    def once(request: BaseHTTPRequestHandler) -> None:
        if next(breaks, None):
            broken(request)
        else:
            server.answers[RELEASE] = BODY
            request.send_response(200)
            request.send_header("content-length", str(len(BODY)))
            request.end_headers()
            request.wfile.write(BODY)

    server.answers |= {RELEASE: once, f"{RELEASE}.sha256": DIGEST.encode()}
    assert fetch(entry(server)) == (BODY, FROM_PUBLISHER)
    assert server.asked.count(RELEASE) == 2


def test_a_transfer_that_stays_broken_is_given_up_and_leaves_nothing(server, fetch, tmp_path: Path) -> None:
    server.answers |= {RELEASE: broken, f"{RELEASE}.sha256": DIGEST.encode()}
    with pytest.raises(TransferError, match="could not be fetched"):
        fetch(entry(server))
    assert server.asked.count(RELEASE) == 3
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_slow_transfer_is_given_up(server, fetch) -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", str(10_000_000))
        request.end_headers()
        for _ in range(200):
            try:
                request.wfile.write(b"x" * 100)
                request.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)

    server.answers |= {RELEASE: trickle, f"{RELEASE}.sha256": DIGEST.encode()}
    began = time.monotonic()
    with pytest.raises(TransferError, match="comes too slowly"):
        fetch(entry(server))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(("status", "asked"), [(403, 1), (404, 1), (503, 3)])
def test_a_no_is_final_and_a_hiccup_is_not(status: int, asked: int, server, fetch) -> None:
    server.answers |= {RELEASE: status, f"{RELEASE}.sha256": DIGEST.encode()}
    with pytest.raises(TransferError, match=f"status {status}"):
        fetch(entry(server))
    assert server.asked.count(RELEASE) == asked


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in members.items():
            item = tarfile.TarInfo(name.replace("__", "/"))
            item.size = len(body)
            tar.addfile(item, io.BytesIO(body))
    return buffer.getvalue()


def test_one_member_is_taken_out_of_an_archive(server, fetch, tmp_path: Path) -> None:
    packed = archive(**{"linux-amd64__LICENSE": b"no", "linux-amd64__tool": BODY})
    server.answers |= {RELEASE: packed, f"{RELEASE}.sha256": f"{hashlib.sha256(packed).hexdigest()}  tool-linux-amd64".encode()}
    assert fetch(entry(server, member="{os}-{arch}/tool")) == (BODY, FROM_PUBLISHER)
    assert [path.name for path in (tmp_path / "staging").iterdir()] == ["tool"]


@pytest.mark.parametrize(
    "packed",
    [archive(other=b"x"), b"no archive", archive(tool=BODY * 50)[:-40]],
    ids=["without the tool", "no archive", "cut off"],
)
def test_a_wrong_archive_is_a_sentence(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(packed)
    with pytest.raises(TransferError, match="tool"):
        unpack(tmp_path / "a", "tool", tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("A" * 64, "a" * 64),
        ("a" * 64 + "  tool.tgz\n", "a" * 64),
        ("a" * 64 + " *./dist/tool.tgz\n" + "b" * 64 + "  other.tgz", "a" * 64),
        ("a" * 64 + "  tool.tgz\n" + "b" * 64 + "  tool.tgz", None),
        ("a" * 64 + "\n" + "b" * 64, None),
        ("a" * 63, None),
        ("", None),
    ],
)
def test_checksum_files_of_both_kinds_are_read(text: str, digest: str | None) -> None:
    assert published_digest(text, "tool.tgz") == digest


def test_a_torn_first_use_file_is_not_overwritten_in_silence(server, fetch, tmp_path: Path) -> None:
    (tmp_path / "first-use.json").write_text('{"https')
    server.answers |= {RELEASE: BODY, f"{RELEASE}.sha256": DIGEST.encode()}
    with pytest.raises(ToolchainError, match="cannot be read"):
        fetch(entry(server))
