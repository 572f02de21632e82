"""The chart, rendered: for the tests that read its objects."""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "charts" / "scrap"
NAMESPACE = "demo"
CACHE = Path(os.environ.get("SCRAP_CLUSTER_CACHE", Path.home() / ".cache" / "scrap-cluster"))  # the tests' cluster's

Object: TypeAlias = dict[str, Any]

# What a cluster with kube-prometheus-stack says it knows.
MONITORING = (
    "monitoring.coreos.com/v1/Prometheus",
    "monitoring.coreos.com/v1/PrometheusRule",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1alpha1/AlertmanagerConfig",
)
# The same, as it is usually given to `helm template --api-versions`.
VERSIONS = ("monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1")

# A container and an object that users of the chart add.
RESTRICTED: Object = {
    "image": "localhost/scrap:dev",
    "resources": {
        name: {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Mi"} for name in ("requests", "limits")
    },
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "runAsUser": 65532,
        "runAsGroup": 65532,
    },
}
EXTRA: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "{{ include `scrap.fullname` . }}-extra",
        "namespace": "{{ .Release.Namespace }}",
        "labels": {
            "app.kubernetes.io/instance": "{{ .Release.Name }}",
            "app.kubernetes.io/managed-by": "{{ .Release.Service }}",
        },
    },
    "data": {"port": "{{ .Values.service.port }}"},
}

# One set of values for every switch of the chart: each has to render, and the API server has to take what it renders.
MATRIX: dict[str, Object] = {
    "as it comes": {},
    "a digest and pull secrets": {
        "image": {"digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "registry"}],
    },
    "every name replaced": {"nameOverride": "og", "fullnameOverride": "previews", "commonLabels": {"team": "web"}},
    "settings": {"config": {"deadline": 2.5, "maxRedirects": 0, "allowedNetworks": ["10.9.0.0/16"], "cacheMin": None}},
    "addresses at the usual ports": {"config": {"allowedNetworks": ["10.9.0.5", "fd00::5"], "allowedPorts": None}},
    "secrets": {"secrets": {"sentryDsn": {"name": "sentry"}, "cacheUrl": {"name": "cache", "key": "url"}}},
    "another command": {"command": ["python", "-m", "scrap", "serve"]},
    "a port on every node": {"service": {"type": "NodePort", "nodePort": 30080}},
    "labels of ours given twice": {
        "commonLabels": {"release": "other", "app.kubernetes.io/name": "other"},
        "podLabels": {"app.kubernetes.io/component": "other"},
    },
    "more of everything": {
        "extraEnv": [{"name": "OTEL_SERVICE_NAME", "value": "scrap"}],
        "extraEnvFrom": [{"secretRef": {"name": "more", "optional": True}}],
        "extraVolumes": [{"name": "tmp", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - inside the container
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "deploymentAnnotations": {"e": "f"},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [],
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
    },
    "a load balancer on two stacks": {
        "listenAddress": "::",
        "service": {
            "type": "LoadBalancer",
            "nodePort": 30080,
            "ipFamilyPolicy": "PreferDualStack",
            "trafficDistribution": "PreferClose",
            "annotations": {"a": "b"},
        },
    },
    "an autoscaler by saturation": {
        "autoscaling": {
            "enabled": True,
            "targetCPUUtilizationPercentage": None,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": "scrap_admission_saturation_ratio"},
                        "target": {"type": "AverageValue", "averageValue": "700m"},
                    },
                }
            ],
        }
    },
    "replicas that something else sets": {"replicaCount": None},
    "a mirror of every registry": {"global": {"imageRegistry": "mirror.example:5000", "other": {"of": "a parent"}}},
    "a mirror of the image": {"image": {"registry": "mirror.example/cache", "repository": "registry.example/a/scrap"}},
    "documents of a release": {"documentation": "https://example.org/scrap/v1/docs/", "image": {"tag": "1.0.0"}},
    "containers before and beside": {
        "initContainers": [RESTRICTED | {"name": "before", "command": ["true"]}],
        "extraContainers": [RESTRICTED | {"name": "beside", "command": ["sleep", "600"]}],
        "extraVolumes": [{"name": "shared", "emptyDir": {}}],
    },
    "objects of somebody else": {"extraObjects": [EXTRA, json.dumps(EXTRA).replace("-extra", "-text")]},
    "a load balancer of a class": {
        "service": {
            "type": "LoadBalancer",
            "labels": {"team": "web", "app.kubernetes.io/component": "other"},
            "loadBalancerClass": "example.org/internal",
            "externalTrafficPolicy": "Local",
        }
    },
    "an operator with a pod of its own form": {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "operator": {
            "enabled": True,
            "alertScaler": {"create": False},
            "podLabels": {"a": "b", "app.kubernetes.io/component": "other"},
            "podAnnotations": {"c": "d"},
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [],
            "affinity": {"podAntiAffinity": {}},
        },
    },
    "an ingress as helm create has it": {
        "ingress": {
            "enabled": True,
            "hosts": [
                "plain.local",
                {"host": "one.local"},
                {"host": "two.local", "paths": [{"path": "/api", "pathType": "Exact"}, {"path": "/openapi.json"}]},
            ],
        }
    },
    "no CRD": {"crds": {"install": False, "upgrade": True, "keep": False}},
    "a CRD that goes": {"crds": {"keep": False}},
    "an autoscaler": {"autoscaling": {"enabled": True, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}},
    "an operator without its object": {"operator": {"enabled": True, "alertScaler": {"create": False}}},
    "an ingress": {
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"a": "b"},
            "tls": [{"secretName": "tls", "hosts": ["scrap.local"]}],
        }
    },
    "a network policy that names its callers": {
        "networkPolicy": {
            "ingress": {"http": [{"podSelector": {}}]},
            "egress": {"extra": [{"to": [{"podSelector": {}}], "ports": [{"port": 6379}]}]},
        }
    },
    "a network policy for OpenShift, with metrics for everybody": {
        "networkPolicy": {
            "ingress": {"management": []},
            "egress": {"dns": {"to": [{"namespaceSelector": {}}], "ports": [5353]}},
        },
        "podSecurityContext": {"runAsUser": None, "runAsGroup": None},
    },
    "a page outside for the test": {"tests": {"url": "https://ogp.me/"}},
    "nothing that can be left out": {
        "serviceAccount": {"create": False},
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "monitoring": {
            **{name: {"enabled": False} for name in ("serviceMonitor", "dashboards", "prometheusRule")},
            "alertmanagerConfig": {"enabled": False},
            "lookup": False,
        },
    },
}

