"""Polls the alerts API of Alertmanager (v2) or Prometheus (v1).

Whatever goes wrong becomes a `PollFailed`: refused, timed out, an error status, too long, not the API's JSON.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx2
import orjson

from scrap_operator.model import Alert, Labels, Observation, PollFailed, PollResult, Source, SourceKind

# Of one response; an alert has about 1 KiB with 40 commas and brackets. Both bound what it takes to read one: the
# smallest values are 20 times as large in memory as on the wire, and there is at most one more of them than of marks.
MAX_BYTES = 4 * 1024 * 1024
MAX_MARKS = 250_000


class _Unreadable(Exception):
    """The response is not the API's."""


class _JsonResponse(NamedTuple):
    """A response's JSON.

    Attributes:
        sent: its Date header: ages are measured by one clock.
        connection: what it came over.
    """

    content: Any
    sent: datetime
    connection: object


async def poll(client: httpx2.AsyncClient, source: Source, names: Sequence[str] = ()) -> Observation:
    """Polls the source for the alerts that fire. Never raises for what the source does.

    Args:
        names: of the alerts that matter; none: all do. Alertmanager sends no others.
    """
    try:
        async with asyncio.timeout(source.timeout):
            if source.kind is SourceKind.PROMETHEUS:
                return await _prometheus(client, source.url)
            return await _alertmanager(client, source.url, names)
    except TimeoutError:
        return PollFailed(f"no response within {source.timeout} s")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return PollFailed(f"{type(error).__name__}: {error}".rstrip(": "))
    except _Unreadable as error:
        return PollFailed(str(error))


def poller() -> Callable[[Source, Sequence[str]], Awaitable[Observation]]:
    """Gives a `poll` that has a connection of its own each time: from a common pool two would take each other's."""
    tls = httpx2.create_ssl_context(trust_env=False)

    async def poll_once(source: Source, names: Sequence[str]) -> Observation:
        async with new_client(tls) as client:
            return await poll(client, source, names)

    return poll_once


def new_client(tls: ssl.SSLContext | bool = True) -> httpx2.AsyncClient:
    """A client for `poll`: no redirects, no proxies from the environment, the poll's own timeout."""
    return httpx2.AsyncClient(verify=tls, timeout=None, trust_env=False, follow_redirects=False)


async def _alertmanager(client: httpx2.AsyncClient, url: str, names: Sequence[str]) -> PollResult:
    """Alertmanager: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

    Resolved alerts are not in the response. The uptime is read last, so that a restart in between shows, and must come
    over the same connection: behind one Service there may be several, of which one may have just restarted.
    """
    wanted = {"filter": f"alertname=~{_quoted('|'.join(map(re.escape, names)))}"} if names else {}
    alerts = await _get(client, f"{url}/api/v2/alerts", wanted)
    status = await _get(client, f"{url}/api/v2/status")
    if alerts.connection is not status.connection:
        raise _Unreadable(f"{url} closed the connection in the middle")
    try:
        return PollResult(
            tuple(_alertmanager_alert(alert, alerts.sent) for alert in alerts.content),
            _uptime(status.content["uptime"], status.sent),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} does not respond as Alertmanager does: {error!r}") from error


def _alertmanager_alert(alert: Mapping[str, Any], now: datetime) -> Alert:
    """An alert; fresh in the first half of the time until its sender lets it end.

    Prometheus sends a firing alert again at the first evaluation more than a minute after the last time, which is
    every 75 s for evaluations every 15 s, 90 s for 30 s and 120 s for 60 s, and sets its end 240 s ahead. Half of that
    lies between two bounds: a living sender's repetition comes before it, and a dead sender's other alerts, sent up to
    one repetition earlier, end after it. With evaluations a minute or more apart, no time is left between the two.
    """
    updated, ends = datetime.fromisoformat(alert["updatedAt"]), datetime.fromisoformat(alert["endsAt"])
    return Alert(
        labels=_labels(alert["labels"]),
        silenced=bool(alert["status"]["silencedBy"]),
        fresh=now - updated < (ends - updated) / 2,
    )


async def _prometheus(client: httpx2.AsyncClient, url: str) -> PollResult:
    """Prometheus: https://prometheus.io/docs/prometheus/latest/querying/api/#alerts"""
    alerts = (await _get(client, f"{url}/api/v1/alerts")).content
    runtime = await _get(client, f"{url}/api/v1/status/runtimeinfo")
    try:
        return PollResult(
            tuple(Alert(_labels(alert["labels"])) for alert in alerts["data"]["alerts"] if alert["state"] == "firing"),
            _uptime(runtime.content["data"]["startTime"], runtime.sent),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} does not respond as Prometheus does: {error!r}") from error


async def _get(client: httpx2.AsyncClient, url: str, query: Mapping[str, str] | None = None) -> _JsonResponse:
    body = bytearray()
    async with client.stream("GET", url, params=query, headers={"Accept": "application/json"}) as response:
        if response.status_code != httpx2.codes.OK:
            raise _Unreadable(f"{url} answered {response.status_code}")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise _Unreadable(f"{url} answered more than {MAX_BYTES} bytes")
    if sum(body.count(mark) for mark in b",[{") > MAX_MARKS:
        raise _Unreadable(f"{url} answered more than {MAX_MARKS} values")
    try:
        sent = parsedate_to_datetime(response.headers["Date"])
        return _JsonResponse(orjson.loads(body), sent, response.extensions["network_stream"])
    except (KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} answered no JSON") from error


def _quoted(text: str) -> str:
    """A matcher's value: https://prometheus.io/docs/alerting/latest/configuration/#matcher"""
    return orjson.dumps(text).decode()


def _labels(labels: Any) -> Labels:
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise TypeError(f"{labels!r} are no labels")
    return labels


def _uptime(started: str, now: datetime) -> int:
    """Whole seconds; less than none of a clock that was set back is none."""
    return max(0, int((now - datetime.fromisoformat(started)).total_seconds()))
