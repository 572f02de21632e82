"""As much of an API server as the operator asks for, in memory."""

import json
from collections.abc import Callable
from typing import Any

import httpx2

from scrap_operator import kube

Json = dict[str, Any]
NAMESPACE = "shop"
SCALERS = f"/apis/scaling.scrap.dev/v1alpha1/namespaces/{NAMESPACE}/alertscalers"
HPAS = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"
SCALE = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/scrap/scale"
EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"

DEPLOYMENTS = [
    {"name": "deployments", "kind": "Deployment"},
    {"name": "deployments/scale", "kind": "Scale"},
    {"name": "controllerrevisions", "kind": "ControllerRevision"},
]


def alert_scaler(name: str = "scrap", target: str = "scrap", **spec: Any) -> Json:
    """One that asks http://alertmanager.test."""
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-of-{name}",
            "generation": 1,
            "resourceVersion": "1",
        },
        "spec": {
            "scaleTargetRef": {"name": target},
            "minReplicas": 1,
            "maxReplicas": 9,
            "source": {"url": "http://alertmanager.test"},
            "rules": [
                {"name": "saturated", "matchers": {"alertname": "Saturated"}, "effect": "ScaleUp", "step": 2},
                {"name": "hold", "matchers": {"alertname": "Hold"}, "effect": "Hold"},
            ],
        }
        | spec,
    }


class FakeApi:
    """Answers requests; `refuse` may answer first."""

    def __init__(self, *scalers: Json, replicas: int | None = 3) -> None:
        self.scalers = {scaler["metadata"]["name"]: scaler for scaler in scalers}
        self.hpas: list[Json] = []
        self.replicas = replicas
        self.events: list[Json] = []
        self.asked: list[tuple[str, str]] = []
        self.headers: list[httpx2.Headers] = []
        self.refuse: Callable[[str, str], httpx2.Response | None] = lambda method, path: None

    def kube(self) -> kube.Kube:
        """The operator's client, talking to this."""
        client = httpx2.AsyncClient(base_url="https://kubernetes.test", transport=httpx2.MockTransport(self._answer))
        return kube.Kube(client, NAMESPACE)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        method, path = request.method, request.url.path
        self.asked.append((method, path))
        self.headers.append(request.headers)
        refused = self.refuse(method, path)
        if refused is not None:
            return refused
        body = json.loads(request.content) if request.content else None
        status, answer = self.answer(method, path, body)
        return httpx2.Response(status, json=answer)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Json]:
        """An answer's status and JSON."""
        match method, path:
            case "GET", "/apis/scaling.scrap.dev/v1alpha1":
                return 200, {"resources": [{"name": "alertscalers", "kind": "AlertScaler"}]}
            case "GET", "/apis/apps/v1":
                return 200, {"resources": DEPLOYMENTS}
            case "GET", path if path == SCALERS:
                return 200, {"items": list(self.scalers.values())}
            case "GET", path if path == HPAS:
                return 200, {"items": self.hpas}
            case (("GET" | "PATCH"), path) if path == SCALE and self.replicas is not None:
                return self._scale(body)
            case "PATCH", path if path.startswith(f"{SCALERS}/"):
                return self._status(path.split("/")[-2], body)
            case "POST", path if path == EVENTS:
                name = f"{body['metadata'].pop('generateName')}{len(self.events)}"
                self.events.append(merged(body, {"metadata": {"name": name}}))
                return 201, self.events[-1]
            case "PATCH", path if path.startswith(f"{EVENTS}/"):
                return self._event(path.split("/")[-1], body)
        return 404, {"message": "the server could not find the requested resource"}

    def _scale(self, patch: list[Json] | None) -> tuple[int, Json]:
        for step in patch or []:
            assert step["path"] == "/spec/replicas"
            if step["op"] == "test" and step["value"] != self.replicas:
                return 422, {"message": "the server rejected our request due to an error in our request"}
            self.replicas = step["value"]
        return 200, {"spec": {"replicas": self.replicas}}

    def _event(self, name: str, patch: Json) -> tuple[int, Json]:
        for event in self.events:
            if event["metadata"]["name"] == name:
                event.update(patch)
                return 200, event
        return 404, {"message": "not found"}

    def _status(self, name: str, patch: Json) -> tuple[int, Json]:
        if name not in self.scalers:
            return 404, {"message": "not found"}
        self.scalers[name]["status"] = merged(self.scalers[name].get("status", {}), patch["status"])
        return 200, self.scalers[name]


def merged(old: Json, patch: Json) -> Json:
    """RFC 7396."""
    new = dict(old)
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = merged(old.get(name, {}), value) if isinstance(value, dict) else value
    return new
