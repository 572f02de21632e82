{{/* Names and labels. */}}
{{- define "scrap.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for the longest suffix of another object (-dashboard-overview) within 63 characters. */}}
{{- define "scrap.fullname" -}}
{{- $name := include "scrap.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 44 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "scrap.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "scrap.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Immutable labels, for selectors. Takes (list $ component). */}}
{{- define "scrap.selectorLabels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "scrap.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Every label of an object; where a key occurs twice, the chart's value wins, then the object's. Takes (list $ component [labels]). */}}
{{- define "scrap.labels" -}}
{{- $ := index . 0 -}}
{{- $own := dict
    "app.kubernetes.io/version" $.Chart.AppVersion
    "app.kubernetes.io/managed-by" $.Release.Service
    "helm.sh/chart" (printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_") -}}
{{- merge $own (include "scrap.podLabels" . | fromYaml) | toYaml }}
{{- end }}

{{/* The labels of a pod: nothing that changes only with the chart's version, because that would roll the pods. Takes (list $ component [labels]). */}}
{{- define "scrap.podLabels" -}}
{{- $own := include "scrap.selectorLabels" . | fromYaml -}}
{{- merge $own (rest . | rest | first | default dict) (index . 0).Values.commonLabels | toYaml }}
{{- end }}

{{/* Fields of every pod: pull secrets, security context and scheduling. Takes (list $ [nodeSelector tolerations]); without them,
     or where they are null, the service's. */}}
{{- define "scrap.podSpec" -}}
{{- $nodeSelector := index . 1 -}}
{{- $tolerations := index . 2 -}}
{{- with index . 0 -}}
{{- if kindIs "invalid" $nodeSelector }}{{ $nodeSelector = .Values.nodeSelector }}{{ end }}
{{- if kindIs "invalid" $tolerations }}{{ $tolerations = .Values.tolerations }}{{ end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* The image's tag: that of a source tree is the one that `make image` builds. */}}
{{- define "scrap.tag" -}}
{{- .Values.image.tag | default (ternary "dev" .Chart.AppVersion (eq .Values.image.repository "localhost/scrap")) }}
{{- end }}

{{/* The image, by digest or by tag. A registry replaces that of the repository: its first part, if that has a dot or a port, or is
     localhost. */}}
{{- define "scrap.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with dig "imageRegistry" "" (.Values.global | default dict) | default .Values.image.registry }}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") }}
{{- end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (include "scrap.tag" .) }}
{{- end }}
{{- end }}

{{/* The URL of a page of the documentation, for alerts. Takes (list $ page). */}}
{{- define "scrap.page" -}}
{{- printf "%s/%s" ((index . 0).Values.documentation | default "http://127.0.0.1:8000/docs" | trimSuffix "/") (index . 1) }}
{{- end }}

{{/* A page of the documentation, for the notes: its URL, or in a source tree its path. Takes (list $ page). */}}
{{- define "scrap.pageName" -}}
{{- ternary (include "scrap.page" .) (printf "docs/%s" (index . 1)) (ne (index . 0).Values.documentation "") }}
{{- end }}

{{/* This chart, as an argument of helm: a release carries where it was pushed to. */}}
{{- define "scrap.chart" -}}
{{- with index (.Chart.Annotations | default dict) "scrap.dev/chart" }}
{{- printf "%s --version %s" . $.Chart.Version }}
{{- else }}
{{- print "charts/scrap" }}
{{- end }}
{{- end }}

{{/* Whether the cluster has a kind: "true" or nothing. A cluster lists every group/version/Kind, and the kind decides;
     `helm template --api-versions group/version` lists no kind of that version, and means all of them.
     Takes (list $ group/version/Kind). */}}
{{- define "scrap.knows" -}}
{{- $versions := (index . 0).Capabilities.APIVersions -}}
{{- $kind := index . 1 -}}
{{- $version := dir $kind -}}
{{- $kinds := false -}}
{{- range $versions }}{{ if hasPrefix (printf "%s/" $version) . }}{{ $kinds = true }}{{ end }}{{ end -}}
{{- if or ($versions.Has $kind) (and ($versions.Has $version) (not $kinds)) }}true{{ end }}
{{- end }}

{{/* `auto`, on or off: "true" or nothing. Takes (list $ switch group/version/Kind). */}}
{{- define "scrap.enabled" -}}
{{- $ := index . 0 -}}
{{- $switch := index . 1 | toString -}}
{{- if or (eq $switch "true") (and (eq $switch "auto") (include "scrap.knows" (list $ (index . 2)))) }}true{{ end }}
{{- end }}

{{/* The service's variables: config.maxRedirects is SCRAP_MAX_REDIRECTS, config.sentryEnvironment is SENTRY_ENVIRONMENT,
     Sentry's own name; null selects the service's default. */}}
{{- define "scrap.environment" -}}
{{- range $name, $value := .Values.config }}
{{- if not (kindIs "invalid" $value) }}
{{- $text := "" }}
{{- if kindIs "slice" $value }}
{{- $text = join "," $value }}
{{- else if kindIs "string" $value }}
{{- $text = $value }}
{{- else }}
{{- $text = toJson $value }}
{{- end }}
{{ if not (hasPrefix "sentry" $name) }}SCRAP_{{ end }}{{ regexReplaceAll "[A-Z]" $name "_${0}" | upper }}: {{ $text | quote }}
{{- end }}
{{- end }}
{{- if and .Values.documentation (kindIs "invalid" .Values.config.userAgent) }}
SCRAP_USER_AGENT: {{ printf "Mozilla/5.0 (compatible; scrapbot/%s; +%s)" (include "scrap.tag" .) (include "scrap.page" (list . "fetching.md")) | quote }}
{{- end }}
{{- end }}

{{/* Fails on contradicting values before anything is applied. */}}
{{- define "scrap.validate" -}}
{{- $end := add .Values.preStopSeconds (.Values.config.shutdown | default 25) -}}
{{- if gt $end (int64 .Values.terminationGracePeriodSeconds) }}
{{- fail (printf "terminationGracePeriodSeconds is %d, but preStopSeconds and config.shutdown together are %d: the kubelet would kill a pod that still serves" (int64 .Values.terminationGracePeriodSeconds) $end) }}
{{- end }}
{{- if gt (float64 (.Values.config.linger | default 0)) (float64 (.Values.config.shutdown | default 25)) }}
{{- fail "config.linger is longer than config.shutdown: a pod would be stopped while it lingers" }}
{{- end }}
{{- with .Values.monitoring.alertmanagerConfig.warning.hours }}
{{- if ge .from .to }}
{{- fail "monitoring.alertmanagerConfig.warning.hours.from is not before to: the operator of Prometheus would discard all routes" }}
{{- end }}
{{- $order := dict "sunday" 0 "monday" 1 "tuesday" 2 "wednesday" 3 "thursday" 4 "friday" 5 "saturday" 6 }}
{{- range .weekdays }}
{{- $range := splitList ":" . }}
{{- if gt (get $order (first $range) | int) (get $order (last $range) | int) }}
{{- fail (printf "monitoring.alertmanagerConfig.warning.hours.weekdays: a week begins on Sunday, so %s is no range; give two" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.operator.enabled }}
{{- fail "autoscaling.enabled and operator.enabled are mutually exclusive: two scalers of the same pods would conflict" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.metrics) (kindIs "invalid" .Values.autoscaling.targetCPUUtilizationPercentage) }}
{{- fail "autoscaling.enabled needs autoscaling.targetCPUUtilizationPercentage or autoscaling.metrics" }}
{{- end }}
{{- if and (eq .Values.service.type "ClusterIP") (or .Values.service.externalTrafficPolicy .Values.service.nodePort) }}
{{- fail "service.externalTrafficPolicy and service.nodePort need service.type NodePort or LoadBalancer" }}
{{- end }}
{{- if and (ne .Values.service.type "LoadBalancer") .Values.service.loadBalancerClass }}
{{- fail "service.loadBalancerClass needs service.type LoadBalancer" }}
{{- end }}
{{- range $name, $bounds := dict "autoscaling" .Values.autoscaling "operator.alertScaler" .Values.operator.alertScaler }}
{{- if gt (int $bounds.minReplicas) (int $bounds.maxReplicas) }}
{{- fail (printf "%s.minReplicas is above %s.maxReplicas" $name $name) }}
{{- end }}
{{- end }}
{{- if and .Values.operator.enabled .Values.operator.alertScaler.create (not .Values.operator.alertScaler.rules) }}
{{- $rule := .Values.monitoring.prometheusRule }}
{{- $off := list }}
{{- if eq (toString $rule.enabled) "false" }}{{ $off = append $off "enabled" }}{{ end }}
{{- if not $rule.groups.scaling }}{{ $off = append $off "groups.scaling" }}{{ end }}
{{- range list "ScrapSaturated" "ScrapScaleInUnsafe" }}
{{- if not (get $rule.alerts .).enabled }}{{ $off = append $off (printf "alerts.%s.enabled" .) }}{{ end }}
{{- end }}
{{- range $off }}
{{- fail (printf "operator.alertScaler scales by alerts that monitoring.prometheusRule.%s disables, and would read their absence as low load: enable them, or set operator.alertScaler.rules" .) }}
{{- end }}
{{- end }}
{{- if and (has (toString .Values.strategy.maxSurge) (list "0" "0%")) (has (toString .Values.strategy.maxUnavailable) (list "0" "0%")) }}
{{- fail "strategy.maxSurge and strategy.maxUnavailable are both 0: no rollout could ever begin" }}
{{- end }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "scrap.fullname" .)) }}
{{- fail (printf "%q cannot be the name of a Service (lower-case letters, digits and hyphens, a letter first): set fullnameOverride" (include "scrap.fullname" .)) }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs: a route without a gateway has no effect" }}
{{- end }}
{{- end }}

{{/* A network in a NetworkPolicy's format: the service also accepts a single address. */}}
{{- define "scrap.cidr" -}}
{{- contains "/" . | ternary . (printf "%s/%s" . (contains ":" . | ternary "128" "32")) }}
{{- end }}

{{/* Ports of a NetworkPolicy, from the service's format: 443 or "8000-8999". */}}
{{- define "scrap.allowedPorts" -}}
{{- range . }}
{{- $ends := splitList "-" (toString .) }}
- port: {{ first $ends }}
  {{- if gt (len $ends) 1 }}
  endPort: {{ last $ends }}
  {{- end }}
  protocol: TCP
{{- end }}
{{- end }}

{{/* Every label of the ServiceMonitors: Prometheus selects by them. */}}
{{- define "scrap.serviceMonitorLabels" -}}
{{- include "scrap.labels" (list . "service" .Values.monitoring.serviceMonitor.labels) }}
{{- end }}

{{/* Every label of the PrometheusRule. */}}
{{- define "scrap.prometheusRuleLabels" -}}
{{- include "scrap.labels" (list . "rules" .Values.monitoring.prometheusRule.labels) }}
{{- end }}
