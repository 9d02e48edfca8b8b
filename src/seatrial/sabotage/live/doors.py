"""Faults of Services, routes, sizes and of what outsiders may see, told without a working backend: one of them cuts it off."""

from __future__ import annotations

from seatrial.sabotage.live.places import (
    BACKEND_SCALER,
    BACKEND_SERVICE,
    DATABASE_SERVICE,
    FRONTEND_BUDGET,
    FRONTEND_SERVICE,
    INGRESS,
    MODEL,
    NOTES,
    VALUES,
)
from seatrial.sabotage.model import Edit, Sabotage

FAULTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="service-leads-to-another-port",
        milestone=2,
        description="The backend's Service leads to a port where nobody listens: every pod is ready, and nobody gets an answer.",
        criterion="M2-SVC-02",
        says="targetPort",
        edits=(Edit(BACKEND_SERVICE, "targetPort: {{ .Values.backend.port }}", "targetPort: 8002"),),
        consequences=("M2-HEALTH-01", "M3-INST-03"),
        beside=("M2-DEP-01", "M2-NS-01", "M2-SVC-01", "M2-SVC-03", "M2-DB-01", "M2-HEALTH-01", "M3-INST-01", "M3-INST-03"),
    ),
    Sabotage(
        name="quota-without-room",
        milestone=2,
        description="The quota is enough for the pods at rest: under load the autoscaler asks, and is refused.",
        criterion="M2-QUOTA-01",
        says="requests.cpu at full scale",
        edits=(Edit(VALUES, '    requests.cpu: "2"\n', "    requests.cpu: 800m\n"),),
        beside=("M2-DEP-01", "M2-QUOTA-02", "M2-SVC-02"),
    ),
    Sabotage(
        name="one-backend-is-enough",
        milestone=2,
        description="The autoscaler's minimum is one backend: each restart is an outage.",
        criterion="M2-DEP-01",
        says="Deployment todo-app-backend: found 1 replicas",
        edits=(Edit(BACKEND_SCALER, "minReplicas: {{ $.Values.backend.replicas }}", "minReplicas: 1"),),
        beside=("M2-NS-01", "M2-SVC-03"),
    ),
    Sabotage(
        name="frontend-at-a-load-balancer",
        milestone=2,
        description="The frontend's Service asks for a load balancer of its own, beside the Ingress.",
        criterion="M2-SVC-01",
        says="type LoadBalancer",
        edits=(
            Edit(
                FRONTEND_SERVICE,
                "  type: {{ .Values.frontend.service.type }}\n",
                "  type: LoadBalancer\n",
            ),
        ),
        beside=("M2-NS-01",),
    ),
    Sabotage(
        name="headless-service-of-nobody",
        milestone=2,
        description="The database's headless Service selects another component: its pods have no names.",
        criterion="M2-SVC-03",
        says="Service todo-app-postgres-headless: found no endpoint",
        edits=(
            Edit(
                DATABASE_SERVICE,
                '(list $ "postgres") | nindent 4 }}\n  ports:',
                "(list $ $suffix) | nindent 4 }}\n  ports:",
            ),
        ),
        beside=("M2-NS-01",),
    ),
    Sabotage(
        name="api-by-way-of-the-pages",
        milestone=4,
        description="The Ingress has no rule for the API: all calls go through the frontend, unnoticed until it is slow.",
        criterion="M4-ING-01",
        says="todo.local/api: found no rule",
        edits=(Edit(INGRESS, "{{- if .Values.ingress.api.enabled }}", "{{- if false }}"),),
        beside=("M2-NS-01",),
    ),
    Sabotage(
        name="any-host-will-do",
        milestone=4,
        description="The Ingress has a rule without a host: pages come under every name that somebody points at the cluster.",
        criterion="M4-ING-02",
        says="an unknown host: found status 200",
        edits=(
            Edit(
                INGRESS,
                "  rules:\n",
                "  rules:\n    - http:\n        paths:\n          - path: /\n            pathType: Prefix\n"
                "            backend:\n              service:\n"
                '                name: {{ include "todo-app.fullname" . }}-frontend\n'
                "                port:\n                  number: {{ .Values.frontend.service.port }}\n",
            ),
        ),
        beside=("M2-NS-01",),
    ),
    Sabotage(
        name="budget-that-spares-nobody",
        milestone=4,
        description="The budget keeps as many frontends as there are: it refuses every eviction, and a drain never ends.",
        criterion="M4-PDB-01",
        says="PodDisruptionBudget todo-app-frontend: found disruptionsAllowed 0",
        edits=(
            Edit(  # a share, so that it holds however many the autoscaler has made of them
                FRONTEND_BUDGET,
                "minAvailable: {{ .Values.frontend.podDisruptionBudget.minAvailable }}",
                "minAvailable: 100%",
            ),
        ),
        beside=("M2-NS-01", "M3-INST-01"),
    ),
    Sabotage(
        name="token-within-reach",
        milestone=5,
        description="The model's pod mounts a token of its ServiceAccount by a volume: whoever gets in can ask the API server.",
        criterion="M5-SEC-01",
        says="the volume token holds a token",
        edits=(
            Edit(
                MODEL,
                "      containers:\n        - name: model\n",
                "      volumes:\n        - name: token\n          projected:\n            sources:\n"
                "              - serviceAccountToken:\n                  path: token\n"
                "      containers:\n        - name: model\n          volumeMounts:\n            - name: token\n"
                "              mountPath: /var/run/secrets/tokens\n              readOnly: true\n",
            ),
        ),
        beside=("M2-NS-01", "M3-INST-01"),
    ),
    Sabotage(
        name="password-in-the-notes",
        milestone=5,
        description="The chart's notes say the database's password: whoever may read the release has it, and so have CI's logs.",
        criterion="M5-SEC-02",
        says="helm get notes: found Secret todo-app-secrets / POSTGRES_PASSWORD",
        edits=(
            Edit(
                NOTES,
                "\nTo test it: helm test",
                '\n{{- with lookup "v1" "Secret" .Release.Namespace (include "todo-app.secretName" .) }}\n'
                "The database's password is {{ .data.POSTGRES_PASSWORD | b64dec }}.\n{{- end }}\n"
                "\nTo test it: helm test",
            ),
        ),
        beside=("M2-NS-01", "M3-INST-01"),
    ),
)
