"""Faults that show where releases are installed, upgraded, backed up and removed again and again; and those of documents."""

from __future__ import annotations

from seatrial.sabotage.live.places import APP, APPLICATION, BACKEND, CHART, FRONTEND, FRONTEND_SCALER, MODEL, REFERENCE
from seatrial.sabotage.model import Edit, Sabotage

FAULTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="configmap-outlives-its-release",
        milestone=3,
        description="A ConfigMap stays when its release is removed: the next install under that name meets what is left.",
        criterion="M3-INST-04",
        says="ConfigMap todo-app-again-frontend is left after the uninstall",
        edits=(
            Edit(
                f"{CHART}/frontend/configmap.yaml",
                "| nindent 4 }}\ndata:\n",
                "| nindent 4 }}\n  annotations:\n    helm.sh/resource-policy: keep\ndata:\n",
            ),
        ),
        beside=("M2-CFG-01", "M2-SVC-02", "M5-KAG-07"),
    ),
    Sabotage(
        name="backup-that-never-fails",
        milestone=5,
        description="The backup's script goes on after a step that failed: its Job succeeds, and there is no backup.",
        criterion="M5-KAG-07",
        says="without a place to write to: found Complete, exit code 0",
        edits=(Edit("helm-chart/files/backup.sh", "set -eu\n", "set -u\n"),),
        beside=("M2-DB-01", "M2-SVC-02", "M3-INST-04"),
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
        beside=("M2-SVC-02", "M5-LOG-01", "M5-LOG-02"),
    ),
    Sabotage(
        name="guide-to-another-symptom",
        milestone=5,
        description="The guide promises words that no command prints: who sees the failure does not find its section.",
        criterion="M5-DOC-02",
        says="'Insufficient memory'",
        edits=(Edit("docs/todo-app/TROUBLESHOOTING.md", "`Insufficient cpu`", "`Insufficient memory`"),),
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
        beside=("M2-DEP-01", "M5-DOC-02"),
    ),
    Sabotage(
        name="all-at-once",
        milestone=3,
        description="The backend is rolled out by taking all old pods away first: each upgrade is an outage.",
        criterion="M3-UP-01",
        says="during the upgrade",
        edits=(
            Edit(
                BACKEND,
                "    type: RollingUpdate\n    rollingUpdate:\n      maxUnavailable: 0\n"
                "      maxSurge: {{ .Values.backend.rollout.maxSurge }}\n",
                "    type: Recreate\n",
            ),
        ),
        beside=("M2-DEP-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="limit-that-nobody-can-change",
        milestone=3,
        description="The backend's resources stand in the template: whoever overrides them at an upgrade changes nothing.",
        criterion="M3-UP-02",
        says="backend.resources.limits.memory",
        edits=(
            Edit(
                BACKEND,
                "{{- toYaml .Values.backend.resources | nindent 12 }}",
                "requests: {cpu: 100m, memory: 256Mi}\n            limits: {cpu: 500m, memory: 512Mi}",
            ),
        ),
        beside=("M2-DEP-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="migration-that-clears-up",
        milestone=5,
        description="Each migration removes what is done: users miss it after every upgrade and every new pod.",
        criterion="M5-RB-01",
        says="after the upgrade",
        edits=(
            Edit(
                f"{APP}/migrate.py",
                '        command.upgrade(config, "head")\n',
                '        command.upgrade(config, "head")\n        connection.execute(text("DELETE FROM todos"))\n',
            ),
        ),
        beside=("M2-SVC-02", "M2-DB-01"),
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
        beside=("M2-SVC-02", "M4-APP-01", "M4-APP-05"),
    ),
    Sabotage(
        name="only-ever-more",
        milestone=4,
        description="The frontend's autoscaler may not take pods away: after the first crowd the maximum runs for good.",
        criterion="M4-HPA-04",
        says="HorizontalPodAutoscaler todo-app-frontend: found 3 replicas wanted",
        edits=(
            Edit(  # not the backend's: an upgrade before raises that, and the load's trial waits for it to rest
                FRONTEND_SCALER,
                "    scaleDown:\n      stabilizationWindowSeconds:",
                "    scaleDown:\n      selectPolicy: Disabled\n      stabilizationWindowSeconds:",
            ),
        ),
        beside=("M2-SVC-02", "M4-HPA-02"),
    ),
    Sabotage(
        name="error-of-another-form",
        milestone=4,
        description="A path that is not there is answered in other words than the API's description says.",
        criterion="M4-ING-03",
        says="/api/no/such/path",
        edits=(
            Edit(
                f"{APP}/errors.py",
                'else status.name.lower()\n    return ApiError(status, code, f"{error.detail}.", headers).response()',
                'else "http_error"\n    return ApiError(status, code, f"{error.detail}.", headers).response()',
            ),
        ),
        beside=("M2-SVC-02", "M4-ING-01"),
    ),
    Sabotage(
        name="slow-to-be-ready",
        milestone=5,
        description="The model's readiness is not asked in its first 65 s: each restart is an outage of as long.",
        criterion="M5-HEAL-01",
        says="model: Pod",
        edits=(
            Edit(
                MODEL,
                '{{- include "todo-app.httpProbe" .Values.model.probes.readiness | nindent 12 }}',
                '{{- include "todo-app.httpProbe" .Values.model.probes.readiness | nindent 12 }}\n'
                "            initialDelaySeconds: 65",
            ),
            # It is late by the catalogue's limit too; by this one nobody waits as long, and the others need a third of it.
            Edit(APPLICATION, REFERENCE, f"{REFERENCE}limits: {{M5-HEAL-01.ready: 30}}\n"),
        ),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="rights-that-can-grow",
        milestone=5,
        description="A process of the frontend may gain rights, and its namespace lets that pass: who gets in becomes root.",
        criterion="M5-SEC-01",
        says="allowPrivilegeEscalation",
        edits=(
            Edit(APPLICATION, "  enforce: restricted\n", "  enforce: baseline\n"),
            Edit(
                FRONTEND,
                '{{- include "todo-app.containerSecurityContext" . | nindent 12 }}',
                '{{- include "todo-app.containerSecurityContext" . | replace "lation: false" "lation: true" | nindent 12 }}',
            ),
        ),
        consequences=("M2-DEP-04",),
        beside=("M2-SVC-02", "M2-SVC-03"),
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
        beside=("M2-SVC-02", "M2-SVC-03", "M4-APP-01"),
    ),
)
