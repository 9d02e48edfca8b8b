from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.checks.builds import Rebuild
from seatrial.checks.dockerfiles import Review, Written, judge_backend, judge_frontend, judge_review
from seatrial.errors import Place
from seatrial.images.dockerfile import read_dockerfile
from seatrial.tools.hadolint import Finding, Level
from seatrial.verdict import Outcome

FRONTEND = """\
ARG NODE_IMAGE=node:22-alpine
FROM ${NODE_IMAGE} AS deps
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc npm ci
FROM deps AS builder
COPY . .
RUN npm run build
FROM ${NODE_IMAGE} AS runner
COPY --from=builder /app/.next/standalone ./
COPY public ./public
COPY healthcheck.mjs ./
CMD ["node", "server.js"]
"""
BACKEND = """\
FROM python:3.13-slim AS build
COPY requirements.lock ./
RUN apt-get install -y gcc libpq-dev && python -m venv /opt/venv && pip install -r requirements.lock
FROM python:3.13-slim
COPY --from=build /opt/venv /opt/venv
CMD ["python", "-m", "app"]
"""
CACHED = Rebuild("src/app/page.tsx", "RUN npm ci", cached=True)


def written(tmp_path: Path, text: str, *change: str, rebuild: Rebuild | None = None) -> list[Written]:
    if change:
        assert change[0] in text
        text = text.replace(*change)
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    return [Written("it", read_dockerfile(path), (), rebuild)]


def test_three_stages_on_node_alpine_pass(tmp_path):
    verdict = judge_frontend((written(tmp_path, FRONTEND, rebuild=CACHED), 3, "18.17"))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("node:22-alpine", "node:22-slim", "node:22-slim"),
        ("node:22-alpine", "node:18.16-alpine", "18.16"),
        ("node:22-alpine", "example.com/node:22-alpine", "example.com"),
        ("node:22-alpine", "node:lts-alpine", "lts"),
        ("FROM deps AS builder\n", "", "2 stages"),
        ("COPY package.json package-lock.json ./", "COPY . .", "sources are copied before the install"),
        ("package.json package-lock.json ./", "package.json ./", "no lock file"),
        ("COPY public ./public", "COPY . .", ". comes from the context"),
        ("COPY public ./public", "COPY src ./src", "src comes from the context"),
        ("/app/.next/standalone ./", "/app/node_modules ./node_modules", "copied whole"),
        ("RUN --mount=type=secret,id=npmrc npm ci\n", "", "no step that installs"),
    ],
)
def test_what_a_frontend_dockerfile_lacks_is_named(tmp_path, old, new, says):
    verdict = judge_frontend((written(tmp_path, FRONTEND, old, new, rebuild=CACHED), 3, "18.17"))
    assert verdict.outcome is Outcome.FAILED
    assert any(says in item.what for item in verdict.evidence)


def test_an_edit_that_runs_the_install_again_fails(tmp_path):
    verdict = judge_frontend((written(tmp_path, FRONTEND, rebuild=Rebuild("a.ts", "RUN npm ci", cached=False)), 3, "18.17"))
    assert verdict.outcome is Outcome.FAILED and "editing a.ts" in verdict.reason


def test_without_a_rebuild_nobody_can_tell(tmp_path):
    assert judge_frontend((written(tmp_path, FRONTEND), 3, "18.17")).outcome is Outcome.INCONCLUSIVE


def test_compilers_in_the_build_stage_only_pass(tmp_path):
    verdict = judge_backend((written(tmp_path, BACKEND), 2, "3.13"))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("FROM python:3.13-slim\n", "FROM python:3.12-slim\n", "3.12"),
        ("FROM python:3.13-slim\n", "FROM python:3.13\n", "python:3.13,"),
        ("python -m venv /opt/venv && ", "", "system's Python"),
        ("COPY --from=build /opt/venv /opt/venv", "RUN apt-get install -y libpq-dev", "libpq-dev"),
        ("COPY --from=build /opt/venv /opt/venv\n", "", "nothing is copied"),
        ("FROM python:3.13-slim\nCOPY --from=build /opt/venv /opt/venv\n", "", "1 stages"),
    ],
)
def test_what_a_backend_dockerfile_lacks_is_named(tmp_path, old, new, says):
    verdict = judge_backend((written(tmp_path, BACKEND, old, new), 2, "3.13"))
    assert verdict.outcome is Outcome.FAILED
    assert any(says in item.what for item in verdict.evidence)


def test_a_patch_version_of_the_wanted_python_passes(tmp_path):
    text = BACKEND.replace("3.13-slim", "3.13.2-slim-bookworm")
    assert judge_backend((written(tmp_path, text), 2, "3.13")).outcome is Outcome.PASSED


def finding(level: Level) -> Finding:
    return Finding("DL3006", level, "Tag it", Place(Path("Dockerfile"), 1, 1))


def test_the_fallback_linter_without_errors_passes_and_says_so():
    verdict = judge_review(Review(None, "unknown command", (Path("Dockerfile"),), (finding(Level.WARNING),)))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 1)
    assert (
        "Docker AI is not available: unknown command" in verdict.evidence[0].what
        and "0 error, 1 warning" in verdict.evidence[1].what
    )


def test_an_error_of_the_linter_fails():
    assert judge_review(Review(None, "", (Path("Dockerfile"),), (finding(Level.ERROR),))).outcome is Outcome.FAILED


def test_an_assistant_whose_answers_are_not_on_record_is_unknown():
    assert judge_review(Review("v1.0", "", (Path("Dockerfile"),), ())).outcome is Outcome.INCONCLUSIVE


def test_no_dockerfile_is_a_failure():
    assert judge_review(Review(None, "", (), ())).outcome is Outcome.FAILED
