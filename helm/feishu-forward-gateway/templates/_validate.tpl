{{/* Checks that the schema cannot make, or cannot report well. */}}
{{- define "ffg.validate" -}}
{{- if not .Values.apps }}
{{- fail "apps is empty: add a Feishu app, for example --set apps.main.appId=cli_… --set apps.main.existingSecret.name=feishu-main (a Secret whose entry app_secret is the app secret)" }}
{{- end }}
{{- range $section, $field := dict "apps" "appId" "keys" "hash" }}
{{- $owners := dict }}
{{- range $name, $it := get $.Values $section | default dict }}
{{- if not (regexMatch "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$" $name) }}
{{- fail (printf "%s: the name %q is invalid: use 1 to 64 letters, digits, `_`, `-` and `.`, for example main" $section $name) }}
{{- end }}
{{- with get $owners (get $it $field) }}
{{- fail (printf "%s.%s.%s is the same as that of %s.%s: each needs its own" $section $name $field $section .) }}
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
{{- fail (printf "apps.%s: set exactly one of appSecret, existingSecret and externalSecret (set now: %s)" $name ($sources | join " and " | default "none")) }}
{{- end }}
{{- if and $app.externalSecret (not (($app.externalSecret).secretStoreRef | default $.Values.externalSecrets.secretStoreRef).name) }}
{{- fail (printf "apps.%s.externalSecret has no store: set its secretStoreRef, or externalSecrets.secretStoreRef for all" $name) }}
{{- end }}
{{- $found := omit (include "ffg.appSecret" (dict "root" $ "name" $name) | fromYaml).entries "app_secret" }}
{{- if and (eq (toString $app.type) "store") (not $found) }}
{{- fail (printf "apps.%s is a store app without an Encrypt Key and a Verification Token, so anybody could push events: set at least one of them" $name) }}
{{- end }}
{{- if and (ne (toString $app.type) "store") $found }}
{{- fail (printf "apps.%s has an Encrypt Key or a Verification Token, which only store apps need: remove it, or set type: store" $name) }}
{{- end }}
{{- end }}
{{- range $name, $key := .Values.keys }}
{{- if and $key.app (not (hasKey $.Values.apps $key.app)) }}
{{- fail (printf "keys.%s.app is %s, but apps has only %s" $name $key.app (keys $.Values.apps | sortAlpha | join ", ")) }}
{{- else if and (not $key.app) (gt (len $.Values.apps) 1) }}
{{- fail (printf "keys.%s.app is missing: there are several apps, so set one of %s" $name (keys $.Values.apps | sortAlpha | join ", ")) }}
{{- end }}
{{- $app := get $.Values.apps ($key.app | default (keys $.Values.apps | first)) }}
{{- if and (eq (toString $app.type) "store") (not $key.tenant_key) }}
{{- fail (printf "keys.%s.tenant_key is missing: its app is a store app, so set a tenant key, a list of them, or \"*\" for every tenant" $name) }}
{{- else if and (ne (toString $app.type) "store") $key.tenant_key }}
{{- fail (printf "keys.%s.tenant_key is set, but its app is not a store app: remove it" $name) }}
{{- end }}
{{- end }}
{{- if and .Values.keys .Values.existingKeysSecret.name }}
{{- fail "keys and existingKeysSecret.name are both set: remove one of them" }}
{{- end }}
{{- with .Values.state }}
{{- $sources := list }}
{{- range $name, $value := dict "password" .password "existingSecret.name" .existingSecret.name "externalSecret.remoteRef" .externalSecret.remoteRef }}
{{- if $value }}{{ $sources = append $sources (printf "state.%s" $name) }}{{ end }}
{{- end }}
{{- if regexMatch "^[^:]+://[^@/]*:[^@/]*@" .url }}
{{- fail "state.url contains a password, and a ConfigMap would show it: move it to state.existingSecret, state.externalSecret or state.password" }}
{{- end }}
{{- if gt (len $sources) 1 }}
{{- fail (printf "%s are set: the password of Redis needs exactly one of them" (join " and " $sources)) }}
{{- end }}
{{- if and $sources (not .url) }}
{{- fail (printf "%s is set, but state.url is empty: set the address of Redis, or remove the password" (first $sources)) }}
{{- end }}
{{- if and .externalSecret.remoteRef (not (.externalSecret.secretStoreRef | default $.Values.externalSecrets.secretStoreRef).name) }}
{{- fail "state.externalSecret has no store: set its secretStoreRef, or externalSecrets.secretStoreRef for all" }}
{{- end }}
{{- end }}
{{- with include "ffg.storeApps" . | splitList " " | first }}
{{- if and (not $.Values.state.url) (gt (include "ffg.maxReplicas" $ | int) 1) }}
{{- fail (printf "apps.%s is a store app, and only the replica to which Feishu pushes its ticket would have it. Share it in Redis (state.url), or set replicaCount to 1 without an autoscaler" .) }}
{{- end }}
{{- end }}
{{- if .Values.broadcasts.persistence.enabled }}
{{- if .Values.state.url }}
{{- fail "broadcasts.persistence.enabled is true and state.url is set: with Redis the volume would stay empty. Remove one of them" }}
{{- end }}
{{- if or .Values.autoscaling.enabled .Values.keda.enabled (gt (int .Values.replicaCount) 1) }}
{{- fail "broadcasts.persistence.enabled is true, but only one pod can use the volume. Set replicaCount to 1 without an autoscaler, or turn the volume off and keep broadcasts in Redis (state.url)" }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
{{- fail "autoscaling.enabled and keda.enabled are both true: enable only one autoscaler" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.targetCPUUtilizationPercentage) (not .Values.autoscaling.metrics) }}
{{- fail "autoscaling.enabled is true without a metric: set autoscaling.targetCPUUtilizationPercentage or autoscaling.metrics" }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "autoscaling.minReplicas (%d) is larger than autoscaling.maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- end }}
{{- with .Values.keda }}
{{- if and .enabled (gt (int .minReplicaCount) (int .maxReplicaCount)) }}
{{- fail (printf "keda.minReplicaCount (%d) is larger than keda.maxReplicaCount (%d)" (int .minReplicaCount) (int .maxReplicaCount)) }}
{{- end }}
{{- end }}
{{- with .Values.updateStrategy }}
{{- if and (eq .type "RollingUpdate") .rollingUpdate (has (toString .rollingUpdate.maxUnavailable) (list "0" "0%")) (has (toString .rollingUpdate.maxSurge) (list "0" "0%")) }}
{{- fail "updateStrategy.rollingUpdate: maxUnavailable and maxSurge are both 0, so no pod could be replaced: raise one of them" }}
{{- end }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.keda.triggers) }}
{{- fail "keda.triggers is empty: add at least one trigger" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled are both true: Prometheus would scrape every pod twice. Enable only one" }}
{{- end }}
{{- if and .Values.tls.clientCA.secretName (not .Values.tls.secretName) }}
{{- fail "tls.clientCA.secretName is set, but tls.secretName is empty: client certificates need TLS, so set tls.secretName" }}
{{- end }}
{{- with .Values.caBundle }}
{{- if and .pem .existingConfigMap.name }}
{{- fail "caBundle.pem and caBundle.existingConfigMap.name are both set: remove one of them" }}
{{- end }}
{{- end }}
{{- if and .Values.state.files.ca_file (include "ffg.caBundle" .) }}
{{- fail "caBundle and state.files.ca_file are both set: add the CA of Redis to caBundle, and remove state.files.ca_file" }}
{{- end }}
{{- range $section := list "server" "feishu" "limits" }}
{{- range $key, $value := get $.Values.config $section }}
{{- if and (kindIs "string" $value) (regexMatch "^([0-9]+(ms|s|m|h|d) ?)+$" $value) (gt (include "ffg.seconds" $value | int64) 3600) }}
{{- fail (printf "config.%s.%s is %s, but the largest value is 1h, for example 90s" $section $key $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- include "ffg.validate.duplicates" . }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts is empty: add at least one host" }}
{{- end }}
{{- if and .Values.events.ingress.enabled (not (include "ffg.storeApps" .)) }}
{{- fail "events.ingress.enabled is true, but no app is a store app: set type: store of an app, or turn the Ingress off" }}
{{- end }}
{{- if and .Values.events.ingress.enabled (not .Values.events.ingress.hosts) }}
{{- fail "events.ingress.hosts is empty: add at least one host" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs is empty: add the Gateway to attach the HTTPRoute to" }}
{{- end }}
{{- end }}

{{/* Duplicates that Kubernetes refuses, or of which it silently uses the last. */}}
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
{{- include "ffg.validate.once" (dict "in" "events.ingress.hosts" "items" .Values.events.ingress.hosts "field" "host") }}
{{- end }}

{{/* dict "in" VALUE "items" LIST: each of LIST has another "field" (`name`, if left out). */}}
{{- define "ffg.validate.once" -}}
{{- $field := .field | default "name" }}
{{- $seen := dict }}
{{- range .items }}
{{- $it := get . $field }}
{{- if $it }}
{{- if hasKey $seen $it }}
{{- fail (printf "%s: %s %s is used twice, or the chart itself uses it" $.in $field $it) }}
{{- end }}
{{- $_ := set $seen $it true }}
{{- end }}
{{- end }}
{{- end }}
