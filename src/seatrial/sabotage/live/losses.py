"""Faults beside which little else can be told: lost data, no policies, an image that came about wrongly."""

from __future__ import annotations

from seatrial.sabotage.live.places import (
    APPLICATION,
    BACKEND,
    BACKEND_IMAGE,
    BACKEND_SCALER,
    CHART,
    DATABASE,
    MODEL_SERVICE,
    POLICIES,
    REFERENCE,
)
from seatrial.sabotage.model import Edit, Sabotage

FAULTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="build-that-reports-an-error",
        milestone=1,
        description="A step of the backend's build fails and is let go on: what it was for is missing in the image.",
        criterion="M1-IMG-01",
        says="Traceback",
        edits=(
            Edit(
                f"{BACKEND_IMAGE}/Dockerfile",
                "unchecked-hash /opt/venv/lib app\n",
                "unchecked-hash /opt/venv/lib app && (python -c 'import translations' || true)\n",
            ),
        ),
        beside=("M1-RUN-01", "M1-RUN-02"),
    ),
    Sabotage(
        name="data-dies-with-its-pod",
        milestone=4,
        description="The database writes to a volume of its pod: what users have entered is gone with the pod.",
        criterion="M4-PERS-01",
        says="after the database's pod was deleted",
        edits=(
            Edit(
                DATABASE,
                "- name: data\n              mountPath: /var/lib/postgresql/data",
                "- name: scratch\n              mountPath: /var/lib/postgresql/data",
            ),
            Edit(DATABASE, "      volumes:\n", "      volumes:\n        - name: scratch\n          emptyDir: {}\n"),
            # It is not usable again, however long that is waited for: what is lost is told first.
            Edit(APPLICATION, REFERENCE, f"{REFERENCE}limits: {{M4-PERS-01.usable: 30}}\n"),
        ),
        consequences=("M2-DB-01",),
        beside=("M2-SVC-02", "M2-SVC-03", "M2-HEALTH-01", "M3-INST-01"),
    ),
    Sabotage(
        name="more-than-the-node-holds",
        milestone=2,
        description="The autoscaler may ask for more backends than the node can hold: under load they stay Pending.",
        criterion="M2-CLUSTER-06",
        says="at full scale",
        edits=(Edit(BACKEND_SCALER, "maxReplicas: {{ .maxReplicas }}", "maxReplicas: 300"),),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="everybody-may-talk",
        milestone=4,
        description="No policy denies by default: each pod reaches the database, and a stolen one the internet.",
        criterion="M4-NP-01",
        says="default",
        edits=(Edit(POLICIES, "{{- if .Values.networkPolicy.enabled }}", "{{- if false }}"),),
        consequences=("M4-NP-02",),
        beside=("M2-SVC-02", "M2-SVC-03", "M2-HEALTH-01", "M3-INST-01", "M4-PDB-01"),
    ),
    Sabotage(
        name="model-behind-another-port",
        milestone=3,
        description="The model's Service leads to a port where nobody listens: all pods are ready, and the chat never answers.",
        criterion="M3-INST-03",
        says="Service of model",
        edits=(Edit(MODEL_SERVICE, "targetPort: http", "targetPort: 8003"),),
        beside=("M2-SVC-02", "M2-SVC-03", "M3-INST-01"),
    ),
    Sabotage(
        name="password-in-an-annotation",
        milestone=2,
        description="The quota's annotation holds the database's password: whoever may describe objects reads it.",
        criterion="M2-CFG-02",
        says="ResourceQuota todo-app / metadata.annotations.example.com/made-with",
        edits=(
            Edit(
                f"{CHART}/resourcequota.yaml",
                '(list . "quota") | nindent 4 }}\nspec:',
                '(list . "quota") | nindent 4 }}\n'
                '  {{- with lookup "v1" "Secret" .Release.Namespace (include "todo-app.secretName" .) }}\n'
                "  annotations:\n    example.com/made-with: {{ .data.POSTGRES_PASSWORD | quote }}\n  {{- end }}\nspec:",
            ),
        ),
        beside=("M2-CFG-01", "M2-SVC-02", "M3-INST-01"),
    ),
    Sabotage(
        name="port-named-twice",
        milestone=3,
        description="The backend's container names its port twice: a client creates it, the server refuses to apply it.",
        criterion="M3-RENDER-05",
        says="typed patch",
        edits=(
            Edit(
                BACKEND,
                "            - name: http\n",
                "            - name: metrics\n              containerPort: {{ .Values.backend.port }}\n"
                "            - name: http\n",
            ),
        ),
        consequences=("M2-DEP-05",),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
)
