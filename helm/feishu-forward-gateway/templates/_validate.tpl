{{/* What a schema cannot say, or not in words that help. */}}
{{- define "ffg.validate" -}}
{{- if not .Values.apps }}
{{- fail "apps is empty: the gateway needs a Feishu app, such as --set apps.main.appId=cli_… --set apps.main.existingSecret.name=feishu-main (its key app_secret holds the app's secret)" }}
{{- end }}
{{- range $section, $field := dict "apps" "appId" "keys" "hash" }}
{{- $owners := dict }}
{{- range $name, $it := get $.Values $section | default dict }}
{{- if not (regexMatch "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$" $name) }}
{{- fail (printf "%s: %q is no name: letters, digits, `_`, `-` and `.`, at most 64, such as main" $section $name) }}
{{- end }}
{{- with get $owners (get $it $field) }}
{{- fail (printf "%s.%s.%s is that of %s.%s too" $section $name $field $section .) }}
{{- end }}
{{- $_ := set $owners (get $it $field) $name }}
{{- end }}
{{- end }}
{{- range $name, $app := .Values.apps }}
{{- $sources := list }}
{{- range list "appSecret" "existingSecret" "externalSecret" }}
{{- if get $app . }}{{ $sources = append $sources . }}{{ end }}
{{- end }}
{{- if ne (len $sources) 1 }}
{{- fail (printf "apps.%s needs its secret from one of appSecret, existingSecret and externalSecret, and has %s" $name ($sources | join " and " | default "none")) }}
{{- end }}
{{- if and $app.externalSecret (not (($app.externalSecret).secretStoreRef | default $.Values.externalSecrets.secretStoreRef).name) }}
{{- fail (printf "apps.%s.externalSecret needs a store: its own secretStoreRef, or externalSecrets.secretStoreRef for all" $name) }}
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
{{- if and .externalSecret.remoteRef (not (.externalSecret.secretStoreRef | default $.Values.externalSecrets.secretStoreRef).name) }}
{{- fail "state.externalSecret needs a store: its own secretStoreRef, or externalSecrets.secretStoreRef for all" }}
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
{{- with .Values.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "autoscaling.minReplicas is %d, above autoscaling.maxReplicas, which is %d" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- end }}
{{- with .Values.keda }}
{{- if and .enabled (gt (int .minReplicaCount) (int .maxReplicaCount)) }}
{{- fail (printf "keda.minReplicaCount is %d, above keda.maxReplicaCount, which is %d" (int .minReplicaCount) (int .maxReplicaCount)) }}
{{- end }}
{{- end }}
{{- with .Values.updateStrategy }}
{{- if and (eq .type "RollingUpdate") .rollingUpdate (has (toString .rollingUpdate.maxUnavailable) (list "0" "0%")) (has (toString .rollingUpdate.maxSurge) (list "0" "0%")) }}
{{- fail "updateStrategy.rollingUpdate has 0 for both maxUnavailable and maxSurge: no pod could ever be replaced" }}
{{- end }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.keda.triggers) }}
{{- fail "keda.triggers is empty: KEDA needs something to scale by" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled are both true: every pod would be scraped twice" }}
{{- end }}
{{- if and .Values.tls.clientCA.secretName (not .Values.tls.secretName) }}
{{- fail "tls.clientCA.secretName is set and tls.secretName is not: there is no TLS in which clients could show a certificate" }}
{{- end }}
{{- with .Values.caBundle }}
{{- if and .pem .existingConfigMap.name }}
{{- fail "caBundle.pem and caBundle.existingConfigMap.name are both set: keep one of them" }}
{{- end }}
{{- end }}
{{- if and .Values.state.files.ca_file (include "ffg.caBundle" .) }}
{{- fail "caBundle and state.files.ca_file are both set: put what Redis needs into caBundle" }}
{{- end }}
{{- range $section := list "server" "feishu" "limits" }}
{{- range $key, $value := get $.Values.config $section }}
{{- if and (kindIs "string" $value) (regexMatch "^([0-9]+(ms|s|m|h|d) ?)+$" $value) (gt (include "ffg.seconds" $value | int64) 3600) }}
{{- fail (printf "config.%s.%s is %s: the gateway takes an hour at most, such as 90s" $section $key $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- include "ffg.validate.duplicates" . }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts is empty: the Ingress would lead nowhere" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs is empty: the HTTPRoute would be attached to no Gateway" }}
{{- end }}
{{- end }}

{{/* Kubernetes refuses these, or takes the last one without a word. */}}
{{- define "ffg.validate.duplicates" -}}
{{- $ours := list (dict "name" "config") }}
{{- if .Values.broadcasts.persistence.enabled }}{{ $ours = append $ours (dict "name" "broadcasts") }}{{ end }}
{{- $mounts := list (dict "mountPath" (include "ffg.directory" .)) (dict "mountPath" (include "ffg.broadcasts" .)) }}
{{- $gateway := list (dict "name" "gateway") }}
{{- $config := list (dict "name" "GATEWAY_CONFIG") }}
{{- range list
  (dict "in" "extraEnv" "items" (concat $config .Values.extraEnv))
  (dict "in" "extraVolumes" "items" (concat $ours .Values.extraVolumes))
  (dict "in" "extraVolumeMounts" "items" (concat $mounts .Values.extraVolumeMounts) "field" "mountPath")
  (dict "in" "extraContainers and initContainers" "items" (concat $gateway .Values.extraContainers .Values.initContainers))
  (dict "in" "prometheusRule.extraGroups" "items" .Values.prometheusRule.extraGroups)
}}
{{- include "ffg.validate.once" . }}
{{- end }}
{{- $ways := list }}
{{- range $host := .Values.ingress.hosts }}
{{- range .paths | default (list (dict "path" "/")) }}
{{- $ways = append $ways (dict "name" (printf "%s%s" ($host.host | default "") .path)) }}
{{- end }}
{{- end }}
{{- include "ffg.validate.once" (dict "in" "ingress.hosts" "items" $ways) }}
{{- end }}

{{/* dict "in" VALUE "items" LIST: each of LIST has another "field" (`name`, if left out). */}}
{{- define "ffg.validate.once" -}}
{{- $field := .field | default "name" }}
{{- $seen := dict }}
{{- range .items }}
{{- $it := get . $field }}
{{- if $it }}
{{- if hasKey $seen $it }}
{{- fail (printf "%s: %s %s is there twice, or is one that the chart itself has" $.in $field $it) }}
{{- end }}
{{- $_ := set $seen $it true }}
{{- end }}
{{- end }}
{{- end }}
