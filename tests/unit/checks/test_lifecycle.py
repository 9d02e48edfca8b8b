from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.checks import lifecycle
from seatrial.checks.found import parts
from seatrial.checks.lifecycle import Life, Look, judge_lives, made_up, read_look, variables_in
from seatrial.verdict import Outcome

LOOK = Look(("0.0.0.0",), "uvicorn", "uvicorn app:app --host=0.0.0.0", owns=True)
LIFE = Life("backend", Path("Dockerfile"), (), ("python", "-m", "app"), 8001, LOOK, "", stop_seconds=0.6, code=0, limit=10)

PRINTED = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 11111 1 0000 100 0 0 10 0
   1: {address}:1F41 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1001        0 22222 1 0000 100 0 0 10 0
==
uvicorn
uvicorn app:app --port=8001
==
total 0
lrwx------ 1 1001 1001 64 Nov 20 12:46 0 -> /dev/null
lrwx------ 1 1001 1001 64 Nov 20 12:46 7 -> socket:[{inode}]
"""


def printed(address: str = "00000000", state: str = "0A", inode: str = "22222") -> str:
    return PRINTED.format(address=address, state=state, inode=inode)


def test_a_container_is_read_by_its_kernels_tables():
    assert read_look(printed(), 8001) == Look(("0.0.0.0",), "uvicorn", "uvicorn app:app --port=8001", owns=True)
    assert read_look(printed("0" * 32), 8001).addresses == ("::",)
    assert read_look(printed("0100007F"), 8001).addresses == ("127.0.0.1",)
    assert read_look(printed(inode="33333"), 8001).owns is False
    assert read_look(printed(state="01"), 8001) is None and read_look(printed(), 8000) is None


def test_a_server_as_process_1_that_ends_in_time_passes():
    verdict = judge_lives([LIFE, replace(LIFE, code=143)])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


def test_an_init_in_front_of_the_server_passes():
    assert judge_lives([replace(LIFE, look=replace(LOOK, program="tini", owns=False))]).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entrypoint": ("/bin/sh", "-c"), "command": ("python -m app",)}, "shell form: python -m app"),
        ({"look": None, "log": "DATABASE_URL is not set", "code": None}, "DATABASE_URL is not set"),
        ({"look": replace(LOOK, addresses=("127.0.0.1",))}, "127.0.0.1:8001"),
        ({"look": replace(LOOK, program="bash", owns=False)}, "process 1 is bash"),
        ({"code": 137, "stop_seconds": 10.2}, "exit code 137"),
        ({"code": None}, "exit code None"),
        ({"stop_seconds": 10.0}, "10.0 s"),
    ],
)
def test_what_is_not_safe_is_named(change, says):
    verdict = judge_lives([replace(LIFE, **change)])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_an_image_without_a_shell_is_stopped_and_not_looked_into():
    """Where it listens is unknown; that it outlives SIGTERM is seen from outside."""
    blind = replace(LIFE, look=None, shell=False)
    verdict = judge_lives([blind])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "its image has no shell" in verdict.reason
    assert "exit code 137" in judge_lives([replace(blind, code=137)]).reason


class Engine:
    """A container without a shell that says something at first, and may end."""

    def __init__(self, ends: bool) -> None:
        self.ends, self.looks = ends, 0

    def exec(self, *words: str, check: bool) -> SimpleNamespace:
        return SimpleNamespace(returncode=127, stdout="", output='exec: "/bin/sh": stat /bin/sh: no such file or directory')

    def logs(self, container: str, **how: int) -> str:
        self.looks += 1
        return "starting" * min(self.looks, 3)

    def container(self, name: str) -> dict[str, Any]:
        return {"State": {"Running": not (self.ends and self.looks > 1)}}


@pytest.mark.parametrize("ends", [True, False])
def test_what_cannot_be_looked_into_is_waited_for_by_its_log(monkeypatch: pytest.MonkeyPatch, ends: bool):
    engine: Any = Engine(ends)
    clock = itertools.count()
    monkeypatch.setattr(lifecycle, "time", SimpleNamespace(monotonic=lambda: float(next(clock)), sleep=lambda _: None))
    assert lifecycle._wait_until_it_listens(engine, "c", 80) == (None, False)
    assert lifecycle._wait_until_it_is_quiet(engine, "c") is not ends
    assert engine.looks == 2 if ends else engine.looks > 3


@pytest.mark.parametrize(
    ("alone", "data", "beside"),
    [
        (LIFE, "db", ""),
        (replace(LIFE, look=None, code=None), "db", "db"),  # it wants its database
        (replace(LIFE, look=None, code=None), "", ""),
        (replace(LIFE, look=None, code=None), "gone", ""),  # whose database does not come up
    ],
)
def test_one_that_never_listens_alone_is_tried_beside_its_database(monkeypatch: pytest.MonkeyPatch, alone, data, beside):
    started: list[str] = []

    class Set:
        def __init__(self, *_: Any) -> None: ...
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None: ...
        def join(self, component: str, *_: Any) -> Any:
            started.append(component)
            return SimpleNamespace(name=f"box-{component}")

    lives = {"box-backend": LIFE}
    monkeypatch.setattr(lifecycle, "LocalSet", Set)
    monkeypatch.setattr(lifecycle, "Database", lambda *_: SimpleNamespace(wait=lambda _: "it ended" if data == "gone" else ""))
    monkeypatch.setattr(lifecycle, "parts", lambda *_: [])
    monkeypatch.setattr(lifecycle, "variables_of", lambda *_: {})
    monkeypatch.setattr(lifecycle, "made_up_secrets", lambda _: {})
    monkeypatch.setattr(lifecycle, "_watched", lambda world, name, container: lives.get(container, alone))
    image, part = SimpleNamespace(reference="r"), SimpleNamespace(port=1)
    app = SimpleNamespace(
        having=lambda _: {"backend": part},
        data=SimpleNamespace(component=data) if data else None,
        components=dict.fromkeys(("backend", data), part),
    )
    docker = SimpleNamespace(start=lambda *_, **how: None, remove=lambda names: None)
    images = dict.fromkeys(("backend", data), image)
    world: Any = SimpleNamespace(app=app, docker=docker, images=images, rendered=None, run_id="r")
    (life,) = lifecycle.observe_lives(world)
    assert life == (replace(LIFE, beside="db") if beside else alone)
    assert started == ([data, "backend"] if beside else [data] if data == "gone" else [])
    assert ("backend, beside db: process 1 is" in judge_lives([life]).evidence[0].what) is bool(beside)


def test_no_backend_is_a_failure():
    assert judge_lives([]).outcome is Outcome.FAILED


def test_variables_are_those_of_the_chart(app, render, healthy):
    line = "          image: shop-backend:1.0\n"
    env = (
        "          envFrom: [{configMapRef: {name: shop}}]\n          env:\n"
        "            - {name: URL, valueFrom: {secretKeyRef: {name: shop-secrets, key: URL}}}\n"
        "            - {name: MISSING, valueFrom: {secretKeyRef: {name: shop-secrets, key: NO, optional: true}}}\n"
        "            - {name: MODE, value: fast}\n"
    )
    config = (
        "---\n# Source: shop/templates/c.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {PORT: '8001'}\n"
    )
    rendered = render(healthy + config, line, line + env)
    part = parts(app, rendered, "backend")[0]
    item = part.workloads[0]
    known = {"shop-secrets": made_up({"PASSWORD": "random", "URL": "postgresql://u:{PASSWORD}@db/x"})}
    found = variables_in(item, part.main(item)[0], rendered, known)
    password = known["shop-secrets"]["PASSWORD"]
    assert found == {"PORT": "8001", "URL": f"postgresql://u:{password}@db/x", "MODE": "fast"}
