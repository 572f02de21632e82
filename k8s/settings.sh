# Settings of up, down and stack, which source this file.
# shellcheck shell=bash disable=SC2034
CLUSTER_NAME=${CLUSTER_NAME:-scrap} # name of the kind or minikube cluster
NAMESPACE=${NAMESPACE:-scrap}
STACK_NAMESPACE=${STACK_NAMESPACE:-monitoring}
STACK_CHART=oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack
STACK_VERSION=88.5.3
LOCAL_IMAGE=localhost/scrap:dev

MADE=scrap.dev/made-by=k8s-up # label of what `up` created: `down` removes nothing else

is_there() { kubectl get "$@" >/dev/null 2>&1; }                         # kind name
create_namespace() { # name [label…]: if it does not exist
    is_there namespace "$1" || kubectl create namespace "$1" --dry-run=client -o yaml | kubectl label --local -f - -o yaml "$MADE" "${@:2}" | kubectl create -f -
}
release() { helm list --namespace "$2" --filter "^$1\$" --short "${@:3}"; } # name namespace [flags…]: its name, if it exists
