"""The Kubernetes API, as little of it as the Role grants: one method, one request.

kopf watches; these requests have an HTTP client of their own: kopf's is no public interface, and its retries (up to a
minute) do not suit a loop with a period. Its log-in is public, and both use it.
"""

import asyncio
import platform
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import httpx2
import kopf

from scrap_operator.manifest import GROUP, KIND, PLURAL, VERSION, Body
from scrap_operator.model import Reference

MANAGER = "scrap-operator"  # the field manager of spec.replicas
TIMEOUT = 10  # seconds for one request as a whole
NOTE = 1024  # bytes of an Event's note that the API server takes
_TOKEN_LIFE = 60  # seconds after which a token is read again: the kubelet renews the file


class KubeError(Exception):
    """A request to the API server failed.

    Args:
        message: the request and the response's message.
        status: its HTTP status; None where there was no response.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NotFound(KubeError):
    """There is no such thing (404)."""


class WriteConflict(KubeError):
    """Another client wrote first."""


def log_in() -> kopf.ConnectionInfo:
    """The pod's service account, or else the kubeconfig.

    Raises:
        KubeError: there is neither.
    """
    settings = kopf.OperatorSettings()
    login = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if login is None:
        raise KubeError("neither a service account nor a kubeconfig to log in with")
    return login


class _Bearer(httpx2.Auth):
    """Sends the log-in's token, read again now and then."""

    def __init__(self, login: kopf.ConnectionInfo) -> None:
        self._headers = login.as_http_headers()
        self._read_at = time.monotonic()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """See httpx2.Auth."""
        if time.monotonic() - self._read_at > _TOKEN_LIFE:
            self._headers = log_in().as_http_headers()
            self._read_at = time.monotonic()
        request.headers.update(self._headers)
        yield request


def new_client(login: kopf.ConnectionInfo) -> httpx2.AsyncClient:
    """A client for `Kube`."""
    return httpx2.AsyncClient(
        base_url=login.server,
        verify=login.as_ssl_context(),
        auth=_Bearer(login),
        timeout=TIMEOUT,
        trust_env=False,
        headers={"User-Agent": MANAGER, "Accept": "application/json"},
    )


