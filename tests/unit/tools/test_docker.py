"""The docker client's wrapper against a fake client that records its arguments and answers what the test says."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import ImageBuildError, ProcessError, ProcessTimeout
from seatrial.toolchain.engine import Engine
from seatrial.tools.docker import Docker, build_error

BUILD_LOG = """#5 [stage-0 1/3] RUN --mount=type=secret,id=s,target=/s test "$(cat /s)" = hush && echo "w1" > /word
#5 DONE 0.2s

#6 [stage-0 2/3] RUN cat /nowhere
#6 0.139 cat: /nowhere: No such file or directory
#6 ERROR: process "/bin/sh -c cat /nowhere" did not complete successfully: exit code: 1
------
 > [stage-0 2/3] RUN cat /nowhere:
0.139 cat: /nowhere: No such file or directory
------
Dockerfile:5
--------------------
   3 |     LABEL a=b
   5 | >>> RUN cat /nowhere
--------------------
ERROR: failed to solve: process "/bin/sh -c cat /nowhere" did not complete successfully: exit code: 1"""

FAKE = """#!{python}
import json, os, sys
from pathlib import Path
argv = sys.argv[1:]
here = Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(json.dumps({{"argv": argv, "host": os.environ.get("DOCKER_HOST")}}) + "\\n")
for words, answer in json.loads((here / "answers").read_text()):
    if argv[:len(words)] == words:
        for argument in argv:
            name, _, path = argument.partition("=")
            if name == "--metadata-file" and "metadata" in answer:
                Path(path).write_text(json.dumps(answer["metadata"]))
            if name == "--cidfile":
                Path(path).write_text("c0ffee")
            if name == "--output":
                Path(argv[argv.index("--output") + 1]).write_text("tar")
        print(answer.get("out", ""), end="", flush=True)
        print(answer.get("err", ""), end="", file=sys.stderr, flush=True)
        if answer.get("hangs"):
            import time
            time.sleep(60)
        sys.exit(answer.get("code", 0))
