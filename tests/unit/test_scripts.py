"""Smoke tests of the repository's shell scripts: each is run once, with stand-ins for the programs that it calls.

Scripts of the node are run on a folder that stands for the root directory.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.process import Completed, run

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="these scripts run in Linux containers only")
ABSOLUTE = re.compile(r"(?<![\w.$}/:])/(?=(?:etc|dev|home|kind|lib|opt|proc|run|store|tmp|usr|var)\b)")
"""Where an absolute path of a node's script begins."""
REMOVE = 'for each; do case "$each" in -* | "$ROOT"/*) ;; *) echo "not $each" >&2; exit 1 ;; esac; done; exec /bin/rm "$@"'
"""An rm that leaves everything alone that is not below $ROOT."""

Programs = Callable[..., Path]


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """Makes stand-ins: name -> shell lines; each first writes down how it was called. The folder goes first on PATH."""

    def make(**lines: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir()
        for name, text in lines.items():
            path = folder / name
            path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/calls"\n{text}\n')
            path.chmod(0o755)
        return folder

    return make


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def call(argv: list[str | Path], programs: Path | None = None, **env: str) -> Completed:
    path = f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin" if programs else "/usr/bin:/bin"
    return run(argv, timeout=30, env={"PATH": path, **env}, check=False)


# .ci/run


@pytest.mark.parametrize(("broken", "tox"), [("", ["tox ", "tox -e e2e"]), ("fails", ["tox "])])
def test_ci_runs_both_commands_and_stops_at_the_first_that_fails(tmp_path: Path, programs: Programs, broken: str, tox: list[str]):
    copy = tmp_path / "clone" / ".ci" / "run"
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".ci/run", copy)
    folder = programs(pip="", tox='[ "$BROKEN" != fails ]', python3='mkdir -p "$3/bin" && cp "$HERE/pip" "$HERE/tox" "$3/bin"')
    done = call([copy], folder, HERE=str(folder), BROKEN=broken)
    assert (done.returncode == 0) is (broken == "")
    assert [line for line in calls(tmp_path) if line.startswith("tox")] == tox
    assert calls(tmp_path)[:2] == ["python3 -m venv .venv", "pip install tox"]


# the database's entry point

ENTRYPOINT = ROOT / "docker/database/entrypoint.sh"


def test_the_database_is_made_once_and_then_served(tmp_path: Path, programs: Programs):
    folder = programs(
        initdb='for each; do case "$each" in --pgdata=*) new="${each#*=}" ;; --pwfile=*) cat "${each#*=}" >> "$SEEN" ;; esac; done\n'
        'mkdir -p "$new" && echo 16 > "$new/PG_VERSION"',
        postgres='echo "${POSTGRES_PASSWORD-none}" >> "$SEEN"; cat >> "$SEEN"',
    )
    data, seen = tmp_path / "data", tmp_path / "seen"
    env = {
        "PGDATA": str(data),
        "SEEN": str(seen),
        "POSTGRES_PASSWORD": "s3cret",
        "POSTGRES_USER": "todo",
        "TMPDIR": str(tmp_path),
    }
    for _ in range(2):
        done = call(["sh", ENTRYPOINT, "postgres", "-c", "port=5433"], folder, **env)
        assert done.returncode == 0, done.output
    said = calls(tmp_path)
    assert [line.split()[0] for line in said] == ["initdb", "postgres", "postgres", "postgres"]
    assert said[-1] == "postgres -c listen_addresses=* -c shared_buffers=64MB -c port=5433"
    assert seen.read_text().splitlines()[:3] == ["s3cret", "s3cret", 'CREATE DATABASE "todo"']
    assert seen.read_text().splitlines()[3:] == ["none", "none"], "the server does not know the password"
    assert "host all all all scram-sha-256" in (data / "pg_hba.conf").read_text()
    assert data.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.glob("tmp.*")), "the password's file is gone"


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "PGDATA is not set"),
        ({"PGDATA": "here"}, "POSTGRES_PASSWORD is not set"),
        ({"PGDATA": "here", "POSTGRES_PASSWORD": "x", "POSTGRES_DB": 'a"; drop'}, "may hold only letters, digits and _"),
    ],
)
def test_the_database_says_what_is_missing(tmp_path: Path, env: dict[str, str], says: str):
    known = {name: str(tmp_path / "data") if name == "PGDATA" else value for name, value in env.items()}
    done = call(["sh", ENTRYPOINT, "postgres"], **known)
    assert (done.returncode, done.stderr.startswith("todo-database: ")) == (2, True)
    assert says in done.stderr and not (tmp_path / "data").exists()