class Kube:
    """The operator's requests in one namespace. Every method raises `KubeError`."""

    def __init__(self, client: httpx2.AsyncClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._plurals: dict[tuple[str, str], str] = {}

    async def served(self) -> bool:
        """Whether the API server has the CRD of AlertScalers."""
        try:
            resources = await self._request("GET", f"/apis/{GROUP}/{VERSION}")
        except NotFound:
            return False
        return any(resource["name"] == PLURAL for resource in resources["resources"])

    async def alert_scalers(self) -> list[Body]:
        """All of the namespace."""
        items: list[Body] = (await self._request("GET", self._scalers()))["items"]
        return items

    async def horizontal_autoscalers(self) -> list[Body]:
        """All of the namespace; KEDA's ScaledObjects show as such, too."""
        path = f"/apis/autoscaling/v2/namespaces/{self._namespace}/horizontalpodautoscalers"
        items: list[Body] = (await self._request("GET", path))["items"]
        return items

    async def replicas(self, target: Reference) -> int:
        """Reads how many replicas a target's spec asks for, from its scale subresource.

        See https://kubernetes.io/docs/reference/kubernetes-api/autoscaling/scale-v1/
        """
        scale = await self._request("GET", await self._scale_path(target))
        return int(scale["spec"].get("replicas", 0))

    async def write_replicas(self, target: Reference, replicas: int, *, instead_of: int) -> None:
        """Writes how many replicas a target's spec asks for, if they are still what was read: RFC 6902, section 4.6.

        A resourceVersion would be too strict: a target's own controller writes its status, many times while pods start.

        Raises:
            WriteConflict: they are not.
        """
        patch = [
            {"op": "test", "path": "/spec/replicas", "value": instead_of},
            {"op": "replace", "path": "/spec/replicas", "value": replicas},
        ]
        try:
            await self._patch(await self._scale_path(target), patch, "json-patch")
        except KubeError as error:
            # A failed test and a number that the target's own schema rejects have the same status.
            if error.status != 422 or await self.replicas(target) == instead_of:
                raise
            raise WriteConflict(str(error), error.status) from error

    async def write_status(self, name: str, status: Body) -> None:
        """Merges into an AlertScaler's status."""
        await self._patch(f"{self._scalers()}/{name}/status", {"status": status}, "merge-patch")

    async def create_event(self, about: Body, reason: str, note: str, *, type: str, action: str) -> str:  # noqa: A002 - the API's name
        """Creates an Event about an AlertScaler, and returns its name.

        See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
        """
        metadata = about["metadata"]
        event = {
            "metadata": {"generateName": f"{metadata['name']}-", "namespace": self._namespace},
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "name": metadata["name"],
                "namespace": self._namespace,
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": type,
            "reason": reason,
            "action": action,
            "note": note.encode()[:NOTE].decode(errors="ignore"),
            "eventTime": _micro_time(),
            "reportingController": MANAGER,
            "reportingInstance": platform.node() or MANAGER,
        }
        created = await self._request("POST", self._events(), json=event)
        return str(created["metadata"]["name"])

    async def repeat_event(self, name: str, count: int) -> None:
        """Writes how often an Event has occurred, and that it did so now.

        Raises:
            NotFound: it has expired: the API server keeps events for an hour.
        """
        series = {"count": count, "lastObservedTime": _micro_time()}
        await self._patch(f"{self._events()}/{name}", {"series": series}, "merge-patch")

    def _events(self) -> str:
        return f"/apis/events.k8s.io/v1/namespaces/{self._namespace}/events"

    def _scalers(self) -> str:
        return f"/apis/{GROUP}/{VERSION}/namespaces/{self._namespace}/{PLURAL}"

    async def _scale_path(self, target: Reference) -> str:
        """The path of a target's scale; the plural of its kind is discovered once.

        Raises:
            NotFound: its kind is unknown, or has no scale.
        """
        group = f"/apis/{target.api_version}" if "/" in target.api_version else f"/api/{target.api_version}"
        key = target.api_version, target.kind
        if key not in self._plurals:
            resources = (await self._request("GET", group))["resources"]
            names = {resource["name"] for resource in resources}
            plurals = [r["name"] for r in resources if r["kind"] == target.kind and f"{r['name']}/scale" in names]
            if not plurals:
                raise NotFound(f"{target.api_version} {target.kind} has no scale", 404)
            self._plurals[key] = plurals[0]
        return f"{group}/namespaces/{self._namespace}/{self._plurals[key]}/{target.name}/scale"

    async def _patch(self, path: str, patch: object, form: str) -> None:
        await self._request(
            "PATCH",
            f"{path}?fieldManager={MANAGER}",
            json=patch,
            headers={"Content-Type": f"application/{form}+json"},
        )

    async def _request(self, method: str, path: str, **more: Any) -> Any:
        request = f"{method} {path.partition('?')[0]}"
        try:
            async with asyncio.timeout(TIMEOUT):
                response = await self._client.request(method, path, **more)
            if response.is_success:
                return response.json()
        except TimeoutError:
            raise KubeError(f"{request}: no response within {TIMEOUT} s") from None
        except (httpx2.HTTPError, ValueError) as error:
            raise KubeError(f"{request}: {type(error).__name__} {error}".rstrip()) from error
        kinds = {404: NotFound, 409: WriteConflict}
        raise kinds.get(response.status_code, KubeError)(f"{request}: {_problem(response)}", response.status_code)


def _micro_time() -> str:
    """Now, as the type MicroTime of Kubernetes."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _problem(response: httpx2.Response) -> str:
    """The message of a failed response: a Status object's, or its text where it is none."""
    try:
        message = response.json()["message"]
    except (KeyError, TypeError, ValueError):
        message = response.text[:200].strip()
    return f"{response.status_code} {message}"
