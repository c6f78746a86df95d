{{/* Names, labels and the image. */}}

{{- define "ffg.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 50 characters leave room for the longest suffix within the 63 of a Service's name. */}}
{{- define "ffg.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $both := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $both .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "ffg.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ffg.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "ffg.labels" -}}
{{ include "ffg.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Metadata of an object: dict "root" $, and where they differ "name" or "suffix", "namespace", "labels", "annotations". */}}
{{- define "ffg.metadata" -}}
name: {{ .name | default (include "ffg.fullname" .root) }}{{ .suffix }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- merge (include "ffg.labels" .root | fromYaml) (.labels | default dict) .root.Values.commonLabels | toYaml | nindent 2 }}
{{- with merge dict (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "ffg.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "ffg.fullname" .) "default") }}
{{- end }}

{{- define "ffg.image" -}}
{{- with .Values.image }}
{{- .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* Labels of the test pod, which no Service may select. */}}
{{- define "ffg.testLabels" -}}
app.kubernetes.io/name: {{ include "ffg.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end }}
