{{/* The labels that only Helm's objects have. */}}
{{- define "configmap-syncer.helmLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (replace "+" "_" .Chart.Version) }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The labels of an object: (list $ "component"). */}}
{{- define "configmap-syncer.labels" -}}
{{- $component := index . 1 -}}
app.kubernetes.io/name: configmap-syncer
app.kubernetes.io/part-of: configmap-syncer
app.kubernetes.io/component: {{ $component }}
{{ include "configmap-syncer.helmLabels" (index . 0) }}
{{- end }}

{{/* The labels of an object that has labels of its own, which go before the common ones:
(list $ "component" $labels). */}}
{{- define "configmap-syncer.labelsWith" -}}
{{- merge (dict) (index . 2 | default dict) (include "configmap-syncer.labels" . | fromYaml) | toYaml -}}
{{- end }}

{{/* What selects the pods of a component: the same in every installation, because a Deployment's
selector cannot change, and the release's name is not in it. */}}
{{- define "configmap-syncer.selectorLabels" -}}
app.kubernetes.io/name: configmap-syncer
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* The labels of the pods of a component: (list $podLabels "component"). Without Helm's, so that a
new version of the chart alone replaces no pod. */}}
{{- define "configmap-syncer.podLabels" -}}
app.kubernetes.io/name: configmap-syncer
app.kubernetes.io/part-of: configmap-syncer
app.kubernetes.io/component: {{ index . 1 }}
{{- with index . 0 }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The name of an image: (list $image "default tag"). */}}
{{- define "configmap-syncer.image" -}}
{{- $image := index . 0 -}}
{{- $tag := $image.tag | default (index . 1) -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else if $tag -}}
{{ printf "%s:%s" $image.repository $tag }}
{{- else -}}
{{- fail (printf "The image %s has neither a tag nor a digest. Set one of them." $image.repository) -}}
{{- end }}
{{- end }}

{{/* Topology spread constraints of a component: (list $constraints "component"). */}}
{{- define "configmap-syncer.spread" -}}
{{- $selector := dict "matchLabels" (include "configmap-syncer.selectorLabels" (index . 1) | fromYaml) -}}
{{- $all := list -}}
{{- range index . 0 -}}
{{- $given := . -}}
{{- if not (hasKey $given "labelSelector") -}}
{{- $given = merge (dict "labelSelector" $selector "matchLabelKeys" (list "pod-template-hash")) $given -}}
{{- end -}}
{{- $all = append $all $given -}}
{{- end -}}
{{ toYaml $all }}
{{- end }}

{{/* Where a pod of either component may run: its values. */}}
{{- define "configmap-syncer.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{/* The annotations of the pods of a component: (list $ $podAnnotations). */}}
{{- define "configmap-syncer.podAnnotations" -}}
{{- $annotations := index . 1 -}}
{{- if (index . 0).Values.openshift.enabled -}}
{{- /* Otherwise OpenShift prefers another SCC where the service account may use one. */ -}}
{{- $annotations = merge (dict "openshift.io/required-scc" "restricted-v2") $annotations -}}
{{- end -}}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The name of the hook in the cluster's DNS. */}}
{{- define "configmap-syncer.host" -}}
configmap-syncer-webhook.{{ .Release.Namespace }}.svc
{{- end }}

{{/* The certificates of the authority that Metacontroller and Prometheus believe, where
cert-manager keeps them in a Secret. */}}
{{- define "configmap-syncer.authorityIsSecret" -}}
{{- if eq .Values.tls.source "cert-manager" }}true{{ end }}
{{- end }}

{{/* How Metacontroller calls one hook: (list $ "path" "timeout"). */}}
{{- define "configmap-syncer.webhook" -}}
{{- $ := index . 0 -}}
version: v2
webhook:
  url: {{ ternary "https" "http" $.Values.tls.enabled }}://{{ include "configmap-syncer.host" $ }}/{{ index . 1 }}
  timeout: {{ index . 2 }}
  {{- if $.Values.tls.enabled }}
  caBundle:
    {{- if include "configmap-syncer.authorityIsSecret" $ }}
    secretRef:
      name: configmap-syncer-webhook-tls
    {{- else }}
    configMapRef:
      name: configmap-syncer-webhook-ca
    {{- end }}
      namespace: {{ $.Release.Namespace | quote }}
      key: ca.crt
  {{- end }}
  {{- with $.Values.auth.bearerToken }}
  {{- if .secretName }}
  authorization:
    type: Bearer
    secretRef:
      name: {{ .secretName | quote }}
      namespace: {{ $.Release.Namespace | quote }}
      key: {{ .key | quote }}
  {{- end }}
  {{- end }}
  {{- with $.Values.auth.clientCertificate.secretName }}
  clientTLS:
    secretRef:
      name: {{ . | quote }}
      namespace: {{ $.Release.Namespace | quote }}
  {{- end }}
{{- end }}

{{/* A PodDisruptionBudget's limit: its values. */}}
{{- define "configmap-syncer.disruptions" -}}
{{- if not (kindIs "invalid" .minAvailable) }}
minAvailable: {{ .minAvailable }}
{{- else }}
maxUnavailable: {{ .maxUnavailable }}
{{- end }}
{{- end }}

{{/* The hook's settings: pairs of a value's name and the variable. */}}
{{- define "configmap-syncer.variables" -}}
fieldManager: FIELD_MANAGER
requireConsent: REQUIRE_CONSENT
requireTargetConsent: REQUIRE_TARGET_CONSENT
maxRequestBytes: MAX_REQUEST_BYTES
maxInFlightBytes: MAX_IN_FLIGHT_BYTES
retryAfterSeconds: RETRY_AFTER_SECONDS
bodyTimeoutSeconds: BODY_TIMEOUT_SECONDS
bodyPatienceSeconds: BODY_PATIENCE_SECONDS
headTimeoutSeconds: HEAD_TIMEOUT_SECONDS
maxConnections: MAX_CONNECTIONS
shutdownSeconds: SHUTDOWN_SECONDS
host: HOST
{{- end }}

{{/* Every variable that the chart may set in the hook, as a list. */}}
{{- define "configmap-syncer.ownVariables" -}}
{{- $variables := values (include "configmap-syncer.variables" . | fromYaml) -}}
{{ concat $variables (list "APPLY_STRATEGY" "PORT" "BEARER_TOKEN_FILE" "TLS_CERTIFICATE_FILE" "TLS_KEY_FILE" "CLIENT_CA_FILE") | toYaml }}
{{- end }}

{{/* A quantity of memory, such as 2Gi, in bytes. */}}
{{- define "configmap-syncer.bytes" -}}
{{- if or (kindIs "float64" .) (kindIs "int64" .) -}}
{{- int64 . -}}
{{- else -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- $number := trimSuffix $unit (toString .) -}}
{{- if not (and (hasKey $units $unit) (regexMatch "^[0-9]+$" $number)) -}}
{{- fail (printf "The alert on Metacontroller's memory needs a limit such as 2Gi or 500Mi, and not %q. Set metrics.prometheusRule.metacontrollerMemoryLimit." (toString .)) -}}
{{- end -}}
{{- mul (int64 $number) (index $units $unit) -}}
{{- end -}}
{{- end }}
