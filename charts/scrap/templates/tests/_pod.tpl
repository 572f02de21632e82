{{/* A pod of `helm test`: the service's image with a test script. Takes (list $ name env deadline). */}}
{{- define "scrap.testPod" -}}
{{- $ := index . 0 -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "scrap.fullname" $ }}-test-{{ index . 1 }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "scrap.labels" (list $ "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    # A failed pod is kept until the next run, so that its log can be read.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  activeDeadlineSeconds: {{ index . 3 }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 0
  {{- include "scrap.podSpec" (list $ nil nil) | nindent 2 }}
  containers:
    - name: test
      image: {{ include "scrap.image" $ | quote }}
      imagePullPolicy: {{ $.Values.image.pullPolicy }}
      command: [python, -c]
      args:
        - |
          {{- $.Files.Get (printf "files/test_%s.py" (index . 1)) | nindent 10 }}
      {{- with $.Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      envFrom:
        - configMapRef:
            name: {{ include "scrap.fullname" $ }}
      env:
        {{- index . 2 | nindent 8 }}
      resources:
        {{- toYaml $.Values.resources | nindent 8 }}
{{- end }}
