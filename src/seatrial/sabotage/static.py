"""Faults of the reference application that show in its files."""

from __future__ import annotations

from seatrial.sabotage.documents import IN_DOCUMENTS
from seatrial.sabotage.model import Edit, Sabotage

FRONTEND = "helm-chart/templates/frontend/deployment.yaml"
BACKEND = "helm-chart/templates/backend/deployment.yaml"

STATIC: tuple[Sabotage, ...] = (
    Sabotage(
        name="image-exposes-another-port",
        milestone=1,
        description="The backend's Dockerfile exposes 8000 while everything else says 8001.",
        criterion="M1-PORT-01",
        says="EXPOSE",
        edits=(Edit("docker/backend/Dockerfile", "EXPOSE 8001\n", "EXPOSE 8000\n"),),
        # The analysis of the sources says what the Dockerfile exposed before.
        consequences=("M1-SRC-02",),
    ),
    Sabotage(
        name="compiler-in-the-last-stage",
        milestone=1,
        description="The backend's last stage installs a compiler, which every pod then carries.",
        criterion="M1-DF-02",
        says="gcc",
        edits=(
            Edit(
                "docker/backend/Dockerfile",
                "COPY --from=build /opt/venv /opt/venv\n",
                "RUN apt-get update && apt-get install --yes gcc\nCOPY --from=build /opt/venv /opt/venv\n",
            ),
        ),
        consequences=("M5-QA-01",),
    ),
    Sabotage(
        name="liveness-asks-the-database",
        milestone=2,
        description="Readiness of the backend asks what liveness asks: a lost database is not told from a hung process.",
        criterion="M2-PROBE-01",
        says="readinessProbe",
        edits=(Edit("helm-chart/values.yaml", "      path: /ready\n", "      path: /health\n"),),
        # The chart's README has the default that was in force before.
        consequences=("M5-DOC-03",),
    ),
    Sabotage(
        name="selector-takes-other-pods",
        milestone=2,
        description="The frontend's selector lacks the component: it counts the backend's and the database's pods as its own.",
        criterion="M2-DEP-02",
        says="also selects the pods of",
        edits=(
            Edit(
                FRONTEND,
                "  selector:\n    matchLabels:\n"
                '      {{- include "todo-app.selectorLabels" (list . "frontend") | nindent 6 }}\n  template:\n',
                '  selector:\n    matchLabels:\n      app.kubernetes.io/name: {{ include "todo-app.name" . }}\n'
                "      app.kubernetes.io/instance: {{ .Release.Name }}\n  template:\n",
            ),
        ),
    ),
    Sabotage(
        name="rollout-takes-capacity",
        milestone=2,
        description="A rollout of the frontend takes a pod away before the new one is ready.",
        criterion="M2-DEP-03",
        says="maxUnavailable",
        edits=(Edit(FRONTEND, "      maxUnavailable: 0\n", "      maxUnavailable: 1\n"),),
    ),
    Sabotage(
        name="no-requests",
        milestone=2,
        description="The frontend names no requests: the scheduler packs it anywhere, and an autoscaler has nothing to measure.",
        criterion="M2-RES-01",
        says="requests",
        edits=(
            Edit(
                FRONTEND,
                "{{- toYaml .Values.frontend.resources | nindent 12 }}",
                '{{- toYaml (omit .Values.frontend.resources "requests") | nindent 12 }}',
            ),
        ),
    ),
    Sabotage(
        name="values-file-against-the-schema",
        milestone=3,
        description="A values file that ships with the chart does not fit the chart's schema.",
        criterion="M3-RENDER-01",
        says="values-dev.yaml",
        edits=(Edit("helm-chart/values-dev.yaml", "frontend:\n  replicas: 1\n", "frontend:\n  replicas: one\n"),),
        consequences=("M5-QA-01",),
    ),
    Sabotage(
        name="another-render-each-time",
        milestone=3,
        description="A random value in a template restarts the backend at every upgrade.",
        criterion="M3-RENDER-02",
        says="the same bytes each time",
        edits=(
            Edit(
                BACKEND,
                "      annotations:\n",
                "      annotations:\n        restarted: {{ randAlphaNum 8 | quote }}\n",
            ),
        ),
        # Whatever is switched, the backend changes too.
        consequences=("M3-RENDER-03",),
    ),
    Sabotage(
        name="replicas-fight-the-autoscaler",
        milestone=3,
        description="The backend renders fixed replicas beside its autoscaler: each upgrade sets back what it scaled.",
        criterion="M3-RENDER-03",
        says="beside an autoscaler",
        edits=(
            Edit(
                BACKEND,
                "  {{- if not .Values.backend.autoscaling.enabled }}\n  replicas: {{ .Values.backend.replicas }}\n  {{- end }}\n",
                "  replicas: {{ .Values.backend.replicas }}\n",
            ),
        ),
    ),
    Sabotage(
        name="value-that-changes-nothing",
        milestone=3,
        description="The backend's template says itself how many old rollouts are kept: whoever sets the value is not heard.",
        criterion="M3-RENDER-04",
        says="backend.rollout.revisionHistoryLimit",
        edits=(
            Edit(
                BACKEND,
                "  revisionHistoryLimit: {{ .Values.backend.rollout.revisionHistoryLimit }}\n",
                "  revisionHistoryLimit: 5\n",
            ),
        ),
        # Whether a value is read at all, where others are handed on as a whole, cannot be seen in the templates alone.
        consequences=("M3-CHART-04",),
    ),
    Sabotage(
        name="chart-of-no-type",
        milestone=3,
        description="The chart does not say whether it is an application or a library.",
        criterion="M3-CHART-01",
        says="Chart.yaml / type",
        edits=(Edit("helm-chart/Chart.yaml", "type: application\n", ""),),
    ),
    Sabotage(
        name="names-grow-too-long",
        milestone=3,
        description="The name helper no longer cuts: with a long release name objects are refused.",
        criterion="M3-CHART-02",
        says="DNS label",
        edits=(Edit("helm-chart/templates/_helpers.tpl", "{{- if gt (len $full) 38 }}", "{{- if gt (len $full) 380 }}"),),
    ),
    Sabotage(
        name="secrets-in-the-package",
        milestone=3,
        description="The chart's .helmignore forgets .env files: a developer's secrets travel in the packaged chart.",
        criterion="M3-CHART-03",
        says=".env",
        edits=(Edit("helm-chart/.helmignore", ".env\n.env.*\n", ""),),
    ),
    Sabotage(
        name="test-pod-never-ends",
        milestone=3,
        description="The test hook's pod is restarted until it succeeds: a failing test hangs instead.",
        criterion="M3-HOOK-01",
        says="restartPolicy",
        edits=(Edit("helm-chart/templates/tests/health.yaml", "  restartPolicy: Never\n", "  restartPolicy: OnFailure\n"),),
    ),
    Sabotage(
        name="autoscaler-aims-too-high",
        milestone=4,
        description="The backend's autoscaler waits for 95 % of memory: pods are killed before it acts.",
        criterion="M4-HPA-01",
        says="target of memory",
        edits=(
            Edit(
                "helm-chart/values.yaml",
                "    targetMemoryUtilizationPercentage: 80\n",
                "    targetMemoryUtilizationPercentage: 95\n",
            ),
        ),
        consequences=("M5-DOC-03",),
    ),
    Sabotage(
        name="container-may-write-everywhere",
        milestone=5,
        description="Root filesystems can be written to: whoever gets into a container can leave a program there.",
        criterion="M5-SEC-01",
        says="CKV_K8S_22",
        edits=(Edit("helm-chart/templates/_helpers.tpl", "readOnlyRootFilesystem: true\n", "readOnlyRootFilesystem: false\n"),),
    ),
    Sabotage(
        name="base-image-of-any-version",
        milestone=5,
        description="The database's base image names no version: a build on another day is another database.",
        criterion="M5-QA-01",
        says="the base image postgres:alpine",
        edits=(
            Edit("docker/database/Dockerfile", "ARG POSTGRES_IMAGE=postgres:16-alpine\n", "ARG POSTGRES_IMAGE=postgres:alpine\n"),
        ),
    ),
    Sabotage(
        name="script-splits-its-arguments",
        milestone=5,
        description="The database's entry point hands its arguments on without quotes: one with a blank in it becomes two.",
        criterion="M5-QA-01",
        says="SC2068",
        edits=(Edit("docker/database/entrypoint.sh", 'exec "$@"\n', "exec $@\n"),),
    ),
    Sabotage(
        name="key-twice-in-a-workflow",
        milestone=5,
        description="The workflow names its permissions twice, and the wider ones, further down, are those that count.",
        criterion="M5-QA-01",
        says='duplication of key "permissions"',
        edits=(
            Edit(".github/workflows/pull-request.yml", "concurrency:\n", "permissions:\n  contents: write\n\nconcurrency:\n"),
        ),
    ),
    Sabotage(
        name="workflow-never-starts",
        milestone=5,
        description="The workflow waits for an event that does not exist: no pull request is judged, and nothing says so.",
        criterion="M5-QA-01",
        says='unknown Webhook event "pull_requests"',
        edits=(Edit(".github/workflows/pull-request.yml", "on:\n  pull_request:\n", "on:\n  pull_requests:\n"),),
    ),
    *IN_DOCUMENTS,
)