def test_another_program_than_the_server_is_simply_run():
    assert call(["sh", ENTRYPOINT, "echo", "a b"]).stdout == "a b\n"


# the canary's probes; the harness hands their text to a shell in the same way

PROBE = ROOT / "src/seatrial/cluster/addons/probe.sh"
POLICY = ROOT / "src/seatrial/cluster/addons/policy.sh"


def agnhost(script: Path, folder: Path) -> str:
    return script.read_text().replace("/agnhost", f"{folder}/agnhost")


@LINUX
def test_the_probe_reports_each_name_once(programs: Programs):
    folder = programs(nslookup="", wget="echo 'no route' >&2; exit 4", agnhost="echo fine", timeout='shift; exec "$@"')
    done = call(["sh", "-c", agnhost(PROBE, folder), "probe.sh", "0", "canary", "10.0.0.1", "30000"], folder, NODE="10.0.0.2")
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines()}
    assert {name: (code, said.strip()) for name, (code, _, said) in rows.items()} == {
        "dns": ("0", ""),
        "api": ("0", "fine"),
        "service": ("4", "no route"),
        "nodeport": ("4", "no route"),
    }
    assert all(milliseconds.isdigit() for _, milliseconds, _ in rows.values())


@LINUX
def test_the_policy_watch_reports_changes_and_ends_when_it_works_again(tmp_path: Path, programs: Programs):
    answers = 'n=$(wc -l < "$CALLS"); case $n in 1 | 4) ;; 2 | 3) echo "REFUSED at $n"; exit 1 ;; *) exit 9 ;; esac'
    folder = programs(agnhost=answers)
    argv: list[str | Path] = ["sh", "-c", agnhost(POLICY, folder), "policy.sh", "20", "10.0.0.1"]
    done = call(argv, folder, CALLS=str(tmp_path / "calls"))
    assert done.returncode == 0, done.output
    assert [line.split("\t")[1::2] for line in done.stdout.splitlines()] == [["0", ""], ["1", "REFUSED at 2"], ["0", ""]]


# the node: docker/node/files/usr/local/bin/entrypoint, and bake.sh and prepare.sh in libexec/seatrial

NODE = ROOT / "docker/node/files/usr/local"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A folder that stands for the root directory of a node."""
    root = tmp_path / "root"
    for name in (
        "dev",
        "etc/containerd",
        "proc/self",
        "proc/sys/kernel/random",
        "run",
        "tmp",
        "usr/local/bin",
        "usr/sbin",
        "var/lib",
    ):
        (root / name).mkdir(parents=True)
    (root / "dev" / "null").touch()
    (root / "proc/sys/kernel/random/uuid").write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    return root


def on(root: Path, script: Path) -> str:
    """A node's script with every path led below ``root``; refuses one that would still touch this machine."""
    text = ABSOLUTE.sub(f"{root}/", script.read_text())
    real = {path.name for path in Path("/").iterdir()} - {"bin"}
    paths = re.findall(r"(?<![\w.$}/:^])/(\w+)[^\s;|&\"']*", re.sub(r"(?m)^\s*#.*$", "", text).replace(str(root), "$root"))
    assert not real & set(paths), f"{script.name} names a path below /{real & set(paths)} that is not led below the folder"
    return text


@LINUX
def test_a_script_that_would_touch_this_machine_is_not_run(tmp_path: Path):
    script = tmp_path / "a.sh"
    script.write_text("rm -rf /sbin/init\n")
    with pytest.raises(AssertionError, match="not led below the folder"):
        on(tmp_path / "root", script)


