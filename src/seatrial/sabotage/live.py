"""Faults that show on a cluster only. Each is judged together with some criteria that it must leave alone."""

from __future__ import annotations

from seatrial.sabotage.model import Edit, Sabotage

BACKEND_SERVICE = "helm-chart/templates/backend/service.yaml"
POLICIES = "helm-chart/templates/networkpolicy.yaml"
DATABASE = "helm-chart/templates/postgres/statefulset.yaml"

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
)
