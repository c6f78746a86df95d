{{/* What a schema cannot say, or not in words that help. */}}
{{- define "ffg.validate" -}}
{{- if not .Values.apps }}
{{- fail "apps is empty: the gateway needs a Feishu app, such as --set apps.main.appId=cli_… --set apps.main.existingSecret.name=feishu-main (its key app_secret holds the app's secret)" }}
{{- end }}
{{- range $name, $app := .Values.apps }}
{{- $sources := list }}
{{- range list "appSecret" "existingSecret" "externalSecret" }}
{{- if get $app . }}{{ $sources = append $sources . }}{{ end }}
{{- end }}
{{- if ne (len $sources) 1 }}
{{- fail (printf "apps.%s needs its secret from one of appSecret, existingSecret and externalSecret, and has %s" $name ($sources | join " and " | default "none")) }}
{{- end }}
{{- if and $app.externalSecret (not $.Values.externalSecrets.secretStoreRef.name) }}
{{- fail (printf "apps.%s.externalSecret needs externalSecrets.secretStoreRef.name" $name) }}
{{- end }}
{{- end }}
{{- range $name, $key := .Values.keys }}
{{- if and $key.app (not (hasKey $.Values.apps $key.app)) }}
{{- fail (printf "keys.%s.app is %s, which is not in apps (%s)" $name $key.app (keys $.Values.apps | sortAlpha | join ", ")) }}
{{- else if and (not $key.app) (gt (len $.Values.apps) 1) }}
{{- fail (printf "keys.%s.app is missing, and there are several apps (%s)" $name (keys $.Values.apps | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- if and .Values.keys .Values.existingKeysSecret.name }}
{{- fail "keys and existingKeysSecret.name are both set: keep one of them" }}
{{- end }}
{{- with .Values.state }}
{{- $sources := list }}
{{- range $name, $value := dict "password" .password "existingSecret.name" .existingSecret.name "externalSecret.remoteRef" .externalSecret.remoteRef }}
{{- if $value }}{{ $sources = append $sources (printf "state.%s" $name) }}{{ end }}
{{- end }}
{{- if regexMatch "^[^:]+://[^@/]*:[^@/]*@" .url }}
{{- fail "state.url holds a password, and would be readable in a ConfigMap: put it into state.password, state.existingSecret or state.externalSecret" }}
{{- end }}
{{- if gt (len $sources) 1 }}
{{- fail (printf "%s are set: the password of Redis is from one of them" (join " and " $sources)) }}
{{- end }}
{{- if and $sources (not .url) }}
{{- fail (printf "%s is set and state.url is not: there is no Redis that it is for" (first $sources)) }}
{{- end }}
{{- if and .externalSecret.remoteRef (not $.Values.externalSecrets.secretStoreRef.name) }}
{{- fail "state.externalSecret needs externalSecrets.secretStoreRef.name" }}
{{- end }}
{{- end }}
{{- if .Values.broadcasts.persistence.enabled }}
{{- if .Values.state.url }}
{{- fail "broadcasts.persistence.enabled is true and state.url is set: Redis keeps the broadcasts, and the volume would stay empty. Keep one of them" }}
{{- end }}
{{- if or .Values.autoscaling.enabled .Values.keda.enabled (gt (int .Values.replicaCount) 1) }}
{{- fail "broadcasts.persistence.enabled is true: the volume belongs to one pod. Set replicaCount to 1 and no autoscaler, or let several replicas keep broadcasts in Redis (state.url, without the volume)" }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
{{- fail "autoscaling.enabled and keda.enabled are both true: two autoscalers would fight over the replicas" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.targetCPUUtilizationPercentage) (not .Values.autoscaling.metrics) }}
{{- fail "autoscaling has neither targetCPUUtilizationPercentage nor metrics: it needs something to scale by" }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.keda.triggers) }}
{{- fail "keda.triggers is empty: KEDA needs something to scale by" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled are both true: every pod would be scraped twice" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts is empty: the Ingress would lead nowhere" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs is empty: the HTTPRoute would be attached to no Gateway" }}
{{- end }}
{{- end }}
