{{- define "kube-netc.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The names of all objects: that of the release, with the chart's where it does not stand in it. */ -}}
{{- define "kube-netc.fullname" -}}
{{- $name := include "kube-netc.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "kube-netc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kube-netc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Helm adds app.kubernetes.io/managed-by itself when it installs; in a plain manifest it would be a lie. */ -}}
{{- define "kube-netc.labels" -}}
{{ include "kube-netc.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "kube-netc.serviceAccountName" -}}
{{- default (.Values.serviceAccount.create | ternary (include "kube-netc.fullname" .) "default") .Values.serviceAccount.name -}}
{{- end -}}

{{- define "kube-netc.priorityClassName" -}}
{{- default (.Values.priorityClass.create | ternary (include "kube-netc.fullname" .) "") .Values.priorityClass.name -}}
{{- end -}}

{{- define "kube-netc.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A value as a flag has it. YAML reads a bare off as false, and Helm makes every number a float, 1000000 as 1e+06. */ -}}
{{- define "kube-netc.flagValue" -}}
{{- if kindIs "bool" . -}}{{ ternary "on" "off" . }}
{{- else if kindIs "string" . -}}{{ . }}
{{- else -}}{{ int64 . }}
{{- end -}}
{{- end -}}
