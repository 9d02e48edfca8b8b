from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.discovery.manifests import find_manifests, groups
from seatrial.discovery.tree import Tree

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def test_objects_of_a_cluster_and_nothing_else(tree: Callable[..., Tree]):
    made = tree(
        {
            "k8s/pod.yaml": POD,
            "k8s/quoted.yml": '"kind": Pod\n"apiVersion": v1\n',
            "k8s/several.yaml": f"---\n{POD}---\n{POD}",
            "k8s/empty.yaml": "",
            "chart/templates/pod.yaml": POD,
            "kind.yaml": "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n",
            "kubeconfig.yaml": "apiVersion: v1\nkind: Config\nclusters: []\n",
            "skaffold.yaml": "apiVersion: skaffold/v4beta7\nkind: Config\n",
            "openapi.yaml": "info: {}\n",
            "k8s/pod.json": '{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "b"}}',
            "package.json": '{"kind": "of a package"}',
            "tool.yaml": "apiVersion: schema.example.dev/v1\nkind: Config\nvalidate: {}\n",
            "scheduler.json": '{"kind": "Policy", "apiVersion": "v1"}',
            "docker-compose.yaml": "services: {}\n",
            "templated.yaml": "apiVersion: v1\nkind: Pod\n{% if x %}\n",
            "helm-like.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  {{ name }}\n",
            "broken.yaml": "apiVersion: v1\nkind: Pod\n  a: [\n",
            "other-broken.yaml": "a: [\n",
        }
    )
    found = find_manifests(made, [made.root / "chart"], [])
    assert [made.name(path) for path in found.files] == ["k8s/pod.json", "k8s/pod.yaml", "k8s/quoted.yml", "k8s/several.yaml"]
    assert [made.name(path) for path, _, _ in found.broken] == ["broken.yaml"]
    assert sorted(made.name(path) for path in found.templated) == ["helm-like.yaml", "templated.yaml"]


def test_kustomizations_and_their_patches(tree: Callable[..., Tree]):
    made = tree(
        {
            "base/kustomization.yaml": "resources: [pod.yaml]\n",
            "base/pod.yaml": POD,
            "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: more.yaml}]\npatchesStrategicMerge: [old.yaml]\n",
            "prod/more.yaml": POD,
            "prod/old.yaml": POD,
            "odd/kustomization.yaml": "resources: 5\npatches: [a, {patch: '- op: add'}]\n",
            "broken/kustomization.yaml": "a: [\n",
        }
    )
    found = find_manifests(made, [], [])
    assert [made.name(path) for path in found.files] == ["base/pod.yaml"]
    assert len(found.kustomizations) == 4
    prod = next(each for each in found.kustomizations if each.path.parent.name == "prod")
    assert [made.name(path) for path in prod.uses] == ["base", "prod/old.yaml", "prod/more.yaml"]


PART = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {%s template: {metadata: {%s}, spec: {}}}\n"


@pytest.mark.parametrize(
    ("name", "text", "patch"),
    [
        ("web.yaml", "# An example patch.\n" + PART % ("", "annotations: {a: b}"), True),
        ("web-patch.yaml", PART % ("", ""), True),
        ("web.yaml", PART % ("", ""), False),
        ("web-patch.yaml", PART % ("selector: {},", ""), False),
        ("web-patch.yaml", PART % ("", "labels: {app: web}"), False),
        ("web-patch.yaml", PART % ("", "") + "---\n" + POD, False),
        ("web-patch.yaml", POD, False),
    ],
)
def test_what_can_only_be_a_patch_is_no_manifest(name: str, text: str, patch: bool, tree: Callable[..., Tree]):
    made = tree({name: text})
    found = find_manifests(made, [], [])
    assert [path.name for path in found.files] == ([] if patch else [name])
    assert [path.name for path, _ in found.unread] == ([name] if patch else [])


def keys(*names: str) -> frozenset[tuple[str, str, str]]:
    return frozenset(("Service", "", name) for name in names)


def test_manifests_of_one_application_are_applied_together():
    root = Path("/r")
    objects = {root / "k8s/db.yaml": keys("db"), root / "web/k8s/web.yaml": keys("web"), root / "all.yaml": keys("all")}
    assert groups(list(objects), root, objects) == [list(objects)]


def test_folders_that_define_the_same_are_alternatives():
    root = Path("/r")
    shared, dev, prod, other = root / "k8s/db.yaml", root / "k8s/dev/web.yaml", root / "k8s/prod/web.yaml", root / "jobs/a.yaml"
    objects = {shared: keys("db"), dev: keys("web"), prod: keys("web"), other: keys("a")}
    assert groups([shared, dev, prod, other], root, objects) == [[other, shared, dev], [other, shared, prod]]


def test_copies_in_one_folder_are_no_alternatives():
    root = Path("/r")
    objects = {root / "k8s/web.yaml": keys("web"), root / "k8s/web-old.yaml": keys("web")}
    assert groups(list(objects), root, objects) == [list(objects)]


def test_examples_that_share_the_odd_name_are_kept_apart():
    root = Path("/r")
    names = {"cache": ("web", "cache", "store"), "blog": ("web", "blog", "posts"), "shop": ("web", "cart", "stock")}
    objects = {root / f"{folder}/all.yaml": keys(*held) for folder, held in names.items()}
    above, more = root / "above.yaml", root / "shop/deep/more.yaml"
    objects |= {above: keys("ns"), more: keys("more")}
    files = sorted(objects)
    assert groups(files, root, objects) == [
        [above, root / "blog/all.yaml"],
        [above, root / "cache/all.yaml"],
        [above, root / "shop/all.yaml", more],
    ]


def test_a_namespace_holds_folders_together():
    root = Path("/r")
    base = {(kind, "shop", name) for kind in ("Service", "Deployment") for name in ("web", "api", "db")}
    objects = {
        root / "plain/all.yaml": frozenset(base),
        root / "traced/all.yaml": frozenset([("Deployment", "shop", "web"), ("Service", "shop", "tracer")]),
        root / "metered/all.yaml": frozenset([("Deployment", "shop", "api"), ("Deployment", "shop", "db")]),
        root / "scaling/all.yaml": frozenset([("HorizontalPodAutoscaler", "shop", "web")]),
    }
    assert all(root / "scaling/all.yaml" in group for group in groups(sorted(objects), root, objects))


def test_a_file_that_holds_everything_is_an_alternative_to_the_folders():
    root = Path("/r")
    whole, one, two, scale = root / "all.yaml", root / "plain/a.yaml", root / "traced/a.yaml", root / "scale/a.yaml"
    objects = {whole: keys("web", "db"), one: keys("web", "db"), two: keys("web"), scale: keys("limits")}
    assert groups(sorted(objects), root, objects) == [[scale, one], [scale, two], [whole, scale]]


def test_a_folder_that_replaces_a_few_objects_goes_with_the_others():
    root = Path("/r")
    web, rest, other = root / "plain/web.yaml", root / "plain/rest.yaml", root / "traced/web.yaml"
    objects = {web: keys("web"), rest: keys("api", "db", "mail"), other: keys("web", "tracer")}
    named = {path: frozenset((kind, "shop", name) for kind, _, name in held) for path, held in objects.items()}
    assert groups(sorted(named), root, named) == [[rest, web], [rest, other]]
    assert groups(sorted(objects), root, objects) == [[rest, web], [other]], "without a namespace they have nothing in common"
