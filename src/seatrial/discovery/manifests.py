"""Kubernetes objects that lie in files of their own, and kustomizations."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.chart.yamlstream import Document, StreamError, read
from seatrial.discovery.compose import is_compose
from seatrial.discovery.tree import MAX_BYTES, Tree, text_of

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LOOKS = (re.compile(r"^[\"']?apiVersion[\"']?:", re.MULTILINE), re.compile(r"^[\"']?kind[\"']?:", re.MULTILINE))
_LOOKS_IN_JSON = (re.compile(r"\"apiVersion\"\s*:"), re.compile(r"\"kind\"\s*:"))
_SIGNS = {".yaml": _LOOKS, ".yml": _LOOKS, ".json": _LOOKS_IN_JSON}
"""Ending of a file -> what it holds where it is a manifest; most other files are not worth parsing."""
_TEMPLATED = re.compile(r"\{\{|\{%|<%|^[ \t]*#@", re.MULTILINE)
_SETTINGS = re.compile(
    r"(?:skaffold|kind\.x-k8s\.io|kubeadm\.k8s\.io|kubelet\.config\.k8s\.io|kubeproxy\.config\.k8s\.io|apiserver\.config\.k8s\.io|"
    r"audit\.k8s\.io|client\.authentication\.k8s\.io|kustomize\.config\.k8s\.io|config\.kpt\.dev|kpt\.dev|k3d\.io|eksctl\.io|"
    r"minikube\.sigs\.k8s\.io|ctlptl\.dev|backstage\.io|kuttl\.dev|chainsaw\.kyverno\.io|cli\.kyverno\.io|helm\.toolkit|"
    r"builtin|argocd-image-updater|tilt\.dev|devspace|garden\.io|pluto|score\.dev)[./]?.*"
)
"""API groups of settings that tools read from files and that no cluster is given."""
_SAYS_PATCH = re.compile(r"^[ \t]*#.*\bpatch(?:es)?\b", re.MULTILINE | re.IGNORECASE)
_TOOLS = (("v1", "Config"), ("v1", "Policy"))
"""A kubeconfig, and what schedulers were once told."""


@dataclass(frozen=True)
class Kustomization:
    """One kustomization.

    Attributes:
        path: its file, absolute.
        uses: files and folders that it names, absolute.
        patches: of these, files that only change objects and are none themselves.
    """

    path: Path
    uses: tuple[Path, ...]
    patches: frozenset[Path]


@dataclass(frozen=True)
class Manifests:
    """Files that hold objects.

    Attributes:
        files: plain manifests, in order.
        broken: file -> why it is no YAML, or what it says twice, and the line; only files that look like manifests.
        templated: files that another tool makes manifests of.
        kustomizations: all of them.
        unread: file -> why it was not read; only files that look like manifests.
    """

    files: tuple[Path, ...] = ()
    broken: tuple[tuple[Path, str, int], ...] = ()
    templated: tuple[Path, ...] = ()
    kustomizations: tuple[Kustomization, ...] = ()
    unread: tuple[tuple[Path, str], ...] = ()


def find_manifests(tree: Tree, charts: Iterable[Path], values: Iterable[Path]) -> Manifests:
    """All manifests outside of charts.

    Args:
        tree: where to look.
        charts: folders of charts.
        values: values files.
    """
    folders, left = tuple(charts), frozenset(values)
    paths = [tree.root / name for name in tree.own if not is_compose(name)]
    outside = [path for path in paths if path not in left and not any(path.is_relative_to(folder) for folder in folders)]
    kustomizations = tuple(_kustomization(path) for path in outside if path.name in KUSTOMIZATIONS)
    patches = {patch for each in kustomizations for patch in each.patches}
    files: list[Path] = []
    broken: list[tuple[Path, str, int]] = []
    templated: list[Path] = []
    unread: list[tuple[Path, str]] = []
    for path in outside:
        signs = _SIGNS.get(path.suffix)
        if signs is None or path.name in KUSTOMIZATIONS or path in patches or "{{" in str(path):
            continue
        text = text_of(path)
        if text is None:
            problem, line = _unreadable(path, signs)
            if line:
                broken.append((path, problem, line))
            elif problem:
                unread.append((path, problem))
            continue
        if not all(sign.search(text) for sign in signs):
            continue
        try:
            documents = read(text)
        except StreamError as error:
            if _TEMPLATED.search(text):
                templated.append(path)
                continue
            broken.append((path, error.problem, error.line))
            documents = _later_wins(text)
        objects = [document.data for document in documents if is_object(document.data)]
        if objects and ("patch" in path.name or _SAYS_PATCH.search(text)) and all(map(_is_part, objects)):
            unread.append((path, "holds patches, which no kustomization names"))
        elif objects:
            files.append(path)
    return Manifests(tuple(files), tuple(broken), tuple(templated), kustomizations, tuple(unread))


def _is_part(data: Mapping[str, Any]) -> bool:
    """Whether it is a workload that can only change another one: it has neither a selector nor labels for its pods."""
    spec = data.get("spec")
    if data["kind"] not in ("Deployment", "StatefulSet", "DaemonSet") or not isinstance(spec, dict) or "selector" in spec:
        return False
    template = spec.get("template")
    metadata = template.get("metadata") if isinstance(template, dict) else None
    return not (isinstance(metadata, dict) and metadata.get("labels"))


def _later_wins(text: str) -> list[Document]:
    """The documents of a file that says something twice, as kubectl takes them; none of one that is no YAML."""
    try:
        return read(text, twice=True)
    except StreamError:
        return []


def _unreadable(path: Path, signs: Iterable[re.Pattern[str]]) -> tuple[str, int]:
    """Why a file that looks like a manifest is no text, with the line of what kubectl refuses; 0 where it may take the file.

    Both empty for a file that is no manifest.
    """
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}", 0
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = raw.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    if not all(sign.search(text) for sign in signs):
        return "", 0
    if len(raw) > MAX_BYTES:
        return f"is larger than {MAX_BYTES} bytes", 0
    if wide:
        return "is UTF-16: save it as UTF-8", 0
    return "it is no UTF-8 text", text[: text.index("\N{REPLACEMENT CHARACTER}")].count("\n") + 1


def is_object(data: Any) -> bool:
    """Whether it is an object that a cluster is given: not the settings of a tool, nor a kubeconfig."""
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str) or not isinstance(data.get("apiVersion"), str):
        return False
    group = data["apiVersion"].rpartition("/")[0]
    foreign = "." in group and not group.endswith(".k8s.io")  # of a tool, unless it says what it is called
    if foreign and not isinstance(data.get("metadata"), dict):
        return False
    return (data["apiVersion"], data["kind"]) not in _TOOLS and not _SETTINGS.fullmatch(data["apiVersion"])


def _kustomization(path: Path) -> Kustomization:
    try:
        documents = read(text_of(path) or "")
    except StreamError:
        documents = []
    data = documents[0].data if documents and isinstance(documents[0].data, dict) else {}
    uses = [*_texts(data.get("resources")), *_texts(data.get("bases")), *_texts(data.get("components"))]
    patches = [*_texts(data.get("patchesStrategicMerge")), *_named(data.get("patches")), *_named(data.get("patchesJson6902"))]
    return Kustomization(
        path=path,
        uses=tuple(_inside(path.parent, name) for name in [*uses, *patches] if "://" not in name and "\n" not in name),
        patches=frozenset(_inside(path.parent, name) for name in patches if "\n" not in name),
    )


def _inside(folder: Path, name: str) -> Path:
    return (folder / PurePosixPath(name)).resolve()


def _texts(data: Any) -> list[str]:
    return [each for each in data if isinstance(each, str)] if isinstance(data, list) else []


def _named(data: Any) -> list[str]:
    """The files of patches; those that are written out in place have none."""
    return [str(each["path"]) for each in data if isinstance(each, dict) and each.get("path")] if isinstance(data, list) else []


Key = tuple[str, str, str]


def groups(files: Sequence[Path], root: Path, objects: Mapping[Path, frozenset[Key]]) -> list[list[Path]]:
    """Manifests that are applied together: all of them, unless two folders define the same object.

    ``k8s/`` and ``backend/k8s`` belong together; ``k8s/dev`` and ``k8s/prod``, which define the same Deployments, are
    alternatives, and what lies elsewhere goes with each of them. A folder that replaces a few objects of another one, in one
    namespace, goes with the others of that one. Examples that have nothing to do with each other are kept
    apart: only what lies above a folder goes with it.

    Args:
        files: manifests.
        root: folder above all of them.
        objects: file -> (kind, namespace, name) of what it defines.
    """
    if not _folders_of_rivals(files, objects):
        return [list(files)] if files else []
    below: dict[str, list[Path]] = {}
    for path in files:
        if path.parent != root:
            below.setdefault(path.relative_to(root).parts[0], []).append(path)
    defined = {name: frozenset[Key]().union(*(objects[path] for path in paths)) for name, paths in below.items()}
    rivals = [
        name
        for name, paths in below.items()
        if _folders_of_rivals(paths, objects) or any(defined[name] & defined[other] for other in below if other != name)
    ]
    split = [name for name, paths in below.items() if _folders_of_rivals(paths, objects)]
    if _is_collection(defined, split):
        above = [path for path in files if path.parent == root]
        return [[*above, *group] for name in below for group in groups(below[name], root / name, objects)]
    common = [path for path in files if path.parent == root or path.relative_to(root).parts[0] not in rivals]
    found = []
    for name in rivals:
        whole = [other for other in rivals if other != name and _changes_little(defined[name], defined[other])]
        rest = [path for other in whole for path in below[other]]
        for group in groups(below[name], root / name, objects):
            own = frozenset[Key]().union(*(objects[path] for path in group))
            found.append([*(path for path in (*common, *rest) if not _replaced(objects[path], own)), *group])
    told = {path for group in found for path in group}
    alone = [] if told.issuperset(common) else [common]  # a file beside the folders that is another version of them all
    return [*found, *alone]


def _replaced(one: frozenset[Key], other: frozenset[Key]) -> bool:
    """Whether at least half of what a file defines is defined anew."""
    return bool(one & other) and 2 * len(one & other) >= len(one)


def _changes_little(one: frozenset[Key], other: frozenset[Key]) -> bool:
    """Whether a folder replaces a few objects of another one and needs its others: a namespace holds the two together."""
    named = any(namespace not in ("", "default") for _, namespace, _ in one & other)
    return named and 2 * len(one & other) < max(len(one), len(other))


def _is_collection(defined: Mapping[str, frozenset[Key]], split: Sequence[str]) -> bool:
    """Whether folders are examples that have nothing to do with each other.

    So it is where, in three places, two folders share the odd name or a folder holds alternatives of its own, and no namespace
    holds them together.

    Args:
        defined: folder -> what it defines.
        split: folders that hold alternatives.
    """
    pairs = [(one & other, max(len(one), len(other))) for one, other in combinations(defined.values(), 2) if one & other]
    odd = [names for names, most in pairs if 2 * len(names) < most]
    named = {namespace for names in (*odd, *(defined[name] for name in split)) for _, namespace, _ in names}
    return len(odd) + len(split) >= 3 and named <= {"", "default"}


def _folders_of_rivals(files: Sequence[Path], objects: Mapping[Path, frozenset[Key]]) -> bool:
    """Whether an object is defined in more than one folder."""
    homes: dict[Key, Path] = {}
    return any(homes.setdefault(key, path.parent) != path.parent for path in files for key in objects[path])
