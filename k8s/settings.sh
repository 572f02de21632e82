# Names and versions that up and down share; sourced by both.
# shellcheck shell=bash disable=SC2034
CLUSTER_NAME=${CLUSTER_NAME:-scrap} # of a cluster of our own
NAMESPACE=${NAMESPACE:-scrap}
STACK_NAMESPACE=${STACK_NAMESPACE:-monitoring}
STACK_CHART=oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack
STACK_VERSION=88.5.3
LOCAL_IMAGE=localhost/scrap:dev