# What needs kinds that a bare cluster does not know.
MATRIX_OF_KINDS: dict[str, Object] = {
    "a route": {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["scrap.local"]}},
    "an operator": {
        "operator": {
            "enabled": True,
            "alertScaler": {"maxReplicas": 4, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}},
        },
        "monitoring": {"serviceMonitor": {"enabled": True}},
    },
    "an operator whose CRD is brought up to date": {"operator": {"enabled": True}, "crds": {"upgrade": True}},
    "an alert test": {
        "tests": {"alerts": {"enabled": True, "alertmanagerUrl": "http://alertmanager.monitoring.svc:9093"}},
        "monitoring": {"lookup": False},
    },
    "no node alerts but that of growth": {
        "monitoring": {"prometheusRule": {"enabled": True, "groups": {"nodes": False, "diskGrowth": True}}}
    },
    "no alert of growth": {"monitoring": {"prometheusRule": {"enabled": True, "groups": {"diskGrowth": False}}}},
    "an operator with rules of its own": {
        "operator": {
            "enabled": True,
            "alertScaler": {
                "mode": "DryRun",
                "source": {"kind": "Prometheus", "url": "http://prometheus.example:9090"},
                "rules": [{"name": "busy", "matchers": {"alertname": "Busy"}, "effect": "ScaleUp", "step": 2}],
            },
        }
    },
    "alerts, told at work and not by Slack alone": {
        "monitoring": {
            "prometheusRule": {"enabled": True, "labels": {"release": "other"}},
            "alertmanagerConfig": {
                "enabled": True,
                "critical": {"also": {"pagerdutyConfigs": [{"routingKey": {"name": "pagerduty", "key": "key"}}]}},
                "warning": {"hours": {"enabled": True}},
                "info": {"enabled": True},
            },
        }
    },
    **{
        f"rules without those of {group}": {
            "monitoring": {"prometheusRule": {"enabled": True, "groups": {group: False}}}
        }
        for group in ("service", "web", "scaling", "nodes", "alertpath", "dashboards")
    },
    "alerts without Slack": {"monitoring": {"alertmanagerConfig": {"enabled": True, "slack": {"enabled": False}}}},
    "dashboards in a folder": {
        "monitoring": {"dashboards": {"enabled": True, "annotations": {"grafana_folder": "scrap"}}}
    },
    "a Prometheus that nobody has to look for": {
        "monitoring": {
            "serviceMonitor": {"enabled": True},
            "lookup": False,
            "prometheusUrl": "http://prometheus.monitoring.svc:9090",
        }
    },
    "a service monitor": {
        "monitoring": {
            "serviceMonitor": {
                "enabled": True,
                "interval": "15s",
                "scrapeTimeout": "5s",
                "relabelings": [{"action": "labeldrop", "regex": "pod_template_hash"}],
                "metricRelabelings": [{"action": "labeldrop", "regex": "le"}],
            }
        }
    },
}


