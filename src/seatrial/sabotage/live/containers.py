"""Faults of images and of what they do when they run alone, and those that only a cluster's events tell."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from seatrial.sabotage.live.places import (
    APP,
    APPLICATION,
    BACKEND_IMAGE,
    FRONTEND,
    FRONTEND_IMAGE,
    FRONTEND_SCALER,
    MODEL,
    PAGES,
    VALUES,
)
from seatrial.sabotage.model import Edit, Sabotage
from seatrial.tools.osvscanner import archive

ALONE = ("M1-DF-04", "M1-DF-06", "M1-RUN-01")
MADE_UP_KEY = "sk-" + "madeupby0seatrial" * 2
"""Put together here, so that who searches this repository for secrets finds none."""

IMAGE_TAG = "repository: todo-chatbot-frontend\n    # Tag of the image; empty takes the chart's appVersion.\n    tag: {tag}\n"

WARM_UP = """apiVersion: v1
kind: Pod
metadata:
  name: {{ include "todo-app.fullname" . }}-warm-up
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "todo-app.labels" (list . "warm-up") | nindent 4 }}
spec:
  {{- include "todo-app.podDefaults" (list . "model") | nindent 2 }}
  restartPolicy: Never
  containers:
    - name: warm-up
      image: {{ include "todo-app.image" (list . .Values.model.image) }}
      imagePullPolicy: Always
      command: ["sleep", "1"]
      securityContext:
        {{- include "todo-app.containerSecurityContext" . | nindent 8 }}
      resources:
        {{- toYaml .Values.model.resources | nindent 8 }}
---
"""

ADVISORIES = "advisories"
ECOSYSTEMS = (
    "PyPI",
    "npm",
    *(f"Debian:{release}" for release in range(11, 16)),
    *(f"Alpine:v3.{minor}" for minor in range(16, 30)),
)
"""Of what the images may hold, whatever bases of theirs are to be had."""


def _advisories(ecosystem: str) -> bytes:
    """An archive of a database that knows one thing: the web framework in the backend's image can be broken into."""
    of = [each for each in ECOSYSTEMS if each.partition(":")[0] == ecosystem]
    advisory = {
        "schema_version": "1.6.0",
        "id": "SEATRIAL-2026-0001",
        "modified": "2026-11-22T00:00:00Z",
        "summary": "made up, for a fault that must be seen",
        "affected": [
            {
                "package": {"ecosystem": each, "name": "fastapi"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}],
            }
            for each in of
        ],
        "database_specific": {"severity": "CRITICAL"},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr(zipfile.ZipInfo(f"{advisory['id']}.json", (2026, 11, 22, 0, 0, 0)), json.dumps(advisory))
    return packed.getvalue()


FAULTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="framework-that-can-be-broken-into",
        milestone=1,
        description="There is a database of vulnerabilities, and it knows a critical one of what the backend is made with.",
        criterion="M1-IMG-07",
        says="critical SEATRIAL-2026-0001",
        edits=(
            Edit(APPLICATION, "security:\n", f"security:\n  database: {ADVISORIES}\n"),
            *(
                Edit(archive(Path(ADVISORIES), each).as_posix(), "", _advisories(each))
                for each in dict.fromkeys(each.partition(":")[0] for each in ECOSYSTEMS)
            ),
        ),
        beside=ALONE,
    ),
    Sabotage(
        name="frontend-health-without-a-time",
        milestone=1,
        description="The frontend's health says no time: a cached answer looks like a fresh one.",
        criterion="M1-RUN-01",
        says="timestamp None",
        edits=(Edit(f"{PAGES}/app/api/health/route.ts", ", timestamp: new Date().toISOString() }", " }"),),
        beside=ALONE,
    ),
    Sabotage(
        name="public-files-left-behind",
        milestone=1,
        description="The frontend's last stage does not get the public files: each of them is a 404.",
        criterion="M1-DF-04",
        says="/robots.txt",
        edits=(Edit(f"{FRONTEND_IMAGE}/Dockerfile", "COPY public ./public\n", ""),),
        beside=ALONE,
    ),
    Sabotage(
        name="health-check-that-asks-nobody",
        milestone=1,
        description="The backend's HEALTHCHECK starts Python and asks nobody: a server that hangs stays healthy.",
        criterion="M1-DF-05",
        says="does not ask /health at port 8001",
        edits=(Edit(f"{BACKEND_IMAGE}/Dockerfile", '"-m", "app.healthcheck"]', '"-c", "pass"]'),),
        beside=("M1-DF-06", "M1-RUN-01", "M1-RUN-02"),
    ),
    Sabotage(
        name="health-of-another-day",
        milestone=1,
        description="The backend's health bears a fixed time: nobody sees that a process hangs behind a cache.",
        criterion="M1-RUN-02",
        says="s off",
        edits=(
            Edit(
                f"{APP}/health.py",
                'return {"status": "ok", "timestamp": utc_now()}',
                'return {"status": "ok", "timestamp": "2026-01-01T00:00:00Z"}',
            ),
        ),
        beside=("M1-DF-06", "M1-RUN-01", "M1-RUN-02", "M1-RUN-03"),
    ),
    Sabotage(
        name="refused-login-without-a-word",
        milestone=1,
        description="The log says that the database is not there, and not that the password is wrong.",
        criterion="M1-RUN-03",
        says="nothing in its log about the password",
        edits=(
            Edit(
                f"{APP}/health.py",
                'logger.warning("the database cannot be reached: %s", describe(error))',
                'logger.warning("the database cannot be reached: %s", type(error).__name__)',
            ),
        ),
        beside=("M1-DF-06", "M1-RUN-01", "M1-RUN-02", "M1-RUN-03"),
    ),
    Sabotage(
        name="port-that-stays",
        milestone=1,
        description="The backend does not read PORT: where the usual port is taken, nobody can start it.",
        criterion="M1-ENV-01",
        says="PORT=9112",
        edits=(Edit(f"{APP}/settings.py", 'port=integer("PORT", 8001, 1, 65535)', "port=8001"),),
        beside=("M1-DF-06", "M1-RUN-01"),
    ),
    Sabotage(
        name="everything-is-one-layer",
        milestone=1,
        description="The frontend's dependencies are installed after all sources are copied: each change installs them anew.",
        criterion="M1-DF-01",
        says="found no package.json before the install",
        edits=(Edit(f"{FRONTEND_IMAGE}/Dockerfile", "COPY package.json package-lock.json ./\n", "COPY . .\n"),),
        beside=ALONE,
    ),
    Sabotage(
        name="env-files-sent-to-the-build",
        milestone=1,
        description="The frontend's ignore file lets .env files through: whoever builds it sends them to the engine.",
        criterion="M1-DF-03",
        says=".env",
        edits=(Edit(f"{FRONTEND_IMAGE}/.dockerignore", "**/.env*\n", ""),),
        beside=ALONE,
    ),
    Sabotage(
        name="shell-in-front-of-the-server",
        milestone=1,
        description="A shell is process 1 and hands no signal on: what is open is lost at each stop.",
        criterion="M1-DF-06",
        says="shell form",
        edits=(Edit(f"{BACKEND_IMAGE}/Dockerfile", 'CMD ["python", "-m", "app"]', "CMD python -m app"),),
        beside=("M1-RUN-01", "M1-RUN-02"),
    ),
    Sabotage(
        name="error-that-the-linter-sees",
        milestone=5,
        description="A Dockerfile adds where it should copy: the linter that stands in for Docker AI calls it an error.",
        criterion="M5-AI-01",
        says="DL3020",
        edits=(Edit(f"{FRONTEND_IMAGE}/Dockerfile", "COPY healthcheck.mjs ./", "ADD healthcheck.mjs ./"),),
        beside=ALONE,
    ),
    Sabotage(
        name="root-by-default",
        milestone=1,
        description="The frontend's image names no user: wherever nobody else does, it runs as root.",
        criterion="M1-IMG-04",
        says="the user (none, so root)",
        edits=(Edit(f"{FRONTEND_IMAGE}/Dockerfile", "USER 1001:1001\n", ""),),
        beside=("M1-RUN-01", "M1-RUN-02"),
    ),
    Sabotage(
        name="key-in-the-environment-of-the-image",
        milestone=1,
        description="A key stands in the image's environment: whoever pulls the image has it.",
        criterion="M1-IMG-05",
        says="OpenAI key",
        edits=(Edit(f"{BACKEND_IMAGE}/Dockerfile", "    PORT=8001\n", f"    PORT=8001 OPENAI_API_KEY={MADE_UP_KEY}\n"),),
        beside=("M1-RUN-01", "M1-RUN-02"),
    ),
    Sabotage(
        name="autoscaler-of-nobody",
        milestone=3,
        description="The frontend's autoscaler names a Deployment that is not there: its events say so, and nobody reads them.",
        criterion="M3-INST-01",
        says="HorizontalPodAutoscaler todo-app-frontend",
        edits=(
            Edit(
                FRONTEND_SCALER,
                '    kind: Deployment\n    name: {{ include "todo-app.fullname" $ }}-frontend\n',
                '    kind: Deployment\n    name: {{ include "todo-app.fullname" $ }}-pages\n',
            ),
        ),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="tag-that-moves",
        milestone=1,
        description="The frontend's image is called latest: nobody can tell which one runs, and no rollback brings it back.",
        criterion="M1-IMG-06",
        says="the tag latest",
        edits=(
            Edit(APPLICATION, "todo-chatbot-frontend, tag: 0.2.0", "todo-chatbot-frontend, tag: latest"),
            Edit(VALUES, IMAGE_TAG.format(tag='""'), IMAGE_TAG.format(tag="latest")),
        ),
        beside=ALONE,
    ),
    Sabotage(
        name="source-maps-for-everybody",
        milestone=1,
        description="The frontend's build makes source maps and nobody takes them out: whoever visits a page reads its sources.",
        criterion="M1-IMG-02",
        says="a source map",
        edits=(
            Edit(
                f"{FRONTEND_IMAGE}/next.config.ts",
                "  poweredByHeader: false,\n",
                "  poweredByHeader: false,\n  productionBrowserSourceMaps: true,\n",
            ),
            Edit(
                f"{FRONTEND_IMAGE}/Dockerfile",
                'RUN npm run build && find .next -name "*.map" -exec rm {} +\n',
                "RUN npm run build\n",
            ),
        ),
        beside=ALONE,
    ),
    Sabotage(
        name="tests-in-the-image",
        milestone=1,
        description="The backend's last stage gets a test: what only developers run is shipped, and loaded into every node.",
        criterion="M1-IMG-03",
        says="tests: /app/tests/test_main.py",
        edits=(
            Edit(
                f"{BACKEND_IMAGE}/Dockerfile",
                "COPY --from=build /build/app ./app\n",
                "COPY --from=build /build/app ./app\nCOPY --from=build /build/app/main.py ./tests/test_main.py\n",
            ),
        ),
        beside=("M1-RUN-01", "M1-RUN-02"),
    ),
    Sabotage(
        name="pulled-at-each-start",
        milestone=2,
        description="A pod of the chart pulls its image at each start: the one in the node, which was tried, is never what runs.",
        criterion="M2-IMG-01",
        says="Pod todo-app-warm-up",
        edits=(
            Edit(
                MODEL,
                "{{- if .Values.model.enabled }}\napiVersion: apps/v1\n",
                "{{- if .Values.model.enabled }}\n" + WARM_UP + "apiVersion: apps/v1\n",
            ),
        ),
        beside=("M1-RUN-01", "M1-RUN-02"),
    ),
)
EVENTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="liveness-at-another-port",
        milestone=3,
        description="Liveness asks a port where nobody listens: in five minutes every frontend is restarted, again and again.",
        criterion="M3-INST-01",
        says="Liveness probe failed",
        edits=(
            Edit(
                FRONTEND,
                '{{- include "todo-app.httpProbe" .Values.frontend.probes.liveness | nindent 12 }}',
                "httpGet: {path: /api/health, port: 3001}\n            periodSeconds: 10\n            timeoutSeconds: 4\n"
                "            failureThreshold: 30",
            ),
        ),
        beside=("M2-CLUSTER-02",),
    ),
)
SEALED: tuple[Sabotage, ...] = (
    Sabotage(
        name="note-beside-the-programs",
        milestone=5,
        description="The backend notes its process id in /var/tmp when it starts: it never comes up where its root is read-only.",
        criterion="M5-SEC-01",
        says="the image of backend (docker/backend/Dockerfile): found it does not come up with a read-only root",
        edits=(
            Edit(
                f"{APP}/__main__.py",
                "    configure()\n    try:\n",
                '    configure()\n    with open("/var/tmp/todo.pid", "w") as note:\n'
                "        note.write(str(os.getpid()))\n    try:\n",
            ),
        ),
        alone="test_images_come_up_with_a_read_only_root",
    ),
)
