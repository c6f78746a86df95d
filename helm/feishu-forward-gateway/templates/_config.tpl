{{/* The gateway's own configuration. JSON's strings, numbers, booleans and lists are TOML too. */}}

{{- define "ffg.directory" -}}
/etc/feishu-forward-gateway
{{- end }}

{{/* gateway.toml */}}
{{- define "ffg.config" -}}
keys_file = {{ printf "%s/keys/keys.toml" (include "ffg.directory" .) | toRawJson }}
{{- range $name, $app := .Values.apps }}

[apps.{{ toRawJson $name }}]
app_id = {{ toRawJson $app.appId }}
app_secret_file = {{ printf "%s/secrets/%s/app_secret" (include "ffg.directory" $) $name | toRawJson }}
{{- end }}
{{- $limits := merge (include "ffg.shares" . | fromYaml) .Values.config.limits }}
{{- range $section, $keys := merge (dict "limits" $limits) .Values.config }}

[{{ $section }}]
{{- include "ffg.table" $keys }}
{{- end }}
{{- end }}

{{/* keys.toml */}}
{{- define "ffg.keys" -}}
# Callers and the hashes of their API keys.
{{- range $name, $key := .Values.keys }}

[{{ toRawJson $name }}]
{{- include "ffg.table" $key }}
{{- end }}
{{- end }}

{{- define "ffg.table" -}}
{{- range $key, $value := . }}
{{ $key }} = {{ toRawJson $value }}
{{- end }}
{{- end }}

{{/* The largest number of replicas, at least 1. */}}
{{- define "ffg.maxReplicas" -}}
{{- if .Values.keda.enabled }}{{ int .Values.keda.maxReplicaCount }}
{{- else if .Values.autoscaling.enabled }}{{ int .Values.autoscaling.maxReplicas }}
{{- else }}{{ max 1 (int .Values.replicaCount) }}
{{- end }}
{{- end }}

{{/* What one replica may use of the limits, as YAML: the gateway counts in each process for itself. */}}
{{- define "ffg.shares" -}}
{{- $replicas := include "ffg.maxReplicas" . | int }}
{{- range $key := list "receiver_per_second" "app_per_second" "app_per_minute" }}
{{- $limit := get $.Values.config.limits $key | int }}
{{- if lt $limit $replicas }}
{{- fail (printf "config.limits.%s is %d, and %d replicas share it: each would get less than 1. Allow fewer replicas (replicaCount, autoscaling.maxReplicas or keda.maxReplicaCount)." $key $limit $replicas) }}
{{- end }}
{{ $key }}: {{ div $limit $replicas }}
{{- end }}
{{- end }}

{{/* A duration such as "1m 30s" or "500ms" in seconds, rounded up. */}}
{{- define "ffg.seconds" -}}
{{- $milliseconds := 0 }}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 }}
{{- $factor := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) (regexFind "[a-z]+" .) }}
{{- $milliseconds = add $milliseconds (mul (regexFind "[0-9]+" . | int64) $factor) }}
{{- end }}
{{- div (add $milliseconds 999) 1000 }}
{{- end }}

{{/* The secrets of apps that are given inline, as YAML. */}}
{{- define "ffg.inlineSecrets" -}}
{{- range $name, $app := .Values.apps }}
{{- with $app.appSecret }}
{{ $name | quote }}: {{ b64enc . }}
{{- end }}
{{- end }}
{{- end }}

{{/* What is mounted: one volume, so that a new keys file appears in it without a restart. */}}
{{- define "ffg.sources" -}}
{{- $fullname := include "ffg.fullname" . }}
{{- $keys := .Values.existingKeysSecret }}
{{- if not $keys.name }}{{ $keys = dict "name" (printf "%s-keys" $fullname) "key" "keys.toml" }}{{ end }}
- configMap:
    name: {{ $fullname }}
    items:
      - key: gateway.toml
        path: gateway.toml
- secret:
    name: {{ $keys.name }}
    items:
      - key: {{ $keys.key | quote }}
        path: keys/keys.toml
{{- range $name, $app := .Values.apps }}
{{- $secret := $app.existingSecret | default dict }}
{{- if $app.appSecret }}{{ $secret = dict "name" (printf "%s-apps" $fullname) "key" $name }}{{ end }}
{{- if $app.externalSecret }}{{ $secret = dict "name" (printf "%s-external" $fullname) "key" $name }}{{ end }}
- secret:
    name: {{ $secret.name }}
    items:
      - key: {{ $secret.key | default "app_secret" | quote }}
        path: {{ printf "secrets/%s/app_secret" $name | quote }}
{{- end }}
{{- end }}
