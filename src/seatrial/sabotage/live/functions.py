"""Faults of what the application does for its users, and of what stands by it while it does."""

from __future__ import annotations

from seatrial.sabotage.live.places import (
    APP,
    BACKEND,
    BACKEND_BUDGET,
    BACKEND_SCALER,
    BACKEND_SERVICE,
    DATABASE,
    PAGES,
    POLICIES,
    QUOTA,
    TEST_POD,
    VALUES,
)
from seatrial.sabotage.model import Edit, Sabotage

FAULTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="backend-frozen-into-a-script",
        milestone=2,
        description="A script of the pages holds the backend's address: what the build froze, no ConfigMap changes.",
        criterion="M2-CFG-05",
        says="http://todo-app-backend:8001",
        edits=(
            Edit(
                f"{PAGES}/lib/api.ts",
                '"There is no connection to the server."',
                '"There is no connection to http://todo-app-backend:8001."',
            ),
        ),
        beside=("M2-SVC-02", "M4-APP-06", "M4-APP-07"),
    ),
    Sabotage(
        name="todos-for-everybody",
        milestone=4,
        description="A todo is looked up by its id alone: whoever guesses one reads, changes and deletes it.",
        criterion="M4-APP-02",
        says="by another user",
        edits=(
            Edit(
                f"{APP}/user_todos.py",
                "return (Todo.id == todo_id) & (Todo.user_id == self._user_id)",
                "return Todo.id == todo_id",
            ),
        ),
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-08"),
    ),
    Sabotage(
        name="tool-only-says-so",
        milestone=4,
        description="The tool that completes a todo says that it did and does not: the assistant lies to its user.",
        criterion="M4-APP-05",
        says="'complete",
        edits=(
            Edit(
                f"{APP}/tools.py",
                'return _told(await todos.change(wish.id, {"completed": True}))',
                "return _told(await todos.read(wish.id))",
            ),
        ),
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-04"),
    ),
    Sabotage(
        name="every-site-may-call",
        milestone=4,
        description="Pages of any site may call the API.",
        criterion="M4-APP-06",
        says="a foreign origin is granted",
        edits=(Edit(VALUES, "    CORS_ORIGINS: http://todo.local\n", '    CORS_ORIGINS: "*"\n'),),
        beside=("M2-SVC-02", "M4-APP-03", "M4-APP-07"),
    ),
    Sabotage(
        name="picture-that-is-not-there",
        milestone=4,
        description="Every page asks for a picture that nobody ships.",
        criterion="M4-APP-07",
        says="/logo.png: found status 404",
        edits=(Edit(f"{PAGES}/app/layout.tsx", "<body>\n", '<body>\n        <img src="/logo.png" alt="" hidden />\n'),),
        beside=("M2-SVC-02", "M4-APP-03", "M4-APP-06"),
    ),
    Sabotage(
        name="no-rate-limit",
        milestone=4,
        description="The configured rate limit is read and never applied: one client can take all there is.",
        criterion="M4-APP-08",
        says="then 429",
        edits=(
            Edit(f"{APP}/main.py", "    if settings.rate_limit_per_minute:\n", "    if settings.rate_limit_per_minute < 0:\n"),
        ),
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-02"),
    ),
    Sabotage(
        name="outage-is-a-defect",
        milestone=4,
        description="A database that is away is answered like a defect, with 500: callers cannot tell that trying again helps.",
        criterion="M4-APP-09",
        says="without the database: found status 500",
        edits=(
            Edit(
                f"{APP}/errors.py",
                "    for kind in DATABASE_FAULTS:\n        app.add_exception_handler(kind, _database_unavailable)\n",
                "",
            ),
        ),
        beside=("M2-HEALTH-02", "M2-SVC-02", "M4-PERS-01"),
    ),
    Sabotage(
        name="conversations-for-ever",
        milestone=4,
        description="On its way to the cluster the application has lost a route: a conversation can no longer be deleted.",
        criterion="M4-APP-10",
        says="DELETE /api/conversations/{conversation_id}",
        edits=(
            Edit(
                f"{APP}/conversations.py",
                '@router.delete("/{conversation_id}", status_code=status.HTTP_204_NO_CONTENT)\n',
                "",
            ),
        ),
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-08"),
    ),
    Sabotage(
        name="hang-goes-unnoticed",
        milestone=2,
        description="Liveness asks whether the port is open: the kernel says yes for a process that hangs.",
        criterion="M2-PROBE-04",
        says="backend: container backend, frozen in a copy: found no restart",
        edits=(
            Edit(
                BACKEND,
                '{{- include "todo-app.httpProbe" .Values.backend.probes.liveness | nindent 12 }}',
                "tcpSocket: {port: http}\n            periodSeconds: 10\n            failureThreshold: 3",
            ),
        ),
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-HEALTH-02", "M2-PROBE-02"),
    ),
    Sabotage(
        name="always-ready",
        milestone=2,
        description="/ready says 200 whatever the database does: Kubernetes sends requests to pods that can answer none.",
        criterion="M2-HEALTH-02",
        says="found readiness 200",
        edits=(
            Edit(
                f"{APP}/health.py",
                "status = HTTPStatus.OK if answer is Readiness.READY else HTTPStatus.SERVICE_UNAVAILABLE",
                "status = HTTPStatus.OK",
            ),
        ),
        beside=("M2-SVC-02", "M2-HEALTH-01", "M4-PERS-01"),
    ),
    Sabotage(
        name="frozen-pods-stay-in-the-service",
        milestone=2,
        description="The backend's Service publishes pods that are not ready: a share of all requests goes to those.",
        criterion="M2-PROBE-03",
        says="still an endpoint",
        edits=(
            Edit(
                BACKEND_SERVICE,
                "  type: ClusterIP\n",
                "  type: ClusterIP\n  publishNotReadyAddresses: true\n",
            ),
        ),
        beside=("M2-SVC-02", "M2-SVC-03", "M2-HEALTH-01"),
    ),
    Sabotage(
        name="claim-of-half-the-size",
        milestone=2,
        description="The database asks for half the volume that was agreed on.",
        criterion="M2-DB-01",
        says="claim of 512Mi",
        edits=(Edit(DATABASE, "storage: {{ .Values.postgres.persistence.size }}", "storage: 512Mi"),),
        beside=("M2-SVC-02", "M2-SVC-03", "M4-PERS-01"),
    ),
    Sabotage(
        name="api-of-yesterday",
        milestone=2,
        description="The chart still brings an object of an API that Kubernetes has given up.",
        criterion="M2-DEP-05",
        says="deprecated",
        edits=(
            Edit(
                BACKEND_SERVICE,
                "      protocol: TCP\n",
                "      protocol: TCP\n---\napiVersion: v1\nkind: Endpoints\nmetadata:\n"
                '  name: {{ include "todo-app.fullname" . }}-outside\n  namespace: {{ .Release.Namespace }}\n'
                '  labels:\n    {{- include "todo-app.labels" (list . "backend") | nindent 4 }}\n',
            ),
        ),
        consequences=("M3-RENDER-05",),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="test-that-cannot-fail",
        milestone=3,
        description="The chart's own test gives up without a word: it passes on a release that does not work.",
        criterion="M3-HOOK-02",
        says="passed although",
        edits=(Edit(TEST_POD, 'sys.exit(f"{url}: {error!r}")', "break"),),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="budget-by-what-may-be-missing",
        milestone=4,
        description="The budget says how many may be missing, not how many must stay.",
        criterion="M4-PDB-01",
        says="minAvailable None",
        edits=(
            Edit(
                BACKEND_BUDGET,
                "  minAvailable: {{ .Values.backend.podDisruptionBudget.minAvailable }}\n",
                "  maxUnavailable: 1\n",
            ),
        ),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="idle-above-its-target",
        milestone=4,
        description="The memory target lies below what an idle backend needs: it runs at its maximum day and night.",
        criterion="M4-HPA-02",
        says="idle memory at",
        edits=(
            Edit(
                BACKEND_SCALER,
                "averageUtilization: {{ .targetMemoryUtilizationPercentage }}",
                "averageUtilization: 25",
            ),
            Edit(BACKEND_SCALER, "minReplicas: {{ $.Values.backend.replicas }}", "minReplicas: {{ .maxReplicas }}"),
        ),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="every-route-by-udp-too",
        milestone=4,
        description="Every route is open by UDP as well: whoever is inside has a way that nobody declared, and nobody watches.",
        criterion="M4-NP-02",
        says="by UDP",
        edits=(
            Edit(
                POLICIES,
                '(dict "port" (get $ports .to) "protocol" "TCP")',
                '(dict "port" (get $ports .to) "protocol" "TCP") (dict "port" (get $ports .to) "protocol" "UDP")',
            ),
        ),
        beside=("M2-SVC-02", "M4-NP-01"),
    ),
    Sabotage(
        name="trial-of-something-else",
        milestone=3,
        description="The trial's values leave out what the defaults install: it says nothing of what users get.",
        criterion="M3-CHART-05",
        says="LimitRange todo-app: found only with the defaults",
        edits=(
            Edit(
                "helm-chart/values-test.yaml", "  deadlineSeconds: 20\n", "  deadlineSeconds: 20\nlimitRange:\n  enabled: false\n"
            ),
        ),
        beside=("M2-SVC-02", "M3-INST-01"),
    ),
    Sabotage(
        name="namespace-without-a-quota",
        milestone=2,
        description="Nothing limits the namespace's total: one application may take the node from all the others.",
        criterion="M2-QUOTA-01",
        says="no ResourceQuota",
        edits=(Edit(QUOTA, "{{- if .Values.resourceQuota.enabled }}", "{{- if false }}"),),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
)
