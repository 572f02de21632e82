"""What an API server may answer, and what becomes of it."""

import asyncio
import time
from pathlib import Path

import httpx2
import kopf
import pytest

from scrap_operator import kube
from scrap_operator.kube import KubeError, NotFound, WriteConflict
from scrap_operator.model import Reference
from tests.unit.operator.api import SCALE, FakeApi

TARGET = Reference("apps/v1", "Deployment", "scrap")


def answering(response: httpx2.Response) -> kube.Kube:
    api = FakeApi()
    api.refuse = lambda method, path: response
    return api.kube()


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotFound), (409, WriteConflict), (403, KubeError), (500, KubeError), (302, KubeError)]
)
async def test_an_error_has_its_status_and_message(status: int, error: type[KubeError]) -> None:
    with pytest.raises(error, match=f"GET .*: {status} no such luck") as raised:
        await answering(httpx2.Response(status, json={"message": "no such luck"})).alert_scalers()
    assert raised.value.status == status


@pytest.mark.parametrize("body", ["404 page not found", "[]", '{"kind": "Status"}'])
async def test_an_error_may_be_no_status_object(body: str) -> None:
    with pytest.raises(NotFound):
        await answering(httpx2.Response(404, text=body)).alert_scalers()


async def test_success_that_is_no_json_is_none() -> None:
    with pytest.raises(KubeError, match="JSON") as raised:
        await answering(httpx2.Response(200, text="<html>")).alert_scalers()
    assert raised.value.status is None


async def test_a_hanging_api_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "TIMEOUT", 0)

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = httpx2.AsyncClient(base_url="https://kubernetes.test", transport=httpx2.MockTransport(hang))
    with pytest.raises(KubeError, match="no response within"):
        await kube.Kube(client, "shop").alert_scalers()


async def test_whether_alert_scalers_are_served() -> None:
    assert await FakeApi().kube().served()
    assert not await answering(httpx2.Response(404, text="404 page not found")).served()
    assert not await answering(httpx2.Response(200, json={"resources": [{"name": "others"}]})).served()


async def test_a_kinds_plural_is_asked_for_once() -> None:
    api = FakeApi()
    cluster = api.kube()
    assert await cluster.replicas(TARGET) == 3
    assert await cluster.replicas(TARGET) == 3
    assert api.asked == [("GET", "/apis/apps/v1"), ("GET", SCALE), ("GET", SCALE)]


@pytest.mark.parametrize("kind", ["ControllerRevision", "Fleet"])
async def test_a_kind_without_a_scale(kind: str) -> None:
    with pytest.raises(NotFound, match="has no scale"):
        await FakeApi().kube().replicas(Reference("apps/v1", kind, "scrap"))


async def test_a_write_over_somebody_elses_is_stale() -> None:
    api = FakeApi()
    cluster = api.kube()
    await cluster.write_replicas(TARGET, 4, instead_of=3)
    with pytest.raises(WriteConflict):
        await cluster.write_replicas(TARGET, 5, instead_of=3)
    assert api.replicas == 4


async def test_a_number_that_the_target_refuses_is_not_stale() -> None:
    api = FakeApi()
    refusal = httpx2.Response(422, json={"message": "spec.replicas should be less than or equal to 3"})
    api.refuse = lambda method, path: refusal if method == "PATCH" else None
    with pytest.raises(KubeError, match="less than or equal") as raised:
        await api.kube().write_replicas(TARGET, 4, instead_of=3)
    assert not isinstance(raised.value, WriteConflict)


async def test_no_replicas_in_a_scale_are_none() -> None:  # the API server omits a zero
    api = FakeApi()
    api.refuse = lambda method, path: httpx2.Response(200, json={"spec": {}}) if path == SCALE else None
    assert await api.kube().replicas(TARGET) == 0


# Logging in.

KUBECONFIG = """
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "https://kubernetes.test"}}]
users: [{name: me, user: {token: TOKEN}}]
"""


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG.replace("TOKEN", "first"))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


async def test_a_renewed_token_is_read_again(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.headers["Authorization"])
        return httpx2.Response(200, json={"items": []})

    def renew() -> None:
        kubeconfig.write_text(KUBECONFIG.replace("TOKEN", "second"))

    transport = httpx2.MockTransport(answer)
    async with kube.new_client(kube.log_in()) as real:
        client = httpx2.AsyncClient(base_url=real.base_url, auth=real.auth, transport=transport)
        cluster = kube.Kube(client, "shop")
        await cluster.alert_scalers()
        renew()
        await cluster.alert_scalers()
        later = time.monotonic() + 61
        monkeypatch.setattr(time, "monotonic", lambda: later)
        await cluster.alert_scalers()
    assert sent == ["Bearer first", "Bearer first", "Bearer second"]


def test_nothing_to_log_in_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kopf.login_with_service_account(settings=kopf.OperatorSettings()) is None
    with pytest.raises(KubeError, match="log in"):
        kube.log_in()
