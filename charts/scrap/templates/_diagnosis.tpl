{{/* What the chart reads from the cluster, for the notes and `helm test`. */}}

{{/* The labels missing for a selector, as JSON: by key the value that would match, "" where the key must be removed. Takes (list selector labels). */}}
{{- define "scrap.lacks" -}}
{{- $selector := default dict (index . 0) -}}
{{- $labels := index . 1 -}}
{{- $lacks := dict -}}
{{- range $key, $value := dig "matchLabels" dict $selector }}
{{- if ne (get $labels $key) $value }}{{ $_ := set $lacks $key $value }}{{ end }}
{{- end }}
{{- range dig "matchExpressions" list $selector }}
{{- $values := default list .values -}}
{{- $there := hasKey $labels .key -}}
{{- $listed := and $there (has (get $labels .key) $values) -}}
{{- $holds := dict "In" $listed "NotIn" (not $listed) "Exists" $there "DoesNotExist" (not $there) -}}
{{- if not (get $holds .operator) }}{{ $_ := set $lacks .key (get (dict "In" (first $values) "Exists" "true") .operator) }}{{ end }}
{{- end }}
{{- toJson $lacks }}
{{- end }}

{{/* The labels of a namespace, as JSON; it may not exist yet. */}}
{{- define "scrap.namespaceLabels" -}}
{{- lookup "v1" "Namespace" "" . | dig "metadata" "labels" dict | merge (dict "kubernetes.io/metadata.name" .) | toJson }}
{{- end }}

{{/* Whether a Prometheus selects an object of this release, and if not, why, and the fix. As JSON: {selects, why, flags, lines};
     flags: of `helm upgrade`. Takes (list $ prometheus value field): monitoring.<value> is the object's, spec.<field>Selector selects it. */}}
{{- define "scrap.verdict" -}}
{{- $ := index . 0 -}}
{{- $prometheus := index . 1 -}}
{{- $value := index . 2 -}}
{{- $field := printf "%sSelector" (index . 3) -}}
{{- $namespaceField := printf "%sNamespaceSelector" (index . 3) -}}
{{- $selector := index $prometheus.spec $field -}}
{{- $namespaceSelector := index $prometheus.spec $namespaceField -}}
{{- $here := $.Release.Namespace -}}
{{- $where := $prometheus.metadata.namespace -}}
{{- $patch := printf "kubectl -n %s patch prometheus %s --type merge --patch '{\"spec\": {\"%%s\": {}}}'" $where $prometheus.metadata.name -}}
{{- $why := list -}}
{{- $flags := list -}}
{{- $lines := list -}}
{{- $lacks := include "scrap.lacks" (list $selector (include (printf "scrap.%sLabels" $value) $ | fromYaml)) | fromJson -}}
{{- if kindIs "invalid" $selector }}
{{- $why = append $why (printf "it has no %s and selects none" $field) }}
{{- $lines = append $lines (printf $patch $field) }}
{{- else if $lacks }}
{{- $why = append $why (printf "its %s %s does not match our labels" $field (toJson $selector)) }}
{{- range $key, $wanted := $lacks }}
{{- $label := printf "monitoring.%s.labels.%s" $value (replace "." "\\." $key) }}
{{- $flags = append $flags (ne $wanted "" | ternary (printf "--set-string '%s=%s'" $label $wanted) (printf "--set '%s=null'" $label)) }}
{{- end }}
{{- end }}
{{- $lacks = include "scrap.lacks" (list $namespaceSelector (include "scrap.namespaceLabels" $here | fromJson)) | fromJson -}}
{{- if and (kindIs "invalid" $namespaceSelector) (ne $where $here) }}
{{- $why = append $why (printf "it has no %s and selects only from its own namespace" $namespaceField) }}
{{- $lines = append $lines (printf $patch $namespaceField) }}
{{- else if hasKey $lacks "kubernetes.io/metadata.name" }}
{{- $why = append $why (printf "its %s %s does not match namespace %s" $namespaceField (toJson $namespaceSelector) $here) }}
{{- $lines = append $lines (printf "kubectl -n %s edit prometheus %s # spec.%s must match namespace %s" $where $prometheus.metadata.name $namespaceField $here) }}
{{- else if $lacks }}
{{- $why = append $why (printf "its %s %s does not match the labels of namespace %s" $namespaceField (toJson $namespaceSelector) $here) }}
{{- $line := printf "kubectl label namespace %s" $here }}
{{- range $key, $wanted := $lacks }}
{{- $line = printf "%s %s" $line (ne $wanted "" | ternary (printf "%s=%s" $key $wanted) (printf "%s-" $key)) }}
{{- end }}
{{- $lines = append $lines $line }}
{{- end }}
{{- dict "selects" (empty $why) "why" $why "flags" $flags "lines" $lines | toJson }}
{{- end }}

