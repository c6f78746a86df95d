{{/* The gateway's own configuration. JSON's strings, numbers, booleans and lists are TOML too. */}}

{{- define "ffg.directory" -}}
/etc/feishu-forward-gateway
{{- end }}

{{/* A file of the API's TLS. */}}
{{- define "ffg.tlsFile" -}}
{{ include "ffg.directory" $ }}/tls/{{ . }}
{{- end }}

{{/* The file of further certificates to trust. */}}
{{- define "ffg.caFile" -}}
{{ include "ffg.directory" . }}/ca/ca.crt
{{- end }}

{{/* The ConfigMap with these certificates and its key, as YAML; none where there are none. */}}
{{- define "ffg.caBundle" -}}
{{- with .Values.caBundle }}
{{- if .pem }}
name: {{ include "ffg.fullname" $ }}
key: ca.crt
{{- else if .existingConfigMap.name }}
name: {{ .existingConfigMap.name }}
key: {{ .existingConfigMap.key | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the volume with the broadcasts is mounted. */}}
{{- define "ffg.broadcasts" -}}
/var/lib/feishu-forward-gateway
{{- end }}

{{/* gateway.toml */}}
{{- define "ffg.config" -}}
keys_file = {{ printf "%s/keys/keys.toml" (include "ffg.directory" .) | toRawJson }}
{{- range $name, $app := .Values.apps }}

[apps.{{ toRawJson $name }}]
{{- with $app.type }}
type = {{ toRawJson . }}
{{- end }}
app_id = {{ toRawJson $app.appId }}
{{- range $file, $entry := (include "ffg.appSecret" (dict "root" $ "name" $name) | fromYaml).entries }}
{{ $file }}_file = {{ printf "%s/secrets/%s/%s" (include "ffg.directory" $) $name $file | toRawJson }}
{{- end }}
{{- end }}
{{- $own := dict "limits" (include "ffg.limits" . | fromYaml) }}
{{- with include "ffg.state" . | fromYaml }}{{ $_ := set $own "state" . }}{{ end }}
{{- with .Values.tls }}
{{- if .secretName }}
{{- $tls := dict "cert_file" (include "ffg.tlsFile" "tls.crt") "key_file" (include "ffg.tlsFile" "tls.key") }}
{{- if .clientCA.secretName }}{{ $_ := set $tls "client_ca_file" (include "ffg.tlsFile" "client-ca.crt") }}{{ end }}
{{- $_ := set $own "server.tls" $tls }}
{{- end }}
{{- end }}
{{- if include "ffg.caBundle" . }}{{ $_ := set $own "feishu" (dict "ca_file" (include "ffg.caFile" .)) }}{{ end }}
{{- if .Values.broadcasts.persistence.enabled }}
{{- $path := printf "%s/broadcasts.sqlite" (include "ffg.broadcasts" .) }}
{{- $_ := set $own "broadcasts" (dict "path" $path) }}
{{- end }}
{{- if include "ffg.storeApps" . }}{{ $_ := set $own "server" (dict "events_listen" "[::]:8081") }}{{ end }}
{{- range $section, $keys := mergeOverwrite (deepCopy .Values.config) $own }}

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

{{/* The section [state] as YAML; none without Redis. */}}
{{- define "ffg.state" -}}
{{- with .Values.state }}
{{- if .url }}
url: {{ .url | quote }}
prefix: {{ .prefix | quote }}
replicas: {{ include "ffg.maxReplicas" $ }}
{{- if include "ffg.statePassword" $ }}
password_file: {{ printf "%s/state/password" (include "ffg.directory" $) | quote }}
{{- end }}
{{- if and (hasPrefix "rediss" .url) (include "ffg.caBundle" $) }}
ca_file: {{ include "ffg.caFile" $ | quote }}
{{- end }}
{{- range $key, $path := .files }}
{{ $key }}: {{ $path | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret with the password of Redis, as YAML; none where it has none. */}}
{{- define "ffg.statePassword" -}}
{{- with .Values.state }}
{{- if .password }}
name: {{ include "ffg.fullname" $ }}-state
key: password
{{- else if .existingSecret.name }}
name: {{ .existingSecret.name }}
key: {{ .existingSecret.key | quote }}
{{- else if .externalSecret.remoteRef }}
name: {{ include "ffg.fullname" $ }}-state-external
key: password
{{- end }}
{{- end }}
{{- end }}

{{/* Ports of Redis as JSON. Sentinels say which is the master, so its port is not in the URL. */}}
{{- define "ffg.redisPorts" -}}
{{- $sentinel := contains "+sentinel:" .Values.state.url }}
{{- $hosts := regexReplaceAll "^[^:]+://([^@/]*@)?" .Values.state.url "" | splitList "/" | first }}
{{- $ports := $sentinel | ternary (list 6379) list }}
{{- range splitList "," $hosts }}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default ($sentinel | ternary "26379" "6379") | int) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* The port of Feishu. */}}
{{- define "ffg.feishuPort" -}}
{{- $url := .Values.config.feishu.base_url | default "https:" }}
{{- $host := regexReplaceAll "^[^:]+://" $url "" | splitList "/" | first }}
{{- regexFind ":[0-9]+$" $host | trimPrefix ":" | default (hasPrefix "https:" $url | ternary "443" "80") }}
{{- end }}

