from __future__ import annotations

import re
from concurrent.futures import Future
from pathlib import Path

import pytest

from seatrial.cluster import addons, images, node_image
from seatrial.cluster.oci import File
from seatrial.toolchain.model import Source, Tool

VALUES = {
    "coredns": "v1.12.1",
    "kube_router": "2.2.1",
    "local_path_provisioner": "0.0.30",
    "metrics_server": "0.9.0",
    "traefik": "3.5.3",
    "busybox": "1.35",
}


class FakePrograms:
    """Has every tool, except those that are named."""

    def __init__(self, *missing: str, version: str = "1.2.3") -> None:
        self.missing = missing
        self.version = version

    def tool(self, name: str) -> Tool:
        return Tool(name, Path("/tools") / name, self.version, Source.BUILT, f"{name}-sum", "lock")

    def start(self, names: list[str]) -> dict[str, Future[Tool]]:
        futures: dict[str, Future[Tool]] = {name: Future() for name in names}
        for name in set(names) - set(self.missing):
            futures[name].set_result(self.tool(name))
        return futures


def documents(name: str) -> list[dict[str, object]]:
    return addons.load(name, VALUES)


@pytest.mark.parametrize("name", [*addons.FIRST, addons.METRICS_API])
def test_addons_are_whole(name: str) -> None:
    found = documents(name)
    assert found and all({"apiVersion", "kind", "metadata"} <= set(one) for one in found)
    assert "$" not in str(found).replace("$VOL_DIR", "").replace("$(KUBERNETES_SERVICE_HOST)", "")


def test_a_placeholder_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(KeyError):
        addons.load(addons.POLICY, {})


def test_every_image_that_an_addon_names_is_in_the_node() -> None:
    named = {match for name in addons.FIRST for match in re.findall(r"seatrial\.local/[\w.-]+:[\w.-]+", str(documents(name)))}
    versions = {"kube-router": "2.2.1", "local-path-provisioner": "0.0.30", "metrics-server": "0.9.0", "traefik": "3.5.3"}
    made = {
        name.format(version=versions[plan.tool])
        for plan in (*images.PLANS, images.INGRESS)
        if plan.tool in versions
        for name in plan.names
    }
    assert named == made | {images.BUSYBOX}


def test_exactly_one_default_storage_class_and_the_ingress_class_nginx() -> None:
    classes = [one for one in documents(addons.VOLUMES) if one["kind"] == "StorageClass"]
    assert [one["metadata"]["name"] for one in classes] == ["standard"]  # type: ignore[index]
    ingress = [one for one in documents(addons.INGRESS) if one["kind"] == "IngressClass"]
    assert [one["metadata"]["name"] for one in ingress] == ["nginx"]  # type: ignore[index]


def test_kubeadm_finds_every_image_that_it_asks_for() -> None:
    names = {name.format(version="1.34.4") for plan in images.PLANS for name in plan.names}
    assert names >= {
        "registry.k8s.io/kube-apiserver:v1.34.4",
        "registry.k8s.io/kube-controller-manager:v1.34.4",
        "registry.k8s.io/kube-scheduler:v1.34.4",
        "registry.k8s.io/kube-proxy:v1.34.4",
        "registry.k8s.io/etcd:3.6.5-0",
        "registry.k8s.io/coredns/coredns:v1.12.1",
        "registry.k8s.io/pause:3.10.1",
    }


def test_an_image_is_its_program_on_its_base(tmp_path: Path) -> None:
    plans = {plan.tool: plan for plan in images.PLANS}
    proxy = images.image(plans["kube-proxy"], FakePrograms(version="1.34.4"), tmp_path / "packages.tar")  # type: ignore[arg-type]
    router = images.image(plans["kube-router"], FakePrograms(), tmp_path / "packages.tar")  # type: ignore[arg-type]
    assert proxy.names == ("registry.k8s.io/kube-proxy:v1.34.4",)
    assert proxy.layers[-1] == (File("usr/local/bin/kube-proxy", Path("/tools/kube-proxy")),)
    assert proxy.layers[0] is router.layers[0]  # so the archive holds it once
    assert proxy.labels["seatrial.stand-in"] == "true"
    assert images.image(plans["agnhost"], FakePrograms(), tmp_path).entrypoint == ("/agnhost",)  # type: ignore[arg-type]