sys.exit("unexpected: " + " ".join(argv))
"""


class Fake:
    """The fake client's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "docker"
        program.write_text(FAKE.format(python=sys.executable))
        program.chmod(0o755)
        self.docker = Docker(Engine("unix:///e.sock", "26.1.5", True, folder, program, {"DOCKER_HOST": "unix:///e.sock"}))

    def answers(self, *answers: tuple[str, dict[str, Any]]) -> Docker:
        (self.folder / "answers").write_text(json.dumps([[words.split(), answer] for words, answer in answers]))
        return self.docker

    def calls(self) -> list[list[str]]:
        return [json.loads(line)["argv"] for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def lines(*records: dict[str, str]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_every_call_goes_to_the_engine_that_was_given(fake: Fake, tmp_path: Path) -> None:
    assert fake.answers(("info", {"out": '{"ServerVersion": "26.1.5"}'})).info() == {"ServerVersion": "26.1.5"}
    assert json.loads((tmp_path / "calls").read_text())["host"] == "unix:///e.sock"


def test_a_build_names_contexts_secrets_arguments_and_labels(fake: Fake, tmp_path: Path) -> None:
    docker = fake.answers(
        ("buildx build", {"metadata": {"containerimage.config.digest": "sha256:aa"}, "err": "#1 DONE\n"}),
        ("image inspect", {"out": '{"Id": "sha256:aa"}'}),
    )
    log: list[str] = []
    built = docker.build(
        tmp_path,
        tags=["todo/backend:1", "todo/backend:latest"],
        target="runner",
        build_args={"PYTHON": "3.13"},
        contexts={"python:3.13-slim": "docker-image://seatrial/python:3.13"},
        secrets={"ca": Path("/etc/ssl/ca.pem")},
        labels={"seatrial.run": "r1"},
        cache=False,
        on_line=log.append,
    )
    assert (built.id, built.tags, built.metadata) == (
        "sha256:aa",
        ("todo/backend:1", "todo/backend:latest"),
        {"containerimage.config.digest": "sha256:aa"},
    )
    assert log == ["#1 DONE"]
    argv = fake.calls()[0]
    for wanted in (
        f"--file={tmp_path / 'Dockerfile'}",
        "--tag=todo/backend:latest",
        "--target=runner",
        "--no-cache",
        "--build-arg=PYTHON=3.13",
        "--build-context=python:3.13-slim=docker-image://seatrial/python:3.13",
        "--secret=id=ca,src=/etc/ssl/ca.pem",
        "--label=seatrial.run=r1",
        "--load",
        "--provenance=false",
    ):
        assert wanted in argv
    assert argv[-1] == str(tmp_path)


def test_an_engine_whose_image_id_is_the_manifest_s_digest_is_asked_for_it(fake: Fake, tmp_path: Path) -> None:
    docker = fake.answers(
        (
            "buildx build",
            {"metadata": {"containerimage.digest": "sha256:manifest", "containerimage.config.digest": "sha256:config"}},
        ),
        ("image inspect", {"out": '{"Id": "sha256:manifest"}'}),
    )
    assert docker.build(tmp_path, tags=["a:1"]).id == "sha256:manifest"


def test_a_failed_build_names_the_line_of_the_dockerfile_and_what_the_step_wrote(fake: Fake, tmp_path: Path) -> None:
    docker = fake.answers(("buildx build", {"err": BUILD_LOG, "code": 1}))
    with pytest.raises(ImageBuildError) as caught:
        docker.build(tmp_path, tags=["todo/backend:1"])
    assert str(caught.value).startswith(f"{tmp_path / 'Dockerfile'}:5: The image todo/backend:1 did not build: process")
    assert "(cat: /nowhere: No such file or directory)" in str(caught.value)


def test_a_build_error_without_a_step_keeps_the_client_s_last_word() -> None:
    error = build_error(
        "ERROR: failed to read dockerfile: open Dockerfile: no such file or directory", "a:1", Path("/c/Dockerfile")
    )
    assert "failed to read dockerfile" in error.message and error.place is not None and error.place.line is None
    assert "the client said nothing" in build_error("", "a:1", Path("/c/Dockerfile")).message


def test_what_does_not_exist_is_none_and_other_failures_are_raised(fake: Fake) -> None:
    docker = fake.answers(
        ("image inspect", {"err": "Error response from daemon: No such image: a:1", "code": 1, "out": "\n"}),
        ("container inspect", {"err": "Cannot connect to the Docker daemon", "code": 1}),
    )
    assert docker.image("a:1") is None
    with pytest.raises(ProcessError, match="No such image"):
        docker.image_size("a:1")
    with pytest.raises(ProcessError, match="Cannot connect"):
        docker.container("c")


def test_a_container_whose_client_ran_out_of_time_is_removed(fake: Fake) -> None:
    docker = fake.answers(("run --rm", {"hangs": True}), ("rm --force --volumes c0ffee", {}))
    with pytest.raises(ProcessTimeout):
        docker.run("a:1", "sleep", "60", timeout=1)
    assert fake.calls()[-1] == ["rm", "--force", "--volumes", "c0ffee"]


def test_everything_with_a_label_is_removed_containers_first(fake: Fake) -> None:
    docker = fake.answers(
        ("ps --all", {"out": lines({"ID": "c1", "Names": "node"})}),
        ("network ls", {"out": lines({"ID": "n1", "Name": "net"})}),
        ("volume ls", {"out": lines({"Name": "v1"})}),
        ("rm", {}),
        ("network rm", {}),
        ("volume rm", {}),
    )
    assert docker.remove_labelled("seatrial.run=r1") == [
        "removed the container node",
        "removed the network net",
        "removed the volume v1",
    ]
    changes = [call for call in fake.calls() if call[0] == "rm" or call[1] == "rm"]
    assert changes == [["rm", "--force", "--volumes", "c1"], ["network", "rm", "n1"], ["volume", "rm", "--force", "v1"]]
    assert all("--filter=label=seatrial.run=r1" in call for call in fake.calls()[:3])


def test_nothing_is_called_where_there_is_nothing_to_remove(fake: Fake) -> None:
    docker = fake.answers(("ps", {}), ("network ls", {}), ("volume ls", {}))
    assert docker.remove_labelled("seatrial.run=r1") == []
    assert len(fake.calls()) == 3


def test_an_archive_is_there_only_when_it_is_whole(fake: Fake, tmp_path: Path) -> None:
    docker = fake.answers(("save", {"code": 1, "err": "no space left on device"}))
    with pytest.raises(ProcessError, match="no space left"):
        docker.save(["a:1"], tmp_path / "images.tar")
    assert not (tmp_path / "images.tar").exists()
    fake.answers(("save", {})).save(["a:1"], tmp_path / "images.tar")
    assert (tmp_path / "images.tar").read_text() == "tar"


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("Loaded image: todo/backend:1\nLoaded image: todo/frontend:1\n", ["todo/backend:1", "todo/frontend:1"]),
        ("Loaded image ID: sha256:aa\n", ["sha256:aa"]),
    ],
)
def test_load_tells_the_names(fake: Fake, tmp_path: Path, told: str, names: list[str]) -> None:
    assert fake.answers(("load", {"out": told})).load(tmp_path / "images.tar") == names


def test_an_answer_that_is_no_json_is_a_failure_of_the_client(fake: Fake) -> None:
    with pytest.raises(ProcessError, match="permission denied"):
        fake.answers(("version", {"err": "permission denied", "code": 1})).version()


def test_input_makes_exec_interactive(fake: Fake) -> None:
    docker = fake.answers(("exec", {"out": "ok"}))
    assert docker.exec("c", "cat", input="text", options=["--user=0"]).stdout == "ok"
    assert fake.calls() == [["exec", "--interactive", "--user=0", "c", "cat"]]