def no_cluster() -> str:
    """Why there is no cluster to test on; empty where there is one.

    Somebody's own cluster is none, unless SCRAP_CLUSTER_TESTS says so: these tests define kinds and drain nodes.
    """
    kubeconfig = os.environ.get("KUBECONFIG")
    if kubeconfig and (CACHE in Path(kubeconfig).parents or os.environ.get("SCRAP_CLUSTER_TESTS") == "required"):
        return ""
    return "no cluster for tests here: make test-cluster makes one"


def skip_where_tools_are_missing(items: list[pytest.Item]) -> None:
    """Skips a test that is marked with tools which are not here: `pytestmark = pytest.mark.needs("helm")`."""
    for item in items:
        missing = [name for mark in item.iter_markers("needs") for name in mark.args if not tool(name)]
        if missing:
            item.add_marker(pytest.mark.skip(f"no {', '.join(missing)} here: this is tested where the tools are"))


def tool(name: str) -> str | None:
    """Where a cluster tool is: on the PATH, or where the cluster's set-up puts it."""
    return shutil.which(name) or shutil.which(name, path=CACHE / "bin")


class ChartError(Exception):
    """Helm refuses to render; its own words."""


def template(values: Object, *, knows: Sequence[str] = (), helm: str = "helm", release: str = "scrap") -> str:
    """`helm template`, as text.

    Args:
        values: what differs from values.yaml.
        knows: what the cluster knows, as group/version/Kind or group/version.
        helm: helm or helm3.
        release: its name.

    Raises:
        ChartError: the values are refused.
    """
    return _template(json.dumps(values), tuple(knows), helm, release)


@functools.cache
def _template(values: str, knows: tuple[str, ...], helm: str, release: str) -> str:
    program = tool(helm)
    assert program, f"no {helm}"
    command = [program, "template", release, str(CHART), "--namespace", NAMESPACE, "--kube-version", "1.34.0"]
    for kind in knows:
        command += ["--api-versions", kind]
    done = subprocess.run([*command, "--values", "-"], input=values, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ChartError(done.stderr)
    return done.stdout


def render(values: Object, *, knows: Sequence[str] = (), helm: str = "helm", release: str = "scrap") -> list[Object]:
    """The objects that these values give, `helm test`'s pods included. See `template`."""
    text = template(values, knows=knows, helm=helm, release=release)
    return [item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]


def is_hook(item: Object) -> bool:
    """Is it applied by `helm test` or before an upgrade alone?"""
    return "helm.sh/hook" in (item["metadata"].get("annotations") or {})


def one(objects: Sequence[Object], kind: str, name: str = "scrap") -> Object:
    """The object of this kind and name."""
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    assert len(found) == 1, [(item["kind"], item["metadata"]["name"]) for item in objects]
    return found[0]


def component_of(item: Object) -> str:
    """Which part an object or a pod belongs to: service, management, operator, crd or test."""
    component: str = item["metadata"]["labels"]["app.kubernetes.io/component"]
    return component


def pods_of(objects: Sequence[Object]) -> list[Object]:
    """Every pod that these objects give, those of `helm test` as well."""
    templates = [item["spec"]["template"] for item in objects if item["kind"] in {"Deployment", "Job"}]
    return [*templates, *(item for item in objects if item["kind"] == "Pod")]


def pod_of(objects: Sequence[Object]) -> Object:
    """The service's pod template."""
    (template,) = [item for item in pods_of(objects) if component_of(item) == "service"]
    return template


def container_of(objects: Sequence[Object]) -> Object:
    """The service's container."""
    container: Object = pod_of(objects)["spec"]["containers"][0]
    return container
