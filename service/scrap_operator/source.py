"""Polls the alerts API of Alertmanager (v2) or Prometheus (v1).

Whatever goes wrong becomes a `Lost`: refused, timed out, an error status, too long, not the API's JSON.
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

from scrap_operator.model import Alert, Labels, Lost, Observation, Seen, Source, SourceKind

# Of one answer, an alert being about 1 KiB with 40 commas and brackets. Together they bound what reading it takes: the
# smallest values are 20 times as large in memory as on the wire, and there is at most one more of them than of marks.
MAX_BYTES = 4 * 1024 * 1024
MAX_MARKS = 250_000


class _Unreadable(Exception):
    """The answer is not the API's."""


class _Answer(NamedTuple):
    """An answer's JSON.

    Attributes:
        sent: when its sender says that it sent it: ages are measured by one clock.
        connection: what it came over.
    """

    content: Any
    sent: datetime
    connection: object


async def poll(client: httpx2.AsyncClient, source: Source, names: Sequence[str] = ()) -> Observation:
    """Asks the source for what fires. Never raises for what the source does.

    Args:
        names: of the alerts that matter; none: all do. Alertmanager is asked for no others.
    """
    try:
        async with asyncio.timeout(source.timeout):
            if source.kind is SourceKind.PROMETHEUS:
                return await _prometheus(client, source.url)
            return await _alertmanager(client, source.url, names)
    except TimeoutError:
        return Lost(f"no answer within {source.timeout} s")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return Lost(f"{type(error).__name__}: {error}".rstrip(": "))
    except _Unreadable as error:
        return Lost(str(error))


def poller() -> Callable[[Source, Sequence[str]], Awaitable[Observation]]:
    """Gives a `poll` that has a connection of its own each time: from a common pool two would take each other's."""
    tls = httpx2.create_ssl_context(trust_env=False)

    async def ask(source: Source, names: Sequence[str]) -> Observation:
        async with new_client(tls) as client:
            return await poll(client, source, names)

    return ask


def new_client(tls: ssl.SSLContext | bool = True) -> httpx2.AsyncClient:
    """A client for `poll`: no redirects, no proxies from the environment, the poll's own timeout."""
    return httpx2.AsyncClient(verify=tls, timeout=None, trust_env=False, follow_redirects=False)


async def _alertmanager(client: httpx2.AsyncClient, url: str, names: Sequence[str]) -> Seen:
    """Alertmanager: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

    Resolved alerts are not in the answer. The uptime is asked last, so that a restart in between shows, and must come
    over the same connection: behind one Service there may be several, of which one has just forgotten everything.
    """
    wanted = {"filter": f"alertname=~{_quoted('|'.join(map(re.escape, names)))}"} if names else {}
    alerts = await _get(client, f"{url}/api/v2/alerts", wanted)
    status = await _get(client, f"{url}/api/v2/status")
    if alerts.connection is not status.connection:
        raise _Unreadable(f"{url} closed the connection in the middle")
    try:
        return Seen(
            tuple(_alertmanager_alert(alert, alerts.sent) for alert in alerts.content),
            _uptime(status.content["uptime"], status.sent),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} does not answer as Alertmanager does: {error!r}") from error


def _alertmanager_alert(alert: Mapping[str, Any], now: datetime) -> Alert:
    """An alert; fresh while it is in the first half of the time for which its sender vouched for it.

    Prometheus sends a firing alert again at the first evaluation more than a minute after the last time, which is
    every 75 s for evaluations every 15 s, 90 s for 30 s and 120 s for 60 s, and vouches for it for 240 s. Half of that
    lies between two bounds: a living sender's repetition comes before it, and a dead sender's other alerts, sent up to
    one repetition earlier, end after it. Evaluations a minute or more apart leave no room between the two.
    """
    updated, ends = datetime.fromisoformat(alert["updatedAt"]), datetime.fromisoformat(alert["endsAt"])
    return Alert(
        labels=_labels(alert["labels"]),
        silenced=bool(alert["status"]["silencedBy"]),
        fresh=now - updated < (ends - updated) / 2,
    )


async def _prometheus(client: httpx2.AsyncClient, url: str) -> Seen:
    """Prometheus: https://prometheus.io/docs/prometheus/latest/querying/api/#alerts"""
    alerts = (await _get(client, f"{url}/api/v1/alerts")).content
    runtime = await _get(client, f"{url}/api/v1/status/runtimeinfo")
    try:
        return Seen(
            tuple(Alert(_labels(alert["labels"])) for alert in alerts["data"]["alerts"] if alert["state"] == "firing"),
            _uptime(runtime.content["data"]["startTime"], runtime.sent),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} does not answer as Prometheus does: {error!r}") from error


async def _get(client: httpx2.AsyncClient, url: str, query: Mapping[str, str] | None = None) -> _Answer:
    body = bytearray()
    async with client.stream("GET", url, params=query, headers={"Accept": "application/json"}) as answer:
        if answer.status_code != httpx2.codes.OK:
            raise _Unreadable(f"{url} answered {answer.status_code}")
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise _Unreadable(f"{url} answered more than {MAX_BYTES} bytes")
    if sum(body.count(mark) for mark in b",[{") > MAX_MARKS:
        raise _Unreadable(f"{url} answered more than {MAX_MARKS} values")
    try:
        sent = parsedate_to_datetime(answer.headers["Date"])
        return _Answer(orjson.loads(body), sent, answer.extensions["network_stream"])
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
