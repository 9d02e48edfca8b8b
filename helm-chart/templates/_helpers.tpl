{{/* Name of the application in labels. */}}
{{- define "todo-app.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
Prefix of every object's name, at most 38 characters: the longest suffix (-frontend-to-backend-out) still gives a DNS label.
A release's name may begin with a digit and hold dots, a Service's may not. A name that had to be changed or cut ends in six digits
of its checksum, so that two names stay two names.
*/}}
{{- define "todo-app.fullname" -}}
{{- $name := include "todo-app.name" . }}
{{- $full := .Values.fullnameOverride }}
{{- if not $full }}
{{- $full = contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- end }}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $full) }}
{{- $full = printf "r-%s-%s" ($full | replace "." "-") (sha256sum $full | trunc 6) }}
{{- end }}
{{- if gt (len $full) 38 }}
{{- $full = printf "%s-%s" (trunc 31 $full | trimSuffix "-") (sha256sum $full | trunc 6) }}
{{- end }}
{{- $full }}
{{- end }}

{{/* Labels that select the pods of one component. Takes (list root component). */}}
{{- define "todo-app.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "todo-app.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of pods, without the chart's version: a release of the chart alone restarts nothing. Takes (list root component). */}}
{{- define "todo-app.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "todo-app.selectorLabels" . }}
app.kubernetes.io/part-of: {{ include "todo-app.name" $root }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end }}

{{/* Labels of every other object. Takes (list root component). */}}
{{- define "todo-app.labels" -}}
{{- $chart := (index . 0).Chart -}}
{{ include "todo-app.podLabels" . }}
helm.sh/chart: {{ printf "%s-%s" $chart.Name $chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Reference of an image. Takes (list root image). */}}
{{- define "todo-app.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- with $root.Values.global.image.registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end }}

{{/* What every pod has: identity without a token, no variables made from Services, Pod Security "restricted". */}}
{{- define "todo-app.podDefaults" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "todo-app.fullname" $root }}-{{ index . 1 }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $root.Values.global.podSecurity.runAsUser | int64 }}
  runAsGroup: {{ $root.Values.global.podSecurity.runAsGroup | int64 }}
  fsGroup: {{ $root.Values.global.podSecurity.runAsGroup | int64 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.global.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Security context of every container. */}}
{{- define "todo-app.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ .Values.global.podSecurity.runAsUser | int64 }}
capabilities:
  drop:
    - ALL
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* One HTTP probe on the port named http. Takes the values of the probe. */}}
{{- define "todo-app.httpProbe" -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: HTTP
{{ include "todo-app.probeTimes" . }}
{{- end }}

{{- define "todo-app.probeTimes" -}}
periodSeconds: {{ .periodSeconds }}
timeoutSeconds: {{ .timeoutSeconds }}
failureThreshold: {{ .failureThreshold }}
{{- end }}

{{/* Spread of a component's pods over nodes; never a reason not to start. Takes (list root component). */}}
{{- define "todo-app.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "todo-app.selectorLabels" . | nindent 6 }}
  matchLabelKeys:
    - pod-template-hash
{{- end }}

{{/*
Seconds from the stop request to the kill. Fails where a request that is under way could not end within them: a leaving pod still
gets requests while preStop runs, and a turn of the chat is the longest of them: its time, 4 s more to end and 1 s for the process.
Takes (list root component).
*/}}
{{- define "todo-app.graceSeconds" -}}
{{- $values := (index . 0).Values }}
{{- $rollout := (get $values (index . 1)).rollout }}
{{- $needed := add $rollout.preStopSeconds (default 10 $values.backend.env.MODEL_TIMEOUT_SECONDS) 5 }}
{{- if le (int64 $rollout.terminationGracePeriodSeconds) $needed }}
{{- fail (printf "%s.rollout.terminationGracePeriodSeconds is %v, but must be more than the %d seconds that preStopSeconds, backend.env.MODEL_TIMEOUT_SECONDS and 5 s to end make together" (index . 1) $rollout.terminationGracePeriodSeconds $needed) }}
{{- end }}
{{- $rollout.terminationGracePeriodSeconds }}
{{- end }}

{{/* Settings of the frontend, as they stand in its ConfigMap. PORT and HOSTNAME are the chart's: the probes depend on them. */}}
{{- define "todo-app.frontend.config" -}}
{{- $own := dict "PORT" (toString .Values.frontend.port) "HOSTNAME" "0.0.0.0" }}
{{- $backend := dict "BACKEND_URL" (printf "http://%s-backend:%v" (include "todo-app.fullname" .) .Values.backend.port) }}
{{- mustMergeOverwrite $backend .Values.frontend.env $own | toYaml }}
{{- end }}

{{/* Settings of the backend, as they stand in its ConfigMap. An empty OPENAI_BASE_URL becomes that of the endpoint in use. */}}
{{- define "todo-app.backend.config" -}}
{{- $own := dict "PORT" (toString .Values.backend.port) }}
{{- if not .Values.backend.env.OPENAI_BASE_URL }}
{{- $model := printf "http://%s-model:%v/v1" (include "todo-app.fullname" .) .Values.model.port }}
{{- $_ := set $own "OPENAI_BASE_URL" (.Values.model.enabled | ternary $model "https://api.openai.com/v1") }}
{{- end }}
{{- mustMergeOverwrite (dict) .Values.backend.env $own | toYaml }}
{{- end }}

{{/* One variable from the Secret that the pods read. Takes (list root variable key). */}}
{{- define "todo-app.fromSecret" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "todo-app.secretName" (index . 0) }}
      key: {{ index . 2 }}
{{- end }}

{{/* What the backend and its migrations read from the Secret. */}}
{{- define "todo-app.backend.secrets" -}}
{{ include "todo-app.fromSecret" (list . "DATABASE_URL" "DATABASE_URL") }}
{{ include "todo-app.fromSecret" (list . "BETTER_AUTH_SECRET" "BETTER_AUTH_SECRET") }}
{{- if .Values.chat.enabled }}
{{ include "todo-app.fromSecret" (list . "OPENAI_API_KEY" "OPENAI_API_KEY") }}
{{- end }}
{{- end }}

{{/* Settings of the database, as they stand in its ConfigMap. */}}
{{- define "todo-app.postgres.config" -}}
POSTGRES_USER: {{ .Values.postgres.user | quote }}
POSTGRES_DB: {{ .Values.postgres.database | quote }}
PGDATA: /var/lib/postgresql/data/pgdata
PGPORT: {{ .Values.postgres.port | quote }}
{{- end }}

{{/* What PostgreSQL's own programs read to reach the chart's database. */}}
{{- define "todo-app.postgres.client" -}}
- name: PGHOST
  value: {{ include "todo-app.fullname" . }}-postgres
- name: PGPORT
  value: {{ .Values.postgres.port | quote }}
- name: PGUSER
  value: {{ .Values.postgres.user | quote }}
- name: PGDATABASE
  value: {{ .Values.postgres.database | quote }}
{{ include "todo-app.fromSecret" (list . "PGPASSWORD" "POSTGRES_PASSWORD") }}
{{- end }}

{{/* Name of the Secret that the pods read. */}}
{{- define "todo-app.secretName" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-secrets" (include "todo-app.fullname" .)) }}
{{- end }}

{{/* Keys that the Secret must hold, with blanks between them. */}}
{{- define "todo-app.secretKeys" -}}
{{- $keys := list "DATABASE_URL" "BETTER_AUTH_SECRET" }}
{{- if .Values.chat.enabled }}
{{- $keys = append $keys "OPENAI_API_KEY" }}
{{- end }}
{{- if .Values.postgres.enabled }}
{{- $keys = append $keys "POSTGRES_PASSWORD" }}
{{- end }}
{{- join " " $keys }}
{{- end }}

{{/* A value under `secrets`; fails with a sentence where it is missing. Takes (list root value key otherwise). */}}
{{- define "todo-app.secretValue" -}}
{{- $root := index . 0 }}
{{- $keys := include "todo-app.secretKeys" $root | replace " " ", " }}
{{- $or := printf "name a Secret that holds the keys %s in secrets.existingSecret%s" $keys (index . 3) }}
{{- $message := printf "secrets.%s (key %s) is missing: give it in a private values file, or %s" (index . 1) (index . 2) $or }}
{{- required $message (index $root.Values.secrets (index . 1)) }}
{{- end }}

{{/* Keys and values of the chart's own Secret. */}}
{{- define "todo-app.secretData" -}}
{{- if .Values.postgres.enabled }}
{{- $password := include "todo-app.secretValue" (list . "postgresPassword" "POSTGRES_PASSWORD" "") }}
{{- $who := printf "%s:%s" (urlquery .Values.postgres.user) (urlquery $password) | replace "+" "%20" }}
DATABASE_URL: {{ printf "postgresql+psycopg://%s@%s-postgres:%v/%s" $who (include "todo-app.fullname" .) .Values.postgres.port .Values.postgres.database | b64enc }}
POSTGRES_PASSWORD: {{ $password | b64enc }}
{{- else }}
DATABASE_URL: {{ include "todo-app.secretValue" (list . "databaseUrl" "DATABASE_URL" "") | b64enc }}
{{- end }}
BETTER_AUTH_SECRET: {{ include "todo-app.secretValue" (list . "betterAuthSecret" "BETTER_AUTH_SECRET" "") | b64enc }}
{{- if .Values.chat.enabled }}
OPENAI_API_KEY: {{ include "todo-app.secretValue" (list . "openaiApiKey" "OPENAI_API_KEY" ", or do without the chat by chat.enabled=false") | b64enc }}
{{- end }}
{{- end }}

{{/*
Checksum of what the Secret holds: a changed value restarts its readers. An existing Secret is read from the cluster, which
`helm template` cannot do: there, and before the Secret exists, its name stands in. A Secret that lacks a key is refused.
*/}}
{{- define "todo-app.secretChecksum" -}}
{{- $existing := .Values.secrets.existingSecret }}
{{- if not $existing }}
{{- include "todo-app.secretData" . | sha256sum }}
{{- else }}
{{- $found := lookup "v1" "Secret" .Release.Namespace $existing }}
{{- if $found }}
{{- range include "todo-app.secretKeys" . | splitList " " }}
{{- if not (index (default dict $found.data) .) }}
{{- fail (printf "the Secret %s in namespace %s lacks the key %s: add it, then install again" $existing $.Release.Namespace .) }}
{{- end }}
{{- end }}
{{- end }}
{{- default (dict "name" $existing) $found.data | toJson | sha256sum }}
{{- end }}
{{- end }}

{{/* Name of the claim that holds the dumps. It outlives the release. */}}
{{- define "todo-app.backup.claim" -}}
{{- include "todo-app.fullname" . }}-backup
{{- end }}

{{/* The container of a backup or restore: one of the chart's scripts in the database image. Takes (list root name). */}}
{{- define "todo-app.backup.container" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
image: {{ include "todo-app.image" (list $root $root.Values.postgres.image) }}
imagePullPolicy: {{ $root.Values.global.image.pullPolicy }}
command:
  - sh
  - -c
  - |
    {{- $root.Files.Get (printf "files/%s.sh" (index . 1)) | nindent 4 }}
securityContext:
  {{- include "todo-app.containerSecurityContext" $root | nindent 2 }}
resources:
  {{- toYaml $root.Values.backup.resources | nindent 2 }}
{{- end }}