def test_the_base_with_iptables_leaves_out_what_nobody_needs() -> None:
    assert images._netfilter("usr/sbin/xtables-nft-multi") and images._netfilter("usr/lib/x86_64-linux-gnu/xtables/libxt_set.so")
    assert images._netfilter("etc/protocols")
    assert not images._netfilter("usr/lib/x86_64-linux-gnu/gconv/IBM1390.so")
    assert not images._netfilter("usr/share/doc/iptables/copyright") and not images._netfilter("etc/hostname")


def tools(**sums: str) -> list[Tool]:
    return [Tool(name, Path("/x"), "1", Source.BUILT, digest, "lock") for name, digest in sums.items()]


def test_the_nodes_digest_changes_with_every_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    monkeypatch.setattr(node_image, "sources", lambda: tmp_path)
    first = node_image.recipe(tools(kubelet="a", etcd="b"))
    assert re.fullmatch(r"[0-9a-f]{12}", first)
    assert node_image.recipe(tools(etcd="b", kubelet="a")) == first  # the order does not matter
    assert node_image.recipe(tools(kubelet="A", etcd="b")) != first
    assert node_image.recipe(tools(kubelet="a")) != first
    script.chmod(0o755)
    executable = node_image.recipe(tools(kubelet="a", etcd="b"))
    assert executable != first
    script.write_text("#!/bin/bash\n")
    assert node_image.recipe(tools(kubelet="a", etcd="b")) != executable
    monkeypatch.setattr(node_image, "NODE_PACKAGES", (*node_image.NODE_PACKAGES, "vim"))
    assert node_image.recipe(tools(kubelet="a", etcd="b")) not in (first, executable)


def test_the_recipe_of_the_checkout_is_found() -> None:
    assert (node_image.sources() / "Dockerfile").is_file()
    assert (node_image.sources() / "files/usr/local/libexec/seatrial/bake.sh").is_file()


class Rows:
    """An engine with node images of former recipes; the newest is listed first, as the client does."""

    def __init__(self, *tags: str) -> None:
        self.rows = [
            {"Repository": repository, "Tag": tag} for repository in ("seatrial-node", "seatrial-node-bare") for tag in tags
        ]
        self.removed: list[str] = []

    def images(self) -> list[dict[str, str]]:
        return [*self.rows, {"Repository": "todo", "Tag": "old"}]

    def __call__(self, command: str, name: str, *, check: bool) -> None:
        self.removed.append(name)


def test_all_but_the_last_former_node_image_are_removed() -> None:
    docker = Rows("now", "seatrial-run", "last", "older", "<none>", "oldest")
    node_image._remove_others(docker, "seatrial-node:now")  # type: ignore[arg-type]
    assert docker.removed == [f"seatrial-node{kind}:{tag}" for kind in ("", "-bare") for tag in ("older", "oldest")]


class FakeDocker:
    """An engine that has every image."""

    def image(self, name: str) -> dict[str, str]:
        return {"Id": name}


def test_an_image_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    found = node_image.ensure(FakeDocker(), FakePrograms(version="1.34.4"), tmp_path, print)  # type: ignore[arg-type]
    assert found.reference.startswith("seatrial-node:") and found.kubernetes == "v1.34.4" and found.lacks == ()
    assert found.versions["traefik"] == "1.34.4"


def test_the_ingress_controller_is_left_out_while_it_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_image, "wait", lambda futures, timeout: None)
    found = node_image.ensure(FakeDocker(), FakePrograms("traefik"), tmp_path, print)  # type: ignore[arg-type]
    assert found.lacks == (images.INGRESS,)
