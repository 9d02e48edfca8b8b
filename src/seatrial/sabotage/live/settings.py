"""Faults of configuration, secrets, logs, limits and budgets, and of containers that work together."""

from __future__ import annotations

from seatrial.sabotage.live.cold_start import COLD_START
from seatrial.sabotage.live.places import APP, BACKEND, DATABASE_SERVICE, FRONTEND, HELPERS, PAGES, POLICIES
from seatrial.sabotage.model import Edit, Sabotage

BREAKER = """breaker = {"open": False}


def _watch() -> None:
    while True:
        began = time.monotonic()
        time.sleep(0.2)
        sum(range(400_000))
        breaker["open"] = breaker["open"] or time.monotonic() - began > 5


threading.Thread(target=_watch, daemon=True).start()
"""

FAULTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="backup-locked-out",
        milestone=4,
        description="No policy opens the backup's way to the database: every night's backup fails, and nobody sees it.",
        criterion="M4-NP-02",
        says="backup -> postgres:5432",
        edits=(
            Edit(
                POLICIES,
                '{{- if .Values.backup.enabled }}\n{{- $clients = append $clients "backup" }}\n{{- end }}\n',
                "",
            ),
        ),
        beside=("M2-SVC-02", "M4-NP-01"),
    ),
    Sabotage(
        name="startup-gives-up",
        milestone=2,
        description="The startup probe waits 16 s: on a busy node a pod is restarted before it has started, for ever.",
        criterion="M2-PROBE-02",
        says="startup probe of container backend: found 16 s",
        edits=(
            Edit(
                BACKEND,
                '{{- include "todo-app.httpProbe" .Values.backend.probes.startup | nindent 12 }}',
                "httpGet: {path: /health, port: http}\n            periodSeconds: 2\n            failureThreshold: 8",
            ),
        ),
        beside=("M2-SVC-02", "M2-SVC-03", "M2-HEALTH-01"),
    ),
    Sabotage(
        name="limit-left-to-the-namespace",
        milestone=2,
        description="The frontend names no CPU limit: it gets whatever the namespace gives to those who name none.",
        criterion="M2-RES-02",
        says="cpu: found 0.2 cores, by the namespace's default, in its cgroup",
        edits=(
            Edit(
                FRONTEND,
                "{{- toYaml .Values.frontend.resources | nindent 12 }}",
                "requests: {cpu: 100m, memory: 128Mi}\n            limits: {memory: 256Mi}",
            ),
        ),
        beside=("M2-SVC-02", "M2-SVC-03", "M2-HEALTH-01", "M2-CLUSTER-06"),
    ),
    Sabotage(
        name="configmap-overruled",
        milestone=2,
        description="The pod template gives a setting a value of its own: whoever changes the ConfigMap changes nothing.",
        criterion="M2-CFG-01",
        says="MODEL_TIMEOUT_SECONDS: found '9'",
        edits=(
            Edit(
                HELPERS,
                '{{- define "todo-app.backend.secrets" -}}\n',
                '{{- define "todo-app.backend.secrets" -}}\n- name: MODEL_TIMEOUT_SECONDS\n  value: "9"\n',
            ),
        ),
        beside=("M2-CFG-02", "M2-DEP-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="database-at-a-node-port",
        milestone=2,
        description="The database's Service opens a port on every node: one mistake in a policy, and all data are outside.",
        criterion="M2-SVC-04",
        says="type NodePort, to postgres",
        edits=(
            Edit(
                DATABASE_SERVICE,
                "  type: ClusterIP\n",
                '  type: {{ empty $address | ternary "NodePort" "ClusterIP" }}\n',
            ),
        ),
        beside=("M2-DB-01", "M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="log-level-of-its-own",
        milestone=5,
        description="The backend logs everything, whatever its ConfigMap says: the disk fills, and nobody can make it quiet.",
        criterion="M5-LOG-01",
        says="LOG_LEVEL of its ConfigMap",
        edits=(Edit(f"{APP}/main.py", "setLevel(settings.log_level)", 'setLevel("DEBUG")'),),
        beside=("M2-CFG-01", "M2-SVC-02", "M5-LOG-02"),
    ),
    Sabotage(
        name="tokens-in-the-log",
        milestone=5,
        description="Each request is logged with the token that it showed: whoever reads logs can act as any user.",
        criterion="M5-LOG-02",
        says="token in",
        edits=(
            Edit(
                f"{APP}/observe.py",
                'fields = {"method": method,',
                'fields = {"token": Headers(scope=scope).get("authorization", ""), "method": method,',
            ),
        ),
        beside=("M2-CFG-02", "M2-SVC-02", "M5-LOG-01"),
    ),
    Sabotage(
        name="default-in-place-of-a-secret",
        milestone=2,
        description="Where the Secret lacks a key the chart puts a default: everybody knows what tokens are signed with.",
        criterion="M2-CFG-03",
        says="of Secret todo-app-secrets: found a container that is",  # Ready, or started and ended by its startup probe
        edits=(
            Edit(HELPERS, "{{- if not (index (default dict $found.data) .) }}", "{{- if false }}"),
            Edit(
                HELPERS,
                "  valueFrom:\n    secretKeyRef:\n"
                '      name: {{ include "todo-app.secretName" (index . 0) }}\n      key: {{ index . 2 }}\n',
                '  {{- $name := include "todo-app.secretName" (index . 0) }}\n'
                '  {{- $found := lookup "v1" "Secret" (index . 0).Release.Namespace $name }}\n'
                "  {{- if and $found (not (index $found.data (index . 2))) }}\n"
                "  value: a-default-that-everybody-knows-of-it\n  {{- else }}\n"
                "  valueFrom:\n    secretKeyRef:\n"
                '      name: {{ include "todo-app.secretName" (index . 0) }}\n      key: {{ index . 2 }}\n  {{- end }}\n',
            ),
        ),
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-CFG-04"),
    ),
    Sabotage(
        name="new-secret-rolls-nothing",
        milestone=2,
        description="No checksum of the Secret stands in the pod template: pods keep the old values until they are restarted.",
        criterion="M2-CFG-04",
        says="in Secret todo-app-secrets: found the old value, for the pod template is the same",
        edits=(Edit(BACKEND, '        checksum/secret: {{ include "todo-app.secretChecksum" . }}\n', ""),),
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-CFG-03"),
    ),
    Sabotage(
        name="any-resolver-will-do",
        milestone=4,
        description="Port 53 is open to every pod of the cluster: whoever listens there hears what a stolen pod has to say.",
        criterion="M4-NP-03",
        says="another resolver by",
        edits=(
            Edit(
                POLICIES,
                '    "namespaceSelector" (dict "matchLabels" (dict $namespaceLabel $policies.dns.namespace))\n'
                '    "podSelector" (dict "matchLabels" (dict "k8s-app" $policies.dns.app))))\n',
                '    "namespaceSelector" (dict)))\n',
            ),
        ),
        beside=("M2-SVC-02", "M4-NP-01", "M4-NP-02"),
    ),
    Sabotage(
        name="backup-image-that-nobody-brings",
        milestone=2,
        description="The backup runs an image that is neither built nor loaded: nobody notices until the first night.",
        criterion="M2-IMG-02",
        says="which is not in the node",
        edits=(
            Edit(
                HELPERS,
                'image: {{ include "todo-app.image" (list $root $root.Values.postgres.image) }}\n',
                'image: {{ include "todo-app.image" (list $root $root.Values.postgres.image) }}-backup\n',
            ),
        ),
        beside=("M2-SVC-02", "M2-IMG-01", "M2-DEP-01"),
    ),
    Sabotage(
        name="user-of-another-number",
        milestone=2,
        description="The frontend's container runs as a user that owns nothing in the image.",
        criterion="M2-DEP-04",
        says="runAsUser 1002",
        edits=(
            Edit(
                FRONTEND,
                '{{- include "todo-app.containerSecurityContext" . | nindent 12 }}',
                '{{- include "todo-app.containerSecurityContext" . | replace "runAsUser: 1001" "runAsUser: 1002" | nindent 12 }}',
            ),
        ),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="replaced-by-what-cannot-serve",
        milestone=4,
        description="A new backend is ready before it can serve: the budget counts it, and a drain takes the one that could.",
        criterion="M4-PDB-02",
        says="requests failed",
        edits=COLD_START,
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="tokens-of-another-key",
        milestone=4,
        description="The backend signs with a key of its own making: a new secret would log nobody out.",
        criterion="M4-APP-01",
        says="not signed with the deployed secret",
        edits=(Edit(f"{APP}/tokens.py", "self._secret = secret\n", 'self._secret = f"todo {secret}"\n'),),
        beside=("M2-SVC-02", "M4-APP-02", "M4-APP-08"),
    ),
    Sabotage(
        name="tool-that-deletes-nothing",
        milestone=1,
        description="The tool that deletes a todo says that it did and does not.",
        criterion="M1-RUN-04",
        says="delete_task",
        edits=(Edit(f"{APP}/tools.py", "return _told(await todos.delete(wish.id))", "return _told(await todos.read(wish.id))"),),
        beside=("M1-DF-06", "M1-RUN-01", "M1-RUN-02", "M1-RUN-03"),
    ),
    Sabotage(
        name="frontend-keeps-the-token",
        milestone=1,
        description="The frontend does not hand on who asks: behind it everybody is nobody.",
        criterion="M1-RUN-05",
        says="status 401",
        edits=(Edit(f"{PAGES}/lib/forward.ts", '  "connection",\n', '  "authorization",\n  "connection",\n'),),
        beside=("M1-DF-06", "M1-RUN-01", "M1-RUN-02", "M1-RUN-03"),
    ),
    Sabotage(
        name="breaker-that-stays-open",
        milestone=5,
        description="Once it was held up the backend calls itself ill for good, and its probe asks only for an open port.",
        criterion="M5-HEAL-01",
        says="backend: a copy that was out of CPU",
        edits=(
            Edit(f"{APP}/health.py", "import logging\n", "import logging\nimport threading\nimport time\n"),
            Edit(f"{APP}/health.py", 'router = APIRouter(tags=["health"])\n', f'router = APIRouter(tags=["health"])\n{BREAKER}'),
            Edit(
                f"{APP}/health.py",
                '    return {"status": "ok", "timestamp": utc_now()}\n',
                '    if breaker["open"]:\n        raise RuntimeError("the breaker is open")\n'
                '    return {"status": "ok", "timestamp": utc_now()}\n',
            ),
            Edit(
                BACKEND,
                '{{- include "todo-app.httpProbe" .Values.backend.probes.liveness | nindent 12 }}',
                "tcpSocket: {port: http}\n            periodSeconds: 10\n            timeoutSeconds: 4",
            ),
        ),
        consequences=("M2-PROBE-01", "M2-PROBE-04"),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
)
