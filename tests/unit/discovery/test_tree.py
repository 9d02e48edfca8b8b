from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.discovery import tree as tree_module
from seatrial.discovery.tree import MAX_BYTES, Tree, narrowed, text_of, walk


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_folders_of_others_are_left_out_and_counted(tree: Callable[..., Tree]):
    found = tree(
        {
            "Dockerfile": "",
            "web/node_modules/a/Chart.yaml": "",
            "api/node_modules/b.js": "",
            "vendor/x.yaml": "",
            "env/pyvenv.cfg": "",
            "env/lib/chart/Chart.yaml": "",
        }
    )
    assert found.names == ("Dockerfile",)
    assert found.skipped == {"node_modules": 2, "vendor": 1, "virtual environments and caches": 1}


def test_the_folder_itself_is_never_left_out(tree: Callable[..., Tree]):
    inside = tree({"node_modules/chart/Chart.yaml": "name: x"}).root / "node_modules"
    assert walk(inside).names == ("chart/Chart.yaml",)


def test_what_git_ignores_is_known_but_not_judged(tree: Callable[..., Tree]):
    root = tree({".gitignore": "build/\n.env\n", "build/k8s.yaml": "", ".env": "A=b", "k8s.yaml": ""}).root
    git(root, "init")
    found = walk(root)
    assert found.names == (".env", ".gitignore", "k8s.yaml")
    assert found.own == (".gitignore", "k8s.yaml")
    assert found.skipped == {".git": 1, "ignored by git": 1}


def test_a_folder_that_git_ignores_as_a_whole_is_judged_all_the_same(tree: Callable[..., Tree]):
    root = tree({".gitignore": "copy/\n", "copy/k8s.yaml": ""}).root
    git(root, "init")
    assert walk(root / "copy").own == ("k8s.yaml",)


def test_settings_of_a_repository_start_no_program(tree: Callable[..., Tree]):
    root = tree({"k8s.yaml": ""}).root
    git(root, "init")
    trap = root.parent / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {root.parent}/sprung\n")
    trap.chmod(0o755)
    git(root, "config", "core.fsmonitor", str(trap))
    assert walk(root).own == ("k8s.yaml",)
    assert not (root.parent / "sprung").exists()


def test_links_lead_nowhere_outside(tree: Callable[..., Tree], tmp_path: Path):
    root = tree({"k8s/web.yaml": "kind: Pod"}).root
    (tmp_path / "secret.yaml").write_text("kind: Secret")
    (root / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "in.yaml").symlink_to(root / "k8s" / "web.yaml")
    (root / "loop").symlink_to(root)
    (root / "self.yaml").symlink_to(root / "self.yaml")
    os.mkfifo(root / "pipe.yaml")
    assert walk(root).names == ("in.yaml", "k8s/web.yaml")


def test_names_that_cannot_be_shown_are_left_out(tree: Callable[..., Tree]):
    root = tree({"a.yaml": ""}).root
    (root / "b\x1b[31m.yaml").write_text("")
    (Path(os.fsdecode(os.fsencode(root) + b"/c\xff.yaml"))).write_text("")
    found = walk(root)
    assert found.names == ("a.yaml",) and found.skipped == {"unprintable names": 2}


def test_a_tree_without_end_is_cut_off(tree: Callable[..., Tree], monkeypatch: pytest.MonkeyPatch):
    root = tree({f"{number}.yaml": "" for number in range(5)}).root
    monkeypatch.setattr(tree_module, "MAX_FILES", 3)
    found = walk(root)
    assert len(found.names) == 3 and found.cut


def test_one_file_alone_is_judged(tree: Callable[..., Tree]):
    root = tree({"k8s/a.yaml": "", "k8s/b.yaml": ""}).root
    found = narrowed(root / "k8s" / "a.yaml")
    assert found.own == ("a.yaml",) and found.names == ("a.yaml", "b.yaml")


def test_what_is_no_text_is_none(tmp_path: Path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_bytes(b"a" * (MAX_BYTES + 1))
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbfa: 1")
    assert text_of(tmp_path / "binary") is None
    assert text_of(tmp_path / "large") is None
    assert text_of(tmp_path / "missing") is None
    assert text_of(tmp_path / "marked") == "a: 1"
