from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import ConfigError, ImageBuildError
from seatrial.images.dockerfile import Dockerfile, expand, read_dockerfile

REPOSITORY = Path(__file__).parents[3]


def parsed(tmp_path: Path, text: str, **args: str) -> Dockerfile:
    (tmp_path / "Dockerfile").write_text(text)
    return read_dockerfile(tmp_path / "Dockerfile", args)


MULTI_STAGE = """\
# a comment
ARG NODE_IMAGE=node:22-alpine
ARG TAG

FROM ${NODE_IMAGE} AS deps
RUN --mount=type=secret,id=ca,required=false \\
    # inside an instruction

    npm ci \\
    && true

FROM deps AS builder
COPY --from=busybox:1 /bin/busybox /bin/
RUN --mount=type=bind,from=golang:1.24,target=/go true
FROM alpine:${TAG:-3.20}
COPY --from=builder /app /app
CMD ["node", "server.js"]
"""


def test_stages_and_lines(tmp_path: Path) -> None:
    file = parsed(tmp_path, MULTI_STAGE)
    assert [(stage.name, stage.base, stage.line) for stage in file.stages] == [
        ("deps", "node:22-alpine", 5),
        ("builder", "deps", 12),
        (None, "alpine:3.20", 15),
    ]
    (run,) = file.stages[0].all("RUN")
    assert (run.line, run.value, run.flags) == (6, "npm ci && true", (("mount", "type=secret,id=ca,required=false"),))
    assert file.stages[2].all("CMD")[0].exec_form == ["node", "server.js"]


def test_bases_are_what_comes_from_elsewhere(tmp_path: Path) -> None:
    file = parsed(tmp_path, MULTI_STAGE)
    assert file.bases() == {"node:22-alpine": 5, "busybox:1": 13, "golang:1.24": 14, "alpine:3.20": 15}
    assert file.final_base() == "alpine:3.20"


def test_build_arguments_win_over_defaults(tmp_path: Path) -> None:
    file = parsed(tmp_path, MULTI_STAGE, NODE_IMAGE="node:24", TAG="edge")
    assert list(file.bases()) == ["node:24", "busybox:1", "golang:1.24", "alpine:edge"]


def test_final_base_is_found_through_stages(tmp_path: Path) -> None:
    file = parsed(tmp_path, "FROM debian:13 AS a\nFROM a AS b\nUSER 1001\nFROM b\n")
    assert file.final_base() == "debian:13"
    assert [stage.line for stage in file.ancestry()] == [4, 2, 1]


def test_a_stage_named_like_its_own_base_ends(tmp_path: Path) -> None:
    assert parsed(tmp_path, "FROM python AS python\nRUN true\n").final_base() == "python"


def test_copy_from_a_stage_by_number_is_no_base(tmp_path: Path) -> None:
    assert list(parsed(tmp_path, "FROM a:1\nFROM scratch\nCOPY --from=0 /x /x\n").bases()) == ["a:1"]


def test_heredoc_is_not_read_as_instructions(tmp_path: Path) -> None:
    file = parsed(tmp_path, "FROM a:1\nRUN <<EOF\nFROM evil:1\nEOF\nUSER 7\n")
    assert [(each.keyword, each.line) for each in file.stages[0].instructions] == [("RUN", 2), ("USER", 5)]
    assert "FROM evil:1" in file.stages[0].instructions[0].value


def test_escape_directive(tmp_path: Path) -> None:
    file = parsed(tmp_path, "# escape=`\nFROM a:1\nRUN one `\n  two\\\nUSER 1\n")
    assert [(each.keyword, each.value) for each in file.stages[0].instructions] == [("RUN", "one two\\"), ("USER", "1")]


@pytest.mark.parametrize(
    ("text", "value"),
    [("$A", "x"), ("${A}", "x"), ("${B:-d}", "d"), ("${A:-d}", "x"), ("${A:+o}", "o"), ("${B:+o}", ""), ("a:${A}-b", "a:x-b"), ("$B", "")],
)  # fmt: skip
def test_expand(text: str, value: str) -> None:
    assert expand(text, {"A": "x"}) == value


@pytest.mark.parametrize(("text", "line"), [("RUN true\nFROM a\n", 1), ("", None), ("# only a comment\n", None)])
def test_files_without_a_beginning_are_refused(tmp_path: Path, text: str, line: int | None) -> None:
    with pytest.raises(ImageBuildError) as caught:
        parsed(tmp_path, text)
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_dockerfile(tmp_path / "Dockerfile")


@pytest.mark.parametrize(
    ("component", "base", "stages"),
    [("frontend", "node:22-alpine", 3), ("backend", "python:3.13-slim", 2), ("database", "postgres:16-alpine", 1)],
)
def test_our_own_dockerfiles(component: str, base: str, stages: int) -> None:
    file = read_dockerfile(REPOSITORY / "docker" / component / "Dockerfile")
    assert list(file.bases()) == [base]
    assert file.final_base() == base
    assert len(file.stages) == stages
    assert file.stages[-1].all("USER")[-1].value == "1001:1001"
    ending = [each for keyword in ("CMD", "ENTRYPOINT") for each in file.stages[-1].all(keyword)]
    assert all(each.exec_form for each in ending)
