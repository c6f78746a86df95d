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
