from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from seatrial.cluster.oci import Extract, File, Image, Link, image_ids, write_archive
from seatrial.errors import ClusterError


def read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: handle.read() for member in tar if (handle := tar.extractfile(member))}


def blob(content: dict[str, bytes], digest: str) -> bytes:
    data = content["blobs/sha256/" + digest.removeprefix("sha256:")]
    assert hashlib.sha256(data).hexdigest() == digest.removeprefix("sha256:")
    return data


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF" + b"x" * 3000)
    return path


def test_an_image_is_written_as_the_specification_says(tmp_path: Path, program: Path) -> None:
    image = Image(("registry.example/one:1",), ((File("usr/local/bin/one", program), Link("bin/sh", "one")),), ("/usr/local/bin/one",), user="65535", labels={"a": "b"})  # fmt: skip
    ids = write_archive([image], tmp_path / "out.tar", architecture="amd64")
    content = read(tmp_path / "out.tar")
    assert json.loads(content["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    entry = json.loads(content["index.json"])["manifests"][0]
    assert entry["annotations"] == {"io.containerd.image.name": "registry.example/one:1"}
    manifest: dict[str, Any] = json.loads(blob(content, entry["digest"]))
    config: dict[str, Any] = json.loads(blob(content, manifest["config"]["digest"]))
    assert ids == {"registry.example/one:1": manifest["config"]["digest"]}
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/one"] and config["config"]["User"] == "65535"
    layer = blob(content, manifest["layers"][0]["digest"])
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        members = {member.name: member for member in tar}
    assert members["usr/local/bin/one"].mode == 0o755 and members["usr/local/bin"].isdir()
    assert members["bin/sh"].linkname == "one"
    assert all((member.uid, member.mtime) == (0, 0) for member in members.values())


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, program: Path) -> None:
    image = Image(("a:1",), ((File("one", program),),), ("/one",))
    write_archive([image], tmp_path / "1.tar", architecture="amd64")
    program.touch()
    write_archive([image], tmp_path / "2.tar", architecture="amd64")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_layers_that_images_share_are_stored_once(tmp_path: Path, program: Path) -> None:
    base = (File("base", b"b" * 5000, 0o644),)
    images = [Image((f"i:{n}",), (base, (File("own", str(n).encode()),)), ("/own",)) for n in range(3)]
    ids = write_archive(images, tmp_path / "out.tar", architecture="arm64")
    content = read(tmp_path / "out.tar")
    assert len(set(ids.values())) == 3
    # one base, three layers, three configurations, three manifests, and two files of the layout
    assert len(content) == 1 + 3 * 3 + 2


def test_layers_that_look_alike_but_differ_are_not_mixed_up(tmp_path: Path) -> None:
    images = (Image((f"i:{n}",), ((File("same/path", str(n).encode()),),), ("/same/path",)) for n in range(20))
    ids = write_archive(images, tmp_path / "out.tar", architecture="amd64")
    assert len(set(ids.values())) == 20


def test_entries_of_a_package_tree_are_taken_over(tmp_path: Path) -> None:
    tree = tmp_path / "tree.tar"
    with tarfile.open(tree, "w") as tar:
        for name in ("./bin/tool", "./usr/share/doc/tool"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid, info.mode = 4, 1234, 1000, 0o755
            tar.addfile(info, io.BytesIO(b"tool"))
        link = tarfile.TarInfo("./bin/alias")
        link.type, link.linkname = tarfile.SYMTYPE, "tool"
        tar.addfile(link)
    image = Image(("t:1",), ((Extract(tree, lambda path: path.startswith("bin/")),),), ("/bin/tool",))
    write_archive([image], tmp_path / "out.tar", architecture="amd64")
    content = read(tmp_path / "out.tar")
    layers = [data for name, data in content.items() if name.startswith("blobs/") and not data.startswith(b"{")]
    with tarfile.open(fileobj=io.BytesIO(layers[0])) as tar:
        found = {member.name: (member.uid, member.mtime, member.linkname) for member in tar if not member.isdir()}
    assert found == {"bin/tool": (0, 0, ""), "bin/alias": (0, 0, "tool")}


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    image = Image(("a:1",), ((File("one", tmp_path / "absent"),),), ("/one",))
    with pytest.raises(ClusterError, match="absent is missing"):
        write_archive([image], tmp_path / "out.tar", architecture="amd64")
    assert not (tmp_path / "out.tar").exists()


@pytest.mark.parametrize("config", ["blobs/sha256/abc", "abc.json"])
def test_image_ids_of_an_archive_by_docker_save(tmp_path: Path, config: str) -> None:
    listed = json.dumps(
        [{"Config": config, "RepoTags": ["todo:1", "todo:latest"], "Layers": []}, {"Config": "x.json", "RepoTags": None}]
    ).encode()
    archive = tmp_path / "saved.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("manifest.json")
        info.size = len(listed)
        tar.addfile(info, io.BytesIO(listed))
    assert image_ids(archive) == {"todo:1": "sha256:abc", "todo:latest": "sha256:abc"}


def test_something_else_than_an_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("no tar")
    with pytest.raises(ClusterError, match="not an archive of images"):
        image_ids(tmp_path / "x.tar")
