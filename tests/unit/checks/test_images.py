from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.baked import Searched, judge_secrets
from seatrial.checks.images import MB, Built, Inside, judge_backend_size, judge_frontend_size, judge_users
from seatrial.checks.tags import Named, judge_names
from seatrial.images.build import ImageBuild
from seatrial.images.content import Content, Entry, Hit, Layer
from seatrial.verdict import Outcome

BUILD = ImageBuild(
    component="it", reference="shop-it:1.0", id="sha256:1", size=150 * MB, base="official", base_reference="node:22-alpine",
    base_image="node:22-alpine", base_size=140 * MB, stand_ins=(), canary="c", seconds=1.0, log=Path("log"),
    dockerfile=Path("Dockerfile"),
)  # fmt: skip


def content(*paths: str, user: str = "1001:1001", entries: tuple[Entry, ...] = (), base: tuple[str, ...] = ()) -> Content:
    own = (*(Entry(path, "file", mode=0o644) for path in paths), *entries)
    layers = (
        Layer("sha256:base", "ADD rootfs", True, tuple(Entry(path, "file", mode=0o755) for path in base)),
        Layer("sha256:own", "COPY", False, own),
    )
    return Content("shop-it:1.0", user, {}, {}, (), (), (), None, "", (), layers)


def built(role="frontend", *, build=BUILD, size=200.0, inside=None, **fields) -> Built:
    given = {"dev_packages": frozenset({"node_modules/typescript", "node_modules/a/node_modules/@types/b"}), **fields}
    return Built(
        component="it", role=role, build=build, content=given.pop("content", content("/app/server.js")), volumes=given.pop("volumes", ()),
        inside=inside if inside is not None else Inside(1001, 1001, (1001,) * 4), uid=1001, size=size, lenient_size=500.0, **given,
    )  # fmt: skip


def test_a_small_clean_frontend_passes():
    verdict = judge_frontend_size([built(), built("backend")])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)


def test_a_role_whose_image_is_built_elsewhere_is_not_judged() -> None:
    verdict = judge_frontend_size([built("backend")])
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert "no frontend whose image has a build context" in verdict.reason


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/app/node_modules/typescript/lib/tsc.js", "a development dependency"),
        ("/app/node_modules/a/node_modules/@types/b/index.d.ts", "a development dependency"),
        ("/app/.next/server/page.js.map", "a source map"),
        ("/app/.git/HEAD", "a git repository"),
        ("/root/.npm/_cacache/index", "npm's cache"),
    ],
)
def test_what_is_left_in_a_frontend_is_named(path, says):
    verdict = judge_frontend_size([built(content=content(path))])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason and path in verdict.reason


@pytest.mark.parametrize("path", ["/app/node_modules/next/dist/a.js.map", "/app/node_modules/@types/b/index.d.ts"])
def test_what_libraries_ship_is_no_leftover(path):
    assert judge_frontend_size([built(content=content(path))]).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/usr/bin/gcc-12", "a compiler or make"),
        ("/usr/bin/x86_64-linux-gnu-gcc", "a compiler or make"),
        ("/var/lib/dpkg/info/libpq-dev.list", "a -dev package"),
        ("/root/.cache/pip/http/1", "pip's cache"),
        ("/app/tests/test_it.py", "tests"),
    ],
)
def test_what_is_left_in_a_backend_is_named(path, says):
    verdict = judge_backend_size([built("backend", size=300.0, content=content(path))])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_tests_of_libraries_are_no_leftover():
    path = "/opt/venv/lib/python3.13/site-packages/numpy/tests/test_a.py"
    assert judge_backend_size([built("backend", content=content(path))]).outcome is Outcome.PASSED


def test_too_large_is_a_failure_and_says_what_a_laxer_plan_would_take():
    verdict = judge_frontend_size([built(build=replace(BUILD, size=200 * MB))])
    assert verdict.outcome is Outcome.FAILED and "200.0 MB (meets the laxer plan only)" in verdict.reason


def test_on_a_stand_in_the_size_is_unknown_and_what_is_added_is_told():
    verdict = judge_frontend_size([built(build=replace(BUILD, base="stand-in", size=900 * MB, base_size=880 * MB))])
    assert verdict.outcome is Outcome.INCONCLUSIVE and "adds 20.0 MB" in verdict.reason


def test_on_a_stand_in_the_application_alone_can_be_too_large():
    verdict = judge_frontend_size([built(build=replace(BUILD, base="stand-in", size=300 * MB, base_size=50 * MB))])
    assert verdict.outcome is Outcome.FAILED and "alone adds 250.0 MB" in verdict.reason


