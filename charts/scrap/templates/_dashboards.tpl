{{/* A dashboard's uid, at most 40 characters: the same for the same release. Takes (list $ name). */}}
{{- define "scrap.dashboardUid" -}}
{{- $ := index . 0 -}}
{{- $name := include "scrap.fullname" $ -}}
{{- $release := printf "%s/%s" $.Release.Namespace $name | sha256sum | trunc 8 -}}
{{- printf "%s-%s-%s" ($name | trunc 20 | trimSuffix "-") $release (index . 1) }}
{{- end }}

{{/* Whether to render dashboards. A cluster with the stack's kinds is assumed to have its Grafana. */}}
{{- define "scrap.hasDashboards" -}}
{{- include "scrap.enabled" (list . .Values.monitoring.dashboards.enabled "monitoring.coreos.com/v1/ServiceMonitor") }}
{{- end }}

{{/* A committed dashboard, set to this release. Takes (list $ path). */}}
{{- define "scrap.dashboard" -}}
{{- $ := index . 0 -}}
{{- $path := index . 1 -}}
{{- $job := include "scrap.fullname" $ -}}
{{- $dashboard := $.Files.Get $path | fromJson -}}
{{- $_ := set $dashboard "uid" (include "scrap.dashboardUid" (list $ (base $path | trimSuffix ".json"))) -}}
{{- /* Grafana requires titles to be unique within a folder. */}}
{{- $_ := set $dashboard "title" (printf "%s (%s/%s)" $dashboard.title $.Release.Namespace $job) -}}
{{- $disk := $.Values.monitoring.prometheusRule.disk -}}
{{- $alerts := $.Values.monitoring.prometheusRule.alerts -}}
{{- $first := dict
    "namespace" $.Release.Namespace
    "job" $job
    "objective" (toString $alerts.ScrapErrorBudgetBurn.objective)
    "latency_objective" (toString $alerts.ScrapLatencyBudgetBurn.objective)
    "runbooks" ($.Values.monitoring.prometheusRule.runbooks | default (include "scrap.page" (list $ "runbooks")) | trimSuffix "/")
    "disk_window" $disk.window
    "disk_within" $alerts.ScrapNodeDiskFilling.within
    "disk_evicts" (toString $alerts.ScrapNodeDiskFilling.below)
    "disk_full" (toString $alerts.ScrapNodeDiskFull.below)
    "disk_inodes" (toString $alerts.ScrapNodeInodes.below)
    "disk_times" (toString $alerts.ScrapNodeDiskGrowing.times)
    "disk_above" (toString $alerts.ScrapNodeDiskGrowing.above) -}}
{{- range $variable := $dashboard.templating.list }}
{{- with get $first $variable.name }}
{{- $_ := set $variable "current" (dict "text" . "value" . "selected" true) }}
{{- if eq $variable.type "constant" }}
{{- $_ := set $variable "query" . }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $dashboard }}
{{- end }}
