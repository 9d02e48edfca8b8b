"""Faults that show on an engine or a cluster only. Each is judged together with some criteria that it must leave alone."""

from __future__ import annotations

from seatrial.sabotage.model import Edit, Sabotage

BACKEND_SERVICE = "helm-chart/templates/backend/service.yaml"
POLICIES = "helm-chart/templates/networkpolicy.yaml"
BACKEND, FRONTEND = (f"helm-chart/templates/{part}/deployment.yaml" for part in ("backend", "frontend"))
HELPERS = "helm-chart/templates/_helpers.tpl"
DATABASE = "helm-chart/templates/postgres/statefulset.yaml"
VALUES = "helm-chart/values.yaml"
HELPERS = "helm-chart/templates/_helpers.tpl"
APP = "docker/backend/app"
PAGES = "docker/frontend/src"

ALONE = ("M1-DF-04", "M1-DF-06", "M1-RUN-01")
BESIDE_DATABASE = ("M1-DF-06", "M1-RUN-01", "M1-RUN-02", "M1-RUN-03", "M1-RUN-04", "M1-RUN-05")
"""What is judged beside faults of single containers and of those together; none of it needs a cluster."""

LIVE: tuple[Sabotage, ...] = (
    Sabotage(
        name="frontend-health-without-a-time",
        milestone=1,
        description="The frontend's health says no time: a cached answer looks like a fresh one.",
        criterion="M1-RUN-01",
        says="timestamp None",
        edits=(Edit(f"{PAGES}/app/api/health/route.ts", ", timestamp: new Date().toISOString() }", " }"),),
        live=True,
        beside=ALONE,
    ),
    Sabotage(
        name="public-files-left-behind",
        milestone=1,
        description="The frontend's last stage does not get the public files: each of them is a 404.",
        criterion="M1-DF-04",
        says="/robots.txt",
        edits=(Edit("docker/frontend/Dockerfile", "COPY public ./public\n", ""),),
        live=True,
        beside=ALONE,
    ),
    Sabotage(
        name="health-check-that-asks-nobody",
        milestone=1,
        description="The backend's HEALTHCHECK starts Python and asks nobody: a server that hangs stays healthy.",
        criterion="M1-DF-05",
        says="does not ask /health at port 8001",
        edits=(Edit("docker/backend/Dockerfile", '"-m", "app.healthcheck"]', '"-c", "pass"]'),),
        live=True,
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
        live=True,
        beside=BESIDE_DATABASE,
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
        live=True,
        beside=BESIDE_DATABASE,
    ),
    Sabotage(
        name="tool-that-deletes-nothing",
        milestone=1,
        description="The tool that deletes a todo says that it did and does not.",
        criterion="M1-RUN-04",
        says="delete_task",
        edits=(Edit(f"{APP}/tools.py", "return _told(await todos.delete(wish.id))", "return _told(await todos.read(wish.id))"),),
        live=True,
        beside=BESIDE_DATABASE,
    ),
    Sabotage(
        name="frontend-keeps-the-token",
        milestone=1,
        description="The frontend does not hand on who asks: behind it everybody is nobody.",
        criterion="M1-RUN-05",
        says="status 401",
        edits=(Edit(f"{PAGES}/lib/forward.ts", '  "connection",\n', '  "authorization",\n  "connection",\n'),),
        live=True,
        beside=BESIDE_DATABASE,
    ),
    Sabotage(
        name="port-that-stays",
        milestone=1,
        description="The backend does not read PORT: where the usual port is taken, nobody can start it.",
        criterion="M1-ENV-01",
        says="PORT=9112",
        edits=(Edit(f"{APP}/settings.py", 'port=integer("PORT", 8001, 1, 65535)', "port=8001"),),
        live=True,
        beside=("M1-DF-06", "M1-RUN-01"),
    ),
    Sabotage(
        name="service-leads-to-another-port",
        milestone=2,
        description="The backend's Service leads to a port where nobody listens: every pod is ready, and nobody gets an answer.",
        criterion="M2-SVC-02",
        says="targetPort",
        edits=(Edit(BACKEND_SERVICE, "targetPort: {{ .Values.backend.port }}", "targetPort: 8002"),),
        consequences=("M2-HEALTH-01", "M3-INST-03"),
        live=True,
        beside=("M2-DEP-01", "M2-NS-01", "M2-SVC-01", "M2-SVC-03", "M2-DB-01", "M2-HEALTH-01", "M3-INST-01", "M3-INST-03"),
    ),
    Sabotage(
        name="everybody-may-talk",
        milestone=4,
        description="No policy denies by default: each pod reaches the database, and a stolen one the internet.",
        criterion="M4-NP-01",
        says="default",
        edits=(Edit(POLICIES, "{{- if .Values.networkPolicy.enabled }}", "{{- if false }}"),),
        consequences=("M4-NP-02",),
        live=True,
        beside=("M2-DEP-01", "M2-SVC-02", "M2-SVC-03", "M2-HEALTH-01", "M3-INST-01", "M4-NP-02", "M4-PDB-01"),
    ),
    Sabotage(
        name="data-dies-with-its-pod",
        milestone=5,
        description="The database writes to a volume of its pod: what users have entered is gone with the pod.",
        criterion="M5-RB-01",
        says="after its pod's deletion",
        edits=(
            Edit(
                DATABASE,
                "- name: data\n              mountPath: /var/lib/postgresql/data",
                "- name: scratch\n              mountPath: /var/lib/postgresql/data",
            ),
            Edit(DATABASE, "      volumes:\n", "      volumes:\n        - name: scratch\n          emptyDir: {}\n"),
        ),
        consequences=("M2-DB-01",),
        live=True,
        beside=("M2-DEP-01", "M2-SVC-02", "M2-SVC-03", "M2-HEALTH-01", "M2-DB-01", "M3-INST-01"),
    ),
    Sabotage(
        name="configmap-outlives-its-release",
        milestone=3,
        description="A ConfigMap stays when its release is removed: the next install under that name meets what is left.",
        criterion="M3-INST-04",
        says="ConfigMap todo-app-again-frontend is left after the uninstall",
        edits=(
            Edit(
                "helm-chart/templates/frontend/configmap.yaml",
                "| nindent 4 }}\ndata:\n",
                "| nindent 4 }}\n  annotations:\n    helm.sh/resource-policy: keep\ndata:\n",
            ),
        ),
        live=True,
        beside=("M2-CFG-01", "M2-SVC-02", "M5-KAG-07"),
    ),
    Sabotage(
        name="backup-that-never-fails",
        milestone=5,
        description="The backup's script goes on after a step that failed: its Job succeeds, and there is no backup.",
        criterion="M5-KAG-07",
        says="without a place to write to: found Complete, exit code 0",
        edits=(Edit("helm-chart/files/backup.sh", "set -eu\n", "set -u\n"),),
        live=True,
        beside=("M2-DB-01", "M2-SVC-02", "M3-INST-04"),
    ),
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
        live=True,
        beside=("M2-SVC-02", "M4-APP-06", "M4-APP-07"),
    ),
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
        live=True,
        beside=("M2-SVC-02", "M4-NP-01"),
    ),
    Sabotage(
        name="tokens-of-another-key",
        milestone=4,
        description="The backend signs with a key of its own making: a new secret would log nobody out.",
        criterion="M4-APP-01",
        says="not signed with the deployed secret",
        edits=(Edit(f"{APP}/tokens.py", "self._secret = secret\n", 'self._secret = f"todo {secret}"\n'),),
        live=True,
        beside=("M2-SVC-02", "M4-APP-02", "M4-APP-08"),
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
        live=True,
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-08"),
    ),
    Sabotage(
        name="changes-are-not-kept",
        milestone=4,
        description="A changed todo is given back as if it were stored, and is not: the next look shows the old one.",
        criterion="M4-APP-03",
        says="after changing",
        edits=(
            Edit(
                f"{APP}/user_todos.py",
                ".values(changes).returning(Todo))\n        await self._session.commit()\n",
                ".values(changes).returning(Todo))\n",
            ),
        ),
        live=True,
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-07"),
    ),
    Sabotage(
        name="conversation-backwards",
        milestone=4,
        description="A conversation is read from its end: answers stand before what they answer.",
        criterion="M4-APP-04",
        says="conversation read from Pod",
        edits=(
            Edit(
                f"{APP}/user_conversations.py",
                "said = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id)\n",
                "said = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id.desc())\n",
            ),
        ),
        live=True,
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-05"),
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
        live=True,
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-04"),
    ),
    Sabotage(
        name="every-site-may-call",
        milestone=4,
        description="Pages of any site may call the API.",
        criterion="M4-APP-06",
        says="a foreign origin is granted",
        edits=(Edit(VALUES, "    CORS_ORIGINS: http://todo.local\n", '    CORS_ORIGINS: "*"\n'),),
        live=True,
        beside=("M2-SVC-02", "M4-APP-03", "M4-APP-07"),
    ),
    Sabotage(
        name="picture-that-is-not-there",
        milestone=4,
        description="Every page asks for a picture that nobody ships.",
        criterion="M4-APP-07",
        says="/logo.png: found status 404",
        edits=(Edit(f"{PAGES}/app/layout.tsx", "<body>\n", '<body>\n        <img src="/logo.png" alt="" hidden />\n'),),
        live=True,
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
        live=True,
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
        live=True,
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
        live=True,
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
        live=True,
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-HEALTH-02", "M2-PROBE-02"),
    ),
    Sabotage(
        name="restarted-for-the-database",
        milestone=2,
        description="Liveness asks what readiness asks: a database that is away has every backend restarted, again and again.",
        criterion="M2-PROBE-04",
        says="found restarts 0 -> 1, wanted 0 restarts",
        edits=(
            Edit(
                BACKEND,
                '{{- include "todo-app.httpProbe" .Values.backend.probes.liveness | nindent 12 }}',
                "httpGet: {path: /ready, port: http}\n            periodSeconds: 10\n            timeoutSeconds: 4",
            ),
        ),
        consequences=("M2-HEALTH-02",),
        live=True,
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-HEALTH-02", "M2-PROBE-03"),
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
        live=True,
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
        live=True,
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
        live=True,
        beside=("M2-CFG-02", "M2-DEP-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="password-under-another-name",
        milestone=2,
        description="A ConfigMap holds the database's password, under a name that nobody would look at twice.",
        criterion="M2-CFG-02",
        says="ConfigMap todo-app-backend / GREETING",
        edits=(
            Edit(
                HELPERS,
                '{{- define "todo-app.backend.config" -}}\n{{- $own := dict "PORT" (toString .Values.backend.port) }}\n',
                '{{- define "todo-app.backend.config" -}}\n{{- $own := dict "PORT" (toString .Values.backend.port) }}\n'
                '{{- with lookup "v1" "Secret" .Release.Namespace (include "todo-app.secretName" .) }}\n'
                '{{- $_ := set $own "GREETING" (.data.POSTGRES_PASSWORD | b64dec) }}\n{{- end }}\n',
            ),
        ),
        live=True,
        beside=("M2-CFG-01", "M2-DEP-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="database-at-a-node-port",
        milestone=2,
        description="The database's Service opens a port on every node: one mistake in a policy, and all data are outside.",
        criterion="M2-SVC-04",
        says="type NodePort, to postgres",
        edits=(
            Edit(
                "helm-chart/templates/postgres/service.yaml",
                "  type: ClusterIP\n",
                '  type: {{ empty $address | ternary "NodePort" "ClusterIP" }}\n',
            ),
        ),
        live=True,
        beside=("M2-DB-01", "M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="quota-without-room",
        milestone=2,
        description="The quota is enough for the pods at rest: under load the autoscaler asks, and is refused.",
        criterion="M2-QUOTA-01",
        says="requests.cpu at full scale",
        edits=(Edit(VALUES, '    requests.cpu: "2"\n', "    requests.cpu: 800m\n"),),
        live=True,
        beside=("M2-DEP-01", "M2-QUOTA-02", "M2-SVC-02"),
    ),
    Sabotage(
        name="containers-of-any-size",
        milestone=2,
        description="The LimitRange has no highest limit: a single container may take the node.",
        criterion="M2-QUOTA-02",
        says="no max for cpu",
        edits=(
            Edit(
                "helm-chart/templates/limitrange.yaml",
                'omit .Values.limitRange "enabled"',
                'omit .Values.limitRange "enabled" "max"',
            ),
        ),
        live=True,
        beside=("M2-DEP-01", "M2-QUOTA-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="log-level-of-its-own",
        milestone=5,
        description="The backend logs everything, whatever its ConfigMap says: the disk fills, and nobody can make it quiet.",
        criterion="M5-LOG-01",
        says="LOG_LEVEL of its ConfigMap",
        edits=(Edit(f"{APP}/main.py", "setLevel(settings.log_level)", 'setLevel("DEBUG")'),),
        live=True,
        beside=("M2-CFG-01", "M2-SVC-02", "M5-LOG-02"),
    ),
    Sabotage(
        name="tokens-in-the-log",
        milestone=5,
        description="Each request is logged with the token that it showed: whoever reads logs can act as any user.",
        criterion="M5-LOG-02",
        says="a bearer token of nobody",
        edits=(
            Edit(
                f"{APP}/observe.py",
                'fields = {"method": method,',
                'fields = {"token": Headers(scope=scope).get("authorization", ""), "method": method,',
            ),
        ),
        live=True,
        beside=("M2-CFG-02", "M2-SVC-02", "M5-LOG-01"),
    ),
    Sabotage(
        name="default-in-place-of-a-secret",
        milestone=2,
        description="Where the Secret lacks a key the chart puts a default: everybody knows what tokens are signed with.",
        criterion="M2-CFG-03",
        says="found a container that is Ready",
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
        live=True,
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-CFG-04"),
    ),
    Sabotage(
        name="new-secret-rolls-nothing",
        milestone=2,
        description="No checksum of the Secret stands in the pod template: pods keep the old values until they are restarted.",
        criterion="M2-CFG-04",
        says="in Secret todo-app-secrets: found the old value, for the pod template is the same",
        edits=(Edit(BACKEND, '        checksum/secret: {{ include "todo-app.secretChecksum" . }}\n', ""),),
        live=True,
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-CFG-03"),
    ),
    Sabotage(
        name="error-that-nobody-minds",
        milestone=5,
        description="The backend reports an error at each start that is none: nobody will see the one that counts.",
        criterion="M5-LOG-03",
        says="the cache is not configured",
        edits=(
            Edit(
                f"{APP}/main.py",
                "    async with app.state.assistant.running():\n",
                '    logging.getLogger(__name__).error("the cache is not configured")\n'
                "    async with app.state.assistant.running():\n",
            ),
        ),
        live=True,
        beside=("M2-SVC-02", "M5-LOG-01", "M5-LOG-02"),
    ),
    Sabotage(
        name="http-goes-on-beside-https",
        milestone=4,
        description="https is switched on, and nobody is led there: passwords still travel by http.",
        criterion="M4-ING-04",
        says="status 200, wanted 301 or 308",
        edits=(
            Edit(
                "helm-chart/templates/ingress.yaml",
                "  {{- with .Values.ingress.annotations }}\n",
                "  {{- with merge (dict) .Values.ingress.annotations (.Values.ingress.tls.enabled | ternary "
                '(dict "nginx.ingress.kubernetes.io/ssl-redirect" "false") (dict)) }}\n',
            ),
        ),
        live=True,
        beside=("M2-SVC-02", "M4-ING-01", "M4-ING-02", "M4-ING-03"),
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
        live=True,
        beside=("M2-SVC-02", "M4-NP-01", "M4-NP-02"),
    ),
    Sabotage(
        name="chat-cut-off-by-a-policy",
        milestone=4,
        description="The model lets the backend in, and no policy lets the backend out: chat works until policies are on.",
        criterion="M4-NP-04",
        says="chat: found",
        edits=(
            Edit(
                POLICIES,
                '"to" "model" "callers" (list $component.backend) "out" $component.backend) }}\n',
                '"to" "model" "callers" (list $component.backend)) }}\n',
            ),
        ),
        consequences=("M4-NP-02",),
        live=True,
        beside=("M2-SVC-02", "M4-NP-01", "M4-NP-02", "M4-NP-03"),
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
        live=True,
        beside=("M2-SVC-02", "M2-IMG-01", "M2-DEP-01"),
    ),
    Sabotage(
        name="guide-to-another-symptom",
        milestone=5,
        description="The guide promises words that no command prints: who sees the failure does not find its section.",
        criterion="M5-DOC-02",
        says="'Insufficient memory'",
        edits=(Edit("docs/todo-app/TROUBLESHOOTING.md", "`Insufficient cpu`", "`Insufficient memory`"),),
        live=True,
        beside=("M2-DEP-01", "M5-DOC-04"),
    ),
    Sabotage(
        name="fallback-of-another-outcome",
        milestone=5,
        description="The command beside an example of kubectl-ai does not show what the tool is asked for.",
        criterion="M5-DOC-04",
        says="'todo-chatbot-backend:'",
        edits=(
            Edit(
                "docs/todo-app/ai-tools.md",
                "`kubectl get deployment/todo-app-backend --namespace todo-app --output=wide`",
                "`kubectl get deployment/todo-app-backend --namespace todo-app`",
            ),
        ),
        live=True,
        beside=("M2-DEP-01", "M5-DOC-02"),
    ),
)
