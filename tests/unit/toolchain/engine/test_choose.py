"""Which engine is chosen: an existing one, a private one, or one sentence on what to do. No engine is started here."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.errors import MachineError, ToolchainError
from seatrial.toolchain.engine import choose
from seatrial.toolchain.engine.choose import connect, read_info, survey_engine
from seatrial.toolchain.engine.places import Places
from seatrial.toolchain.model import Tool

INFO = {"ServerVersion": "27.3.1", "DockerRootDir": "/var/lib/docker"}


class Programs:
    """A toolchain that must not be asked for anything."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache

    def tool(self, name: str) -> Tool:
        raise AssertionError(f"asked for {name}")


FAKE_DOCKER = """#!{python}
import json, os, sys
told = json.loads({told!r})
argv = sys.argv[1:]
if argv[0] == "info":
    print(json.dumps(told["info"]))
    sys.exit(0 if told["info"].get("ServerVersion") else 1)
if argv[:2] == ["context", "inspect"]:
    print(told["host"])
elif argv == ["--version"]:
    print(f"Docker version {{told['client']}}, build abc")
elif argv == ["buildx", "version"]:
    sys.exit(0 if told["buildx"] else 1)
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Places) -> Callable[..., Places]:
    """A machine with a docker client that tells what the test says, or with none."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Places, "of_user", classmethod(lambda cls, cache: Places(cache=cache, run=places.run)))
    monkeypatch.setattr(choose.leftovers, "other_dockerds", lambda places: [])

    def make(
        info: dict[str, str] | None = None,
        *,
        host: str = "unix:///var/run/docker.sock",
        client: str = "28.2.2",
        buildx: bool = True,
        docker: bool = True,
        root: bool = True,
    ) -> Places:
        folder = tmp_path / "bin"
        folder.mkdir()
        if docker:
            told = json.dumps({"info": info or {}, "host": host, "client": client, "buildx": buildx})
            (folder / "docker").write_text(FAKE_DOCKER.format(python=sys.executable, told=told))
            (folder / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(choose.os, "geteuid", lambda: 0 if root else 1000)
        return places

    return make


def lines() -> tuple[list[str], Callable[[str], None]]:
    said: list[str] = []
    return said, said.append


def test_an_engine_that_answers_is_used_as_it_is(machine: Callable[..., Places], tmp_path: Path) -> None:
    machine(INFO)
    said, say = lines()
    with connect(Programs(tmp_path), say=say) as lease:
        engine = lease.engine
        assert lease.ended() is None
    assert (engine.host, engine.version, engine.private) == ("unix:///var/run/docker.sock", "27.3.1", False)
    assert engine.data_root == Path("/var/lib/docker")
    assert set(engine.env) == {"BUILDX_CONFIG"}, "neither its address nor the user's settings are replaced"
    assert said == []


def test_docker_host_names_the_engine(machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(INFO)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    assert connect(Programs(tmp_path), say=print).engine.host == "tcp://127.0.0.1:2375"


@pytest.mark.parametrize("variable", ["DOCKER_HOST", "DOCKER_CONTEXT"])
def test_a_named_engine_that_does_not_answer_is_not_replaced(
    machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    machine({})
    monkeypatch.setenv(variable, "tcp://10.1.2.3:2375")
    with pytest.raises(MachineError, match=rf"No Docker engine answers at {variable}=tcp://10.1.2.3:2375\. Start it, or unset"):
        connect(Programs(tmp_path), say=print)


@pytest.mark.parametrize("docker", [True, False])
def test_without_an_engine_and_not_root_one_sentence_says_what_to_install(
    machine: Callable[..., Places], tmp_path: Path, docker: bool
) -> None:
    machine({}, docker=docker, root=False)
    with pytest.raises(MachineError, match=r"No Docker engine answers\. Install Docker Engine >= 24"):
        connect(Programs(tmp_path), say=print)


def test_an_engine_that_the_user_may_not_speak_to_is_told_apart(machine: Callable[..., Places], tmp_path: Path) -> None:
    machine({"ServerErrors": "permission denied while trying to connect to the Docker daemon socket"}, root=False)
    with pytest.raises(MachineError, match=r"your user may not speak to it\. Join the group docker"):
        connect(Programs(tmp_path), say=print)


def test_no_private_engine_beside_one_that_is_silent(
    machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine({})
    (tmp_path / "engine" / f"rootfs-{choose.rootfs.recipe()}").mkdir(parents=True)
    monkeypatch.setattr(choose.leftovers, "other_dockerds", lambda places: [4711])
    with pytest.raises(MachineError, match="process 4711"):
        connect(Programs(tmp_path), say=print)


def private(machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **told: object) -> Places:
    """The machine of the test, where a private engine would start at once."""
    places = machine({}, **told)
    root = tmp_path / "engine" / f"rootfs-{choose.rootfs.recipe()}"
    (root / "usr" / "bin").mkdir(parents=True)
    facts = {"version": "26.1.5", "data_root": str(tmp_path / "engine" / "data"), "rootfs": str(root)}
    monkeypatch.setattr(choose, "obtain", lambda places, root: (None, facts))
    return places


def test_a_private_engine_is_started_after_saying_so(
    machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = private(machine, tmp_path, monkeypatch)
    said, say = lines()
    engine = connect(Programs(tmp_path), say=say).engine
    assert len(said) == 1 and "starting a private one" in said[0]
    assert (engine.host, engine.version, engine.private) == (places.host, "26.1.5", True)
    assert engine.env["DOCKER_HOST"] == places.host
    settings = json.loads((Path(engine.env["DOCKER_CONFIG"]) / "config.json").read_text())
    assert settings["cliPluginsExtraDirs"][0].endswith("/usr/libexec/docker/cli-plugins")


def test_the_user_s_tls_settings_do_not_reach_the_private_engine(
    machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(machine, tmp_path, monkeypatch)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    assert connect(Programs(tmp_path), say=print).engine.env["DOCKER_TLS_VERIFY"] == ""


def test_the_private_engine_of_another_run_is_shared_even_where_docker_host_names_it(
    machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = private(machine, tmp_path, monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", places.host)
    monkeypatch.setattr(choose, "knock_only", lambda places: True)
    said, say = lines()
    assert connect(Programs(tmp_path), say=say).engine.private
    assert "that another run has started" in said[0]


def test_an_old_client_gives_way_to_the_one_beside_the_engine(
    machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(machine, tmp_path, monkeypatch, client="20.10.24+dfsg1")
    root = tmp_path / "engine" / f"rootfs-{choose.rootfs.recipe()}"
    with pytest.raises(ToolchainError, match="does not exist"):  # nothing there yet
        connect(Programs(tmp_path), say=print)
    own = root / "usr" / "bin" / "docker"
    own.write_text(FAKE_DOCKER.format(python=sys.executable, told=json.dumps({"info": {}, "client": "26.1.5+dfsg1"})))
    own.chmod(0o755)
    assert connect(Programs(tmp_path), say=print).engine.docker == own


def test_buildx_that_is_missing_comes_from_the_root_file_system_and_the_user_s_settings_stay(
    machine: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(INFO, buildx=False)
    (tmp_path / "engine" / f"rootfs-{choose.rootfs.recipe()}").mkdir(parents=True)
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"registry.example": {}}, "currentContext": "work"}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    env = connect(Programs(tmp_path), say=print).engine.env
    settings = json.loads((Path(env["DOCKER_CONFIG"]) / "config.json").read_text())
    assert settings["auths"] == {"registry.example": {}}
    assert settings["cliPluginsExtraDirs"]
    assert (Path(env["DOCKER_CONFIG"]) / "config.json").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "config.json").read_text()).keys() == {"auths", "currentContext"}, (
        "the user's file is untouched"
    )


def test_info_without_a_server_is_no_answer() -> None:
    assert read_info("", "x") is None
    assert read_info(json.dumps({"ServerErrors": ["Cannot connect"], "ClientInfo": {}}), "x") is None
    answer = read_info(json.dumps(INFO), "unix:///a")
    assert answer is not None and (answer.host, answer.version) == ("unix:///a", "27.3.1")


@pytest.mark.parametrize(
    ("text", "old"), [("20.10.24+dfsg1", True), ("9.9", True), ("24.0.0", False), ("26.1.5+dfsg1", False), ("dev", True)]
)
def test_versions_are_compared_as_numbers(text: str, old: bool) -> None:
    assert (choose._release(text) < choose.AT_LEAST) is old


def test_the_survey_tells_of_an_existing_engine(machine: Callable[..., Places]) -> None:
    machine(INFO)
    survey = survey_engine()
    assert (survey.version, survey.todo) == ("27.3.1", "") and "/var/run/docker.sock" in survey.how


def test_the_survey_wants_an_old_engine_replaced(machine: Callable[..., Places]) -> None:
    machine({**INFO, "ServerVersion": "20.10.24+dfsg1"})
    assert survey_engine().todo == "Install Docker Engine >= 24."


def test_the_survey_says_what_would_be_done(machine: Callable[..., Places]) -> None:
    machine({})
    survey = survey_engine()
    assert (survey.version, survey.how, survey.todo) == (None, "seatrial starts a private one", "")


def test_the_survey_says_what_to_install(machine: Callable[..., Places]) -> None:
    machine({}, root=False)
    assert survey_engine().todo.startswith("No Docker engine answers. Install Docker Engine")