def test_what_a_stand_in_brings_is_not_held_against_the_application():
    on_stand_in = built("backend", build=replace(BUILD, base="stand-in"), content=content(base=("/usr/bin/gcc",)))
    assert judge_backend_size([on_stand_in]).outcome is Outcome.INCONCLUSIVE
    assert judge_backend_size([built("backend", content=content(base=("/usr/bin/gcc",)))]).outcome is Outcome.FAILED


def test_the_declared_user_passes():
    verdict = judge_users([built(), built("backend")])
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"content": content(user="")}, "(none, so root)"),
        ({"content": content(user="0")}, "the user 0"),
        ({"content": content(user="1002:1002")}, "the user 1002:1002"),
        ({"inside": Inside(0, 0, (0, 0, 0, 0))}, "`id -u` 0"),
        ({"inside": Inside(1001, 1001, (1001, 0, 1001, 1001))}, "process 1 1001 0 1001 1001"),
        ({"content": content(entries=(Entry("/app/a.py", "file", 1001, 0, 0o644),))}, "/app/a.py writable"),
        ({"content": content(entries=(Entry("/app", "folder", 0, 1001, 0o775),))}, "/app writable"),
        ({"content": content(entries=(Entry("/app/a.py", "file", 0, 0, 0o666),))}, "/app/a.py writable"),
    ],
)
def test_another_user_or_writable_code_is_named(fields, says):
    verdict = judge_users([built(**fields)])
    assert verdict.outcome is Outcome.FAILED
    assert any(says in item.what for item in verdict.evidence)


def test_a_user_by_name_that_resolves_passes():
    assert judge_users([built(content=content(user="app"))]).outcome is Outcome.PASSED


def test_data_directories_may_be_written():
    entries = (Entry("/data", "folder", 1001, 1001, 0o755), Entry("/data/x", "file", 1001, 1001, 0o644))
    assert judge_users([built(content=content(entries=entries), volumes=("/data",))]).outcome is Outcome.PASSED


def test_a_folder_that_everybody_may_write_to_is_no_code():
    """As a step that installs something leaves /tmp behind; without the sticky bit anybody could replace what lies there."""
    tmp = Entry("/tmp", "folder", 0, 0, 0o1777)
    assert judge_users([built(content=content(entries=(tmp,)))]).outcome is Outcome.PASSED
    assert judge_users([built(content=content(entries=(replace(tmp, mode=0o777),)))]).outcome is Outcome.FAILED


def test_a_container_that_cannot_be_asked_is_unknown():
    assert judge_users([built(inside="no shell answers")]).outcome is Outcome.INCONCLUSIVE


SEARCHED = Searched("it", BUILD, (), {})


def test_images_without_secrets_pass():
    assert judge_secrets([SEARCHED]).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (replace(SEARCHED, hits=(Hit("private key", "layer 3", "/app/key.pem"),)), "private key in layer 3 /app/key.pem"),
        (replace(SEARCHED, hits=(Hit("canary build secrets", "history"),)), "canary build secrets in history"),
        (replace(SEARCHED, args={"KEY": "OpenAI key"}), "OpenAI key in the build argument KEY"),
    ],
)
def test_a_secret_is_named_by_place_and_kind(found, says):
    verdict = judge_secrets([found])
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


NAMED = Named({"backend": ("registry.example/todo-backend", "0.1.0", "todo-backend", True)}, "0.1.0", "a" * 40)


@pytest.mark.parametrize("tag", ["0.1.0", "v0.1.0", "aaaaaaa", "a" * 40])
def test_a_traceable_tag_passes(tag):
    images = {"backend": ("todo-backend", tag, "todo-backend", True)}
    assert judge_names(replace(NAMED, images=images)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (("todo-backend", "latest", "todo-backend", True), "the tag latest"),
        (("todo-backend", "0.2.0", "todo-backend", True), "the tag 0.2.0"),
        (("todo-backend", "aaa", "todo-backend", True), "the tag aaa"),
        (("api", "0.1.0", "todo-backend", True), "todo-backend"),
        (("nottodo-backend", "0.1.0", "todo-backend", True), "nottodo-backend"),
        (("todo-backend", "0.1.0", "todo-backend", False), "in the engine"),
    ],
)
def test_another_name_or_tag_is_named(image, says):
    verdict = judge_names(replace(NAMED, images={"backend": image}))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason
