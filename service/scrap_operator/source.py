"""Polls the alerts API of Alertmanager (v2) or Prometheus (v1).

Whatever goes wrong becomes a `Lost`: refused, timed out, an error status, too long, not the API's JSON.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from scrap_operator.model import Alert, Labels, Lost, Observation, Seen, Source, SourceKind

MAX_BYTES = 32 * 1024 * 1024  # of one answer; 10,000 alerts are about 10 MiB


class _Unreadable(Exception):
    """The answer is not the API's."""


async def poll(client: httpx2.AsyncClient, source: Source) -> Observation:
    """Asks the source for everything that fires. Never raises for what the source does."""
    try:
        async with asyncio.timeout(source.timeout):
            return await _ASK[source.kind](client, source.url)
    except TimeoutError:
        return Lost(f"no answer within {source.timeout} s")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return Lost(f"{type(error).__name__}: {error}".rstrip(": "))
    except _Unreadable as error:
        return Lost(str(error))


def new_client() -> httpx2.AsyncClient:
    """A client for `poll`: no redirects, no proxies from the environment, the poll's own timeout."""
    return httpx2.AsyncClient(timeout=None, trust_env=False, follow_redirects=False)


async def _alertmanager(client: httpx2.AsyncClient, url: str) -> Seen:
    """Alertmanager: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

    Resolved alerts are not in the answer. The uptime is asked last, so that a restart in between shows.
    """
    alerts, now = await _get(client, f"{url}/api/v2/alerts")
    status, later = await _get(client, f"{url}/api/v2/status")
    try:
        return Seen(
            tuple(_alertmanager_alert(alert, now) for alert in alerts),
            _uptime(status["uptime"], later),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} does not answer as Alertmanager does: {error!r}") from error


def _alertmanager_alert(alert: Mapping[str, Any], now: datetime) -> Alert:
    """An alert; fresh while it is in the first half of the time for which its sender vouched for it.

    Prometheus sends a firing alert again after a minute or an evaluation's interval, whichever is longer, and vouches
    for it for four times as long: the half is past only when two repetitions are missing.
    """
    updated, ends = datetime.fromisoformat(alert["updatedAt"]), datetime.fromisoformat(alert["endsAt"])
    return Alert(
        labels=_labels(alert["labels"]),
        silenced=bool(alert["status"]["silencedBy"]),
        fresh=now - updated <= (ends - updated) / 2,
    )


async def _prometheus(client: httpx2.AsyncClient, url: str) -> Seen:
    """Prometheus: https://prometheus.io/docs/prometheus/latest/querying/api/#alerts"""
    alerts, _ = await _get(client, f"{url}/api/v1/alerts")
    runtime, later = await _get(client, f"{url}/api/v1/status/runtimeinfo")
    try:
        return Seen(
            tuple(Alert(_labels(alert["labels"])) for alert in alerts["data"]["alerts"] if alert["state"] == "firing"),
            _uptime(runtime["data"]["startTime"], later),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} does not answer as Prometheus does: {error!r}") from error


_ASK = {SourceKind.ALERTMANAGER: _alertmanager, SourceKind.PROMETHEUS: _prometheus}


async def _get(client: httpx2.AsyncClient, url: str) -> tuple[Any, datetime]:
    """The JSON of an answer, and when its sender says that it sent it: ages are measured by one clock."""
    body = bytearray()
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
        if answer.status_code != httpx2.codes.OK:
            raise _Unreadable(f"{url} answered {answer.status_code}")
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise _Unreadable(f"{url} answered more than {MAX_BYTES} bytes")
    try:
        return json.loads(body), parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise _Unreadable(f"{url} answered no JSON") from error


def _labels(labels: Any) -> Labels:
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise TypeError(f"{labels!r} are no labels")
    return labels


def _uptime(started: str, now: datetime) -> int:
    """Whole seconds; less than none of a clock that was set back is none."""
    return max(0, int((now - datetime.fromisoformat(started)).total_seconds()))
