{{/* What the cluster says of itself, for the notes and `helm test`. */}}

{{/* Does a label selector take these labels? "true" or nothing; a null selector takes nothing. Takes (list selector labels). */}}
{{- define "scrap.selects" -}}
{{- $selector := index . 0 -}}
{{- $labels := index . 1 -}}
{{- $takes := not (kindIs "invalid" $selector) -}}
{{- range $key, $value := dig "matchLabels" dict (default dict $selector) }}
{{- if ne (get $labels $key) $value }}{{ $takes = false }}{{ end }}
{{- end }}
{{- range dig "matchExpressions" list (default dict $selector) }}
{{- $there := hasKey $labels .key -}}
{{- $listed := and $there (has (get $labels .key) (default list .values)) -}}
{{- $holds := dict "In" $listed "NotIn" (not $listed) "Exists" $there "DoesNotExist" (not $there) -}}
{{- if not (get $holds .operator) }}{{ $takes = false }}{{ end }}
{{- end }}
{{- if $takes }}true{{ end }}
{{- end }}

{{/* The labels of our namespace; it may not be there yet. */}}
{{- define "scrap.namespaceLabels" -}}
{{- $namespace := lookup "v1" "Namespace" "" .Release.Namespace -}}
{{- dig "metadata" "labels" dict $namespace | merge (dict "kubernetes.io/metadata.name" .Release.Namespace) | toJson }}
{{- end }}

{{/* Every Prometheus of the cluster, as JSON: {"items": [{namespace, name, takes, service, selects, labels}]}; takes: our ServiceMonitor. */}}
{{- define "scrap.prometheuses" -}}
{{- $found := list -}}
{{- if and .Values.monitoring.lookup (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/Prometheus") }}
{{- $own := include "scrap.serviceMonitorLabels" . | fromYaml -}}
{{- $of_namespace := include "scrap.namespaceLabels" . | fromJson -}}
{{- range (lookup "monitoring.coreos.com/v1" "Prometheus" "" "").items }}
{{- $where := .metadata.namespace -}}
{{- $name := .metadata.name -}}
{{- $takes := include "scrap.selects" (list .spec.serviceMonitorSelector $own) -}}
{{- if kindIs "invalid" .spec.serviceMonitorNamespaceSelector }}
{{- if ne $where $.Release.Namespace }}{{ $takes = "" }}{{ end }}
{{- else if not (include "scrap.selects" (list .spec.serviceMonitorNamespaceSelector $of_namespace)) }}
{{- $takes = "" }}
{{- end }}
{{- $service := "prometheus-operated" -}}
{{- range (lookup "v1" "Service" $where "").items }}
{{- if eq (dig "spec" "selector" "operator.prometheus.io/name" "" .) $name }}{{ $service = .metadata.name }}{{ end }}
{{- end }}
{{- $found = append $found (dict "namespace" $where "name" $name "takes" (eq $takes "true") "service" $service
    "selects" (toJson .spec.serviceMonitorSelector) "labels" (dig "matchLabels" dict (default dict .spec.serviceMonitorSelector))) }}
{{- end }}
{{- end }}
{{- dict "items" $found | toJson }}
{{- end }}

{{/* The Prometheus that has our targets, or nothing. */}}
{{- define "scrap.prometheusUrl" -}}
{{- $url := .Values.monitoring.prometheusUrl -}}
{{- range (include "scrap.prometheuses" . | fromJson).items }}
{{- if and .takes (not $url) }}{{ $url = printf "http://%s.%s.svc:9090" .service .namespace }}{{ end }}
{{- end }}
{{- $url }}
{{- end }}

{{/* The Grafana beside a Prometheus, as JSON: {name} or {}. Takes a namespace. */}}
{{- define "scrap.grafana" -}}
{{- $found := dict -}}
{{- range (lookup "v1" "Service" . "").items }}
{{- if eq (dig "metadata" "labels" "app.kubernetes.io/name" "" .) "grafana" }}{{ $found = dict "name" .metadata.name }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}
