{{/* Renders the raw rules of rules/ as a PrometheusRule; rules/README.md describes the placeholders. */}}

{{/* Stores every leaf of a map under its path: {a: {b: 1}} is a.b. Takes (list into prefix map). */}}
{{- define "scrap.flatten" -}}
{{- $into := index . 0 -}}
{{- $prefix := index . 1 -}}
{{- range $key, $value := index . 2 }}
{{- if kindIs "map" $value }}
{{- include "scrap.flatten" (list $into (printf "%s%s." $prefix $key) $value) }}
{{- else }}
{{- $_ := set $into (printf "%s%s" $prefix $key) (kindIs "string" $value | ternary $value (toJson $value)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Replaces ${…}; a name without a value is an error. Takes (list text words). */}}
{{- define "scrap.fill" -}}
{{- $text := index . 0 -}}
{{- $words := index . 1 -}}
{{- range $word := regexFindAll "\\$\\{[A-Za-z.]+\\}" $text -1 | uniq }}
{{- $name := $word | trimPrefix "${" | trimSuffix "}" }}
{{- if not (hasKey $words $name) }}{{ fail (printf "rules: there is no value for %s" $word) }}{{ end }}
{{- $text = replace $word (get $words $name) $text }}
{{- end }}
{{- $text }}
{{- end }}

{{/* The placeholders of every rule, as JSON. */}}
{{- define "scrap.ruleWords" -}}
{{- $job := include "scrap.fullname" . -}}
{{- $words := dict
    "namespace" .Release.Namespace
    "job" $job
    "release" .Release.Name
    "scrap" (printf "namespace=%q,job=%q" .Release.Namespace $job)
    "operator" (printf "namespace=%q,job=%q" .Release.Namespace (printf "%s-operator" $job))
    "logs" (printf "kubectl -n %s logs -l app.kubernetes.io/instance=%s,app.kubernetes.io/component=service --tail=-1 --since=15m" .Release.Namespace .Release.Name) -}}
{{- include "scrap.flatten" (list $words "" .Values.monitoring.prometheusRule) }}
{{- toJson $words }}
{{- end }}

{{/* The switches of groups and rules, as JSON: by name whether they are on. `nodes` is also the file of both its switches. */}}
{{- define "scrap.ruleSwitches" -}}
{{- $switches := merge (dict "operator" .Values.operator.enabled "alertScaler" .Values.operator.alertScaler.create) .Values.monitoring.prometheusRule.groups -}}
{{- $nodes := toString $switches.nodes -}}
{{- $growth := toString $switches.diskGrowth -}}
{{- $_ := set $switches "diskGrowth" (or (eq $growth "true") (and (eq $growth "auto") (ne $nodes "false"))) -}}
{{- $_ := set $switches "nodes" (or (eq $nodes "true") (and (eq $nodes "auto") (not (include "scrap.stackNodeAlerts" .)))) -}}
{{- toJson $switches }}
{{- end }}

{{/* The rules rendered from a raw one, as JSON {"items": […]}. Takes (list $ rule words dashboard switches). */}}
{{- define "scrap.rules" -}}
{{- $root := index . 0 -}}
{{- $raw := index . 1 -}}
{{- $common := index . 2 -}}
{{- $dashboard := index . 3 -}}
{{- $switches := index . 4 -}}
{{- $settings := $root.Values.monitoring.prometheusRule -}}
{{- $own := dict -}}
{{- if hasKey $raw "alert" }}
{{- if not (hasKey $settings.alerts $raw.alert) }}{{ fail (printf "rules: monitoring.prometheusRule.alerts has no %s" $raw.alert) }}{{ end }}
{{- $own = get $settings.alerts $raw.alert }}
{{- end }}
{{- $items := list -}}
{{- if and (dig "enabled" true $own) (or (not $raw.switch) (get $switches $raw.switch)) }}
{{- $each := dict "" dict -}}
{{- if hasKey $raw "each" }}{{ $each = get $settings $raw.each }}{{ end }}
{{- range $entry := keys $each | sortAlpha }}
{{- $words := merge (dict) $common }}
{{- include "scrap.flatten" (list $words "" $own) }}
{{- if $entry }}
{{- include "scrap.flatten" (list $words "" (get $each $entry)) }}
{{- $_ := set $words "severity" (get $own.severity $entry) }}
{{- $burning := get $each $entry }}
{{- if ge (mulf $burning.rate (subf 1 $own.objective)) 1.0 }}
{{- fail (printf "monitoring.prometheusRule: %s can never fire over burn.%s: even if every request is bad, the budget of objective %v does not burn %v times as fast as allowed; raise the objective or lower the rate" $raw.alert $entry $own.objective $burning.rate) }}
{{- end }}
{{- end }}
{{- $rule := include "scrap.fill" (list (omit $raw "each" "switch" "or" "unless" | toYaml) $words) | fromYaml }}
{{- if $rule.Error }}{{ fail (printf "rules: %s: %s" (toJson $raw) $rule.Error) }}{{ end }}
{{- range $switch, $expression := $raw.or }}
{{- if get $switches $switch }}
{{- $_ := set $rule "expr" (printf "%s\nor (\n%s\n)" $rule.expr (include "scrap.fill" (list $expression $words))) }}
{{- end }}
{{- end }}
{{- range $other, $expression := $raw.unless }}
{{- if (get $settings.alerts $other).enabled }}
{{- $_ := set $rule "expr" (printf "%s\nunless (\n%s\n)" $rule.expr (include "scrap.fill" (list $expression $words))) }}
{{- end }}
{{- end }}
{{- $_ := set $rule "labels" (merge (dict "namespace" $root.Release.Namespace) (default dict $rule.labels)) }}
{{- if hasKey $raw "alert" }}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s/%s.md" ($settings.runbooks | default (include "scrap.page" (list $root "runbooks")) | trimSuffix "/") $raw.alert) }}
{{- $_ := set $rule.annotations "dashboard_url" (include "scrap.dashboardUrl" (list $root $dashboard)) }}
{{- end }}
{{- $items = append $items $rule }}
{{- end }}
{{- end }}
{{- dict "items" $items | toJson }}
{{- end }}

{{/* The URL of a dashboard, with its variables set. Takes (list $ overview|nodes|operator). */}}
{{- define "scrap.dashboardUrl" -}}
{{- $root := index . 0 -}}
{{- printf "%s/d/%s?var-namespace=%s&var-job=%s" (trimSuffix "/" $root.Values.monitoring.grafanaUrl) (include "scrap.dashboardUid" .) $root.Release.Namespace (include "scrap.fullname" $root) }}
{{- end }}