{{/* What one replica has of the limits, as YAML: all where they are counted in Redis, else a share, as the gateway then
counts in each process for itself. */}}
{{- define "ffg.limits" -}}
{{- $replicas := .Values.state.url | empty | ternary (include "ffg.maxReplicas" . | int) 1 }}
{{- range $key := list "receiver_per_second" "app_per_second" "app_per_minute" }}
{{- $limit := get $.Values.config.limits $key | int }}
{{- if lt $limit $replicas }}
{{- fail (printf "config.limits.%s is %d, but up to %d replicas divide it, so each would get less than 1. Use fewer replicas (replicaCount, autoscaling.maxReplicas or keda.maxReplicaCount), or share the limits in Redis (state.url)." $key $limit $replicas) }}
{{- end }}
{{ $key }}: {{ div $limit $replicas }}
{{- end }}
{{- end }}

{{/* A duration such as "1m 30s" or "500ms" in seconds, rounded up. */}}
{{- define "ffg.seconds" -}}
{{- $milliseconds := 0 }}
{{- range regexFindAll "[0-9]+(ms|s|m|h|d)" . -1 }}
{{- $factor := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) (regexFind "[a-z]+" .) }}
{{- $milliseconds = add $milliseconds (mul (regexFind "[0-9]+" . | int64) $factor) }}
{{- end }}
{{- div (add $milliseconds 999) 1000 }}
{{- end }}

{{/* The names of store apps, with spaces between them. */}}
{{- define "ffg.storeApps" -}}
{{- $names := list }}
{{- range $name, $app := .Values.apps }}
{{- if eq (toString $app.type) "store" }}{{ $names = append $names $name }}{{ end }}
{{- end }}
{{- join " " $names }}
{{- end }}

{{/* Dict "app" APP "name" NAME: what the values say of each of an app's secrets, by the entry in the chart's own Secrets,
as YAML. No app's name begins with a dot, so no two entries are the same. */}}
{{- define "ffg.entries" -}}
{{- $external := .app.externalSecret | default dict }}
{{- with $external.remoteRef | default .app.appSecret }}
{{ $.name | quote }}: {{ toJson . }}
{{- end }}
{{- with $external.encryptKeyRef | default .app.encryptKey }}
{{ printf ".encrypt_key.%s" $.name | quote }}: {{ toJson . }}
{{- end }}
{{- with $external.verificationTokenRef | default .app.verificationToken }}
{{ printf ".verification_token.%s" $.name | quote }}: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Dict "root" $ "name" NAME: the Secret with an app's secrets, and its `entries` by the file that each becomes, as
YAML. */}}
{{- define "ffg.appSecret" -}}
{{- $app := get .root.Values.apps .name }}
{{- with $app.existingSecret }}
name: {{ .name }}
entries:
  app_secret: {{ .key | default "app_secret" | quote }}
  {{- if eq (toString $app.type) "store" }}
  {{- with dig "encryptKey" "encrypt_key" . }}
  encrypt_key: {{ . | quote }}
  {{- end }}
  {{- with dig "verificationToken" "verification_token" . }}
  verification_token: {{ . | quote }}
  {{- end }}
  {{- end }}
{{- else }}
name: {{ include "ffg.fullname" .root }}-{{ empty $app.externalSecret | ternary "apps" "external" }}
entries:
  {{- range $entry, $_ := include "ffg.entries" (dict "app" $app "name" .name) | fromYaml }}
  {{ eq $entry $.name | ternary "app_secret" (regexFind "^[.][a-z_]+" $entry | trimPrefix ".") }}: {{ $entry | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The secrets of apps that are given inline, as YAML. */}}
{{- define "ffg.inlineSecrets" -}}
{{- range $name, $app := .Values.apps }}
{{- if $app.appSecret }}
{{- range $entry, $secret := include "ffg.entries" (dict "app" $app "name" $name) | fromYaml }}
{{ $entry | quote }}: {{ b64enc $secret }}
{{- end }}
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
{{- $secret := include "ffg.appSecret" (dict "root" $ "name" $name) | fromYaml }}
- secret:
    name: {{ $secret.name }}
    items:
      {{- range $file, $entry := $secret.entries }}
      - key: {{ $entry | quote }}
        path: {{ printf "secrets/%s/%s" $name $file | quote }}
      {{- end }}
{{- end }}
{{- with include "ffg.statePassword" . | fromYaml }}
- secret:
    name: {{ .name }}
    items:
      - key: {{ .key | quote }}
        path: state/password
{{- end }}
{{- with .Values.tls }}
{{- if .secretName }}
- secret:
    name: {{ .secretName }}
    items:
      - key: tls.crt
        path: tls/tls.crt
      - key: tls.key
        path: tls/tls.key
{{- end }}
{{- if .clientCA.secretName }}
- secret:
    name: {{ .clientCA.secretName }}
    items:
      - key: {{ .clientCA.key | quote }}
        path: tls/client-ca.crt
{{- end }}
{{- end }}
{{- with include "ffg.caBundle" . | fromYaml }}
- configMap:
    name: {{ .name }}
    items:
      - key: {{ .key | quote }}
        path: ca/ca.crt
{{- end }}
{{- end }}