{{/* Whether the NetworkPolicy allows a namespace's pods to read the metrics: "true" or nothing; every ipBlock counts as allowed.
     Takes (list $ namespace). */}}
{{- define "scrap.admits" -}}
{{- $ := index . 0 -}}
{{- $namespace := index . 1 -}}
{{- $labels := include "scrap.namespaceLabels" $namespace | fromJson -}}
{{- $peers := $.Values.networkPolicy.ingress.management -}}
{{- $admits := or (not $.Values.networkPolicy.enabled) (empty $peers) -}}
{{- range $peers }}
{{- if .ipBlock }}{{ $admits = true }}
{{- else if hasKey . "namespaceSelector" }}
{{- if eq (include "scrap.lacks" (list .namespaceSelector $labels)) "{}" }}{{ $admits = true }}{{ end }}
{{- else if eq $namespace $.Release.Namespace }}{{ $admits = true }}{{ end }}
{{- end }}
{{- if $admits }}true{{ end }}
{{- end }}

{{/* Every Prometheus of the cluster, as JSON: {"items": [{namespace, name, service, verdicts}]}; verdicts: by the kind of each
     object that the chart renders. */}}
{{- define "scrap.prometheuses" -}}
{{- $found := list -}}
{{- if and .Values.monitoring.lookup (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/Prometheus") }}
{{- range $prometheus := (lookup "monitoring.coreos.com/v1" "Prometheus" "" "").items }}
{{- $name := .metadata.name -}}
{{- $verdicts := dict -}}
{{- with $.Values.monitoring }}
{{- if include "scrap.enabled" (list $ .serviceMonitor.enabled "monitoring.coreos.com/v1/ServiceMonitor") }}
{{- $_ := set $verdicts "ServiceMonitor" (include "scrap.verdict" (list $ $prometheus "serviceMonitor" "serviceMonitor") | fromJson) }}
{{- end }}
{{- if include "scrap.enabled" (list $ .prometheusRule.enabled "monitoring.coreos.com/v1/PrometheusRule") }}
{{- $_ := set $verdicts "PrometheusRule" (include "scrap.verdict" (list $ $prometheus "prometheusRule" "rule") | fromJson) }}
{{- end }}
{{- end }}
{{- $service := "prometheus-operated" -}}
{{- range (lookup "v1" "Service" .metadata.namespace "").items }}
{{- if eq (dig "spec" "selector" "operator.prometheus.io/name" "" .) $name }}{{ $service = .metadata.name }}{{ end }}
{{- end }}
{{- $found = append $found (dict "namespace" .metadata.namespace "name" $name "service" $service "verdicts" $verdicts) }}
{{- end }}
{{- end }}
{{- dict "items" $found | toJson }}
{{- end }}

{{/* The Prometheus that has our targets, or nothing. */}}
{{- define "scrap.prometheusUrl" -}}
{{- $url := .Values.monitoring.prometheusUrl -}}
{{- range (include "scrap.prometheuses" . | fromJson).items }}
{{- if and (dig "verdicts" "ServiceMonitor" "selects" false .) (not $url) }}{{ $url = printf "http://%s.%s.svc:9090" .service .namespace }}{{ end }}
{{- end }}
{{- $url }}
{{- end }}

{{/* The PrometheusRule with kube-prometheus-stack's own node alerts, as namespace/name, or nothing. */}}
{{- define "scrap.stackNodeAlerts" -}}
{{- $found := "" -}}
{{- if and .Values.monitoring.lookup (include "scrap.knows" (list . "monitoring.coreos.com/v1/PrometheusRule")) }}
{{- range (lookup "monitoring.coreos.com/v1" "PrometheusRule" "" "").items }}
{{- $metadata := .metadata -}}
{{- range dig "spec" "groups" list . }}
{{- if and (eq .name "node-exporter") (not $found) }}{{ $found = printf "%s/%s" $metadata.namespace $metadata.name }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- $found }}
{{- end }}

{{/* The Grafana beside a Prometheus, as JSON: {name} or {}. Takes a namespace. */}}
{{- define "scrap.grafana" -}}
{{- $found := dict -}}
{{- range (lookup "v1" "Service" . "").items }}
{{- if eq (dig "metadata" "labels" "app.kubernetes.io/name" "" .) "grafana" }}{{ $found = dict "name" .metadata.name }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}
