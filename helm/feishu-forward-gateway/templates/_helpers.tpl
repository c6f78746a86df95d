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

{{/* The namespace of all objects that do not name another one. */}}
{{- define "ffg.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{/* Metadata of an object: dict "root" $, and where they differ "name" or "suffix", "namespace", "labels", "annotations". */}}
{{- define "ffg.metadata" -}}
name: {{ .name | default (include "ffg.fullname" .root) }}{{ .suffix }}
namespace: {{ .namespace | default (include "ffg.namespace" .root) }}
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
{{- with .Values.global.imageRegistry | default .Values.image.registry }}{{ . }}/{{ end }}
{{- with .Values.image }}
{{- .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* The secrets to pull images with, as YAML: those of all charts and those of this one, each once. Other charts take
names for the former, so names they may be. */}}
{{- define "ffg.imagePullSecrets" -}}
{{- $names := list }}
{{- range concat (.Values.global.imagePullSecrets | default list) .Values.imagePullSecrets }}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end }}
{{- end }}
{{- range uniq $names }}
- name: {{ . }}
{{- end }}
{{- end }}

{{/* The security context of pods. OpenShift gives each namespace its own range of users and refuses those outside. */}}
{{- define "ffg.podSecurityContext" -}}
{{- $context := .Values.podSecurityContext }}
{{- $adapt := dig "compatibility" "openshift" "adaptSecurityContext" "auto" (.Values.global | default dict) }}
{{- if or (eq $adapt "force") (and (eq $adapt "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{/* How the API is spoken to, and the names of its ports: http or https. */}}
{{- define "ffg.scheme" -}}
http{{ if .Values.tls.secretName }}s{{ end }}
{{- end }}

{{/* The port of the API's Service. */}}
{{- define "ffg.port" -}}
{{- .Values.service.port | default (empty .Values.tls.secretName | ternary 80 443) }}
{{- end }}

{{/* Labels of the test pod, which no Service may select. */}}
{{- define "ffg.testLabels" -}}
app.kubernetes.io/name: {{ include "ffg.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end }}
