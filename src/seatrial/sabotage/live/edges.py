"""Faults that show while something is away, or where the application meets the outside."""

from __future__ import annotations

from seatrial.sabotage.live.cold_start import COLD_START
from seatrial.sabotage.live.places import (
    APP,
    BACKEND,
    BACKEND_BUDGET,
    BACKEND_SCALER,
    CHART,
    FRONTEND,
    HELPERS,
    INGRESS,
    POLICIES,
)
from seatrial.sabotage.model import Edit, Sabotage

FAULTS: tuple[Sabotage, ...] = (
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
        beside=("M2-SVC-02", "M2-HEALTH-01", "M2-HEALTH-02", "M2-PROBE-03"),
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
        beside=("M2-CFG-01", "M2-DEP-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="containers-of-any-size",
        milestone=2,
        description="The LimitRange has no highest limit: a single container may take the node.",
        criterion="M2-QUOTA-02",
        says="no max for cpu",
        edits=(
            Edit(
                f"{CHART}/limitrange.yaml",
                'omit .Values.limitRange "enabled"',
                'omit .Values.limitRange "enabled" "max"',
            ),
        ),
        beside=("M2-DEP-01", "M2-QUOTA-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="frontend-may-write",
        milestone=5,
        description="The frontend may write to its own file system: who breaks in can leave something there.",
        criterion="M5-SEC-01",
        says="a root filesystem that can be written to",
        edits=(
            Edit(
                FRONTEND,
                '{{- include "todo-app.containerSecurityContext" . | nindent 12 }}',
                '{{- include "todo-app.containerSecurityContext" . | replace "Filesystem: true" "Filesystem: false" '
                "| nindent 12 }}",
            ),
        ),
        consequences=("M2-DEP-04",),
        beside=("M2-DEP-01", "M2-NS-01", "M2-SVC-02"),
    ),
    Sabotage(
        name="http-goes-on-beside-https",
        milestone=4,
        description="https is switched on, and nobody is led there: passwords still travel by http.",
        criterion="M4-ING-04",
        says="status 200, wanted 301 or 308",
        edits=(
            Edit(
                INGRESS,
                "  {{- with .Values.ingress.annotations }}\n",
                "  {{- with merge (dict) .Values.ingress.annotations (.Values.ingress.tls.enabled | ternary "
                '(dict "nginx.ingress.kubernetes.io/ssl-redirect" "false") (dict)) }}\n',
            ),
        ),
        beside=("M2-SVC-02", "M4-ING-01", "M4-ING-02", "M4-ING-03"),
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
        beside=("M2-SVC-02", "M4-NP-01", "M4-NP-02", "M4-NP-03"),
    ),
    Sabotage(
        name="budget-in-another-namespace",
        milestone=2,
        description="A budget is put into the namespace default, where it protects nobody and is never removed.",
        criterion="M2-NS-01",
        says="PodDisruptionBudget default/todo-app-backend",
        edits=(Edit(BACKEND_BUDGET, "  namespace: {{ .Release.Namespace }}\n", "  namespace: default\n"),),
        consequences=("M2-DEP-05", "M3-RENDER-05"),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="time-without-a-zone",
        milestone=2,
        description="The backend's health says a time without its zone: nobody can tell whether it is fresh.",
        criterion="M2-HEALTH-01",
        says="an ISO 8601 time with its zone",
        edits=(
            Edit(
                f"{APP}/health.py",
                'return {"status": "ok", "timestamp": utc_now()}',
                'return {"status": "ok", "timestamp": utc_now()[:19]}',
            ),
        ),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="ready-too-soon",
        milestone=5,
        description="A new backend is ready before it can serve: whenever there are more of them, users get errors.",
        criterion="M5-SCALE-01",
        says="requests failed",
        edits=COLD_START,
        consequences=("M4-ING-03",),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
    Sabotage(
        name="no-room-to-grow",
        milestone=4,
        description="The autoscaler's maximum is its minimum: load is answered by as many backends as rest.",
        criterion="M4-HPA-03",
        says="never above its minimum",
        edits=(Edit(BACKEND_SCALER, "maxReplicas: {{ .maxReplicas }}", "maxReplicas: 2"),),
        beside=("M2-SVC-02", "M2-SVC-03"),
    ),
)
