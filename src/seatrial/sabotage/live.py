"""Faults that show on a cluster only. Each is judged together with some criteria that it must leave alone."""

from __future__ import annotations

from seatrial.sabotage.model import Edit, Sabotage

BACKEND_SERVICE = "helm-chart/templates/backend/service.yaml"
POLICIES = "helm-chart/templates/networkpolicy.yaml"
DATABASE = "helm-chart/templates/postgres/statefulset.yaml"
VALUES = "helm-chart/values.yaml"
APP = "docker/backend/app"
PAGES = "docker/frontend/src"

LIVE: tuple[Sabotage, ...] = (
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
)
