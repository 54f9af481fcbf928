{{- define "vouchers.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vouchers.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Nothing here may change from release to release, since every change restarts the pods. */}}
{{- define "vouchers.podLabels" -}}
{{ include "vouchers.selector" . }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.release.environment }}
slipway.dev/environment: {{ . }}
{{- end }}
{{- end -}}

{{- define "vouchers.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{ include "vouchers.podLabels" . }}
{{- end -}}

{{- define "vouchers.annotations" -}}
{{- with .Values.release.id }}
slipway.dev/release: {{ . | quote }}
{{- end }}
{{- with .Values.release.candidate }}
slipway.dev/candidate: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "vouchers.image" -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- end -}}

{{- define "vouchers.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "vouchers.name" .) -}}
{{- end -}}

{{- define "vouchers.config" -}}
{{- if .Values.config.existing -}}
{{- .Values.config.existing -}}
{{- else -}}
{{- printf "%s-config-%s" (include "vouchers.name" .) (toJson .Values.config.values | sha256sum | trunc 12) -}}
{{- end -}}
{{- end -}}

{{- define "vouchers.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "vouchers.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The built-in sleep came with 1.30; before, the image's own Python waits, since it has no shell. */}}
{{- define "vouchers.drain" -}}
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version -}}
sleep:
  seconds: {{ .Values.rollout.drainSeconds }}
{{- else -}}
exec:
  command: [python3, -S, -c, "import time; time.sleep({{ .Values.rollout.drainSeconds }})"]
{{- end -}}
{{- end -}}

{{- define "vouchers.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{- range $key := list "initialDelaySeconds" "periodSeconds" "timeoutSeconds" "failureThreshold" }}
{{- if hasKey $ $key }}
{{ $key }}: {{ get $ $key }}
{{- end }}
{{- end }}
{{- end -}}
