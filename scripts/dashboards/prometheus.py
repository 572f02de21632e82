"""Asks a Prometheus."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen


class QueryError(Exception):
    """Prometheus refuses a query; its own words."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer.

    Attributes:
        labels: its labels, the metric's name under `__name__`.
        points: seconds since the epoch and the value there; what is no number is left out.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """Its HTTP API.

    Args:
        url: where it is, without /api.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def instant(self, expression: str, at: float) -> list[Series]:
        """The values at a time.

        Raises:
            QueryError: it refuses.
            OSError: it does not answer.
        """
        data = self._get("query", query=expression, time=at)
        if data["resultType"] == "scalar":
            return [_series({}, [data["result"]])]
        return [_series(found["metric"], [found["value"]]) for found in data["result"]]

    def range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The values from a time to another, every `step` seconds. Raises as `instant` does."""
        data = self._get("query_range", query=expression, start=start, end=end, step=step)
        return [_series(found["metric"], found["values"]) for found in data["result"]]

    def metrics(self) -> set[str]:
        """The names that it knows. Raises as `instant` does."""
        return set(self._get("label/__name__/values"))

    def _get(self, path: str, **parameters: str | float) -> Any:
        request = Request(f"{self._url}/api/v1/{path}?{urlencode(parameters)}")  # noqa: S310 - the user's own URL
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer)["data"]
        except HTTPError as error:
            raise QueryError(json.load(error).get("error", str(error))) from error


def _series(labels: Mapping[str, str], points: list[tuple[float, str]]) -> Series:
    numbers = ((float(at), float(value)) for at, value in points)
    return Series(labels, tuple((at, value) for at, value in numbers if math.isfinite(value)))