@LINUX
def test_the_node_is_prepared(tmp_path: Path, programs: Programs, node: Path):
    names = ("groupadd", "useradd", "usermod", "systemctl")
    config = (
        r"printf '    restrict_oom_score_adj = false\n    sandbox_image = \"other\"\n    enable_unprivileged_ports = false\n'"
    )
    folder = programs(rm=REMOVE, install="", containerd=config, **dict.fromkeys(names, ""))
    (node / "usr/local/bin/kubelet").write_text("")
    (node / "etc/nsswitch.conf").write_text("passwd: files\nhosts: files mymachines\n")
    for name in ("etc/sudoers.d", "etc/ssh/sshd_config.d", "etc/systemd/system", "usr/share/doc/x"):
        (node / name).mkdir(parents=True)
    done = call(["sh", "-c", on(node, NODE / "libexec/seatrial/prepare.sh")], folder, ROOT=str(node))
    assert done.returncode == 0, done.output
    assert (node / "etc/nsswitch.conf").read_text().splitlines()[1] == "hosts: files dns"
    assert (node / "etc/containerd/config.toml").read_text().splitlines() == [
        "    restrict_oom_score_adj=true",
        '    sandbox_image = "registry.k8s.io/pause:3.10.1"',
        "    enable_unprivileged_ports = true",
    ]
    assert (node / "etc/systemd/system/getty.target").is_symlink()
    assert (node / "usr/local/bin/kubelet").stat().st_mode & 0o777 == 0o755
    assert (node / "etc/machine-id").read_text() == "" and not (node / "usr/share/doc").exists()
    assert "systemctl enable containerd.service" in calls(tmp_path)


@LINUX
def test_images_are_baked_into_the_node(tmp_path: Path, programs: Programs, node: Path):
    folder = programs(rm=REMOVE, ctr="", containerd="exec sleep 30")
    store = node / "store/containerd"
    layer = store / "io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs"
    layer.mkdir(parents=True)
    (layer / "program").write_text("x")
    blobs = store / "io.containerd.content.v1.content/blobs/sha256"
    blobs.mkdir(parents=True)
    (blobs / "layer").write_bytes(b"x" * 100_000)
    (blobs / "manifest").write_text("{}")
    script = on(node, NODE / "libexec/seatrial/bake.sh")
    done = call(["sh", "-c", script, "bake.sh", "images.tar", f"{node}/kind/bin", "v1.34.4"], folder, ROOT=str(node))
    assert done.returncode == 0, done.output
    baked = node / "var/lib/containerd"
    assert (node / "kind/layers/7/program").read_text() == "x"
    assert (baked / "io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs").readlink() == node / "kind/layers/7"
    assert [path.name for path in (baked / blobs.relative_to(store)).iterdir()] == ["manifest"]
    assert (node / "var/lib/minikube/binaries/v1.34.4/kubelet").readlink() == node / "kind/bin/kubelet"
    assert f"ctr -a {node}/run/bake.sock -n k8s.io images import --all-platforms images.tar" in calls(tmp_path)


@LINUX
@pytest.mark.parametrize("groups", ["0::/\n", "4:memory:/docker/abc\n"], ids=["cgroup v2", "cgroup v1"])
def test_the_node_starts_what_its_arguments_name(tmp_path: Path, programs: Programs, node: Path, groups: str):
    route = 'case "$*" in *"route show default"*) echo "default via 10.0.0.1 dev eth7 proto dhcp" ;; esac'
    folder = programs(rm=REMOVE, mount="", iptables="", ip=route, unshare='shift; exec "$@"')
    (node / "usr/sbin/sshd").symlink_to(folder / "mount")
    (node / "proc/self/cgroup").write_text(groups)
    (node / "proc/sys/net/bridge").mkdir(parents=True)
    (node / "etc/machine-id").write_text("")
    resolver = "nameserver 127.0.0.11\nsearch lan\n# ExtServers: [host(10.0.0.2) 10.0.0.3]\n"
    (node / "etc/resolv.conf").write_text(resolver)
    copy = tmp_path / "entrypoint"
    copy.write_text(on(node, NODE / "bin/entrypoint"))
    copy.chmod(0o755)
    done = call([copy, "echo", "now", "systemd"], folder, ROOT=str(node))
    assert (done.returncode, done.stdout) == (0, "now systemd\n"), done.output
    said = calls(tmp_path)
    assert [line for line in said if line.startswith("unshare")] == (
        [f"unshare --cgroup {copy} echo now systemd"] if "4:" in groups else []
    )
    assert "ip rule add iif bridge to 10.96.0.0/12 unreachable" in said
    assert "iptables -w 5 -I OUTPUT -d 10.96.0.0/12 -o eth7 -j REJECT" in said
    assert (node / "etc/resolv.conf").read_text() == "nameserver 10.0.0.2\nnameserver 10.0.0.3\nsearch lan\n"
    assert (
        (node / "etc/machine-id").read_text() == (node / "kind/product_uuid").read_text() == "0123456789abcdef0123456789abcdef\n"
    )
