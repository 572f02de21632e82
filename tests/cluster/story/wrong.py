"""What may not be, chapter by chapter: found in the record, nothing asked."""

from collections.abc import Iterator
from itertools import pairwise

from tests.cluster.story.record import Event, Record, Tick

SIGNALS = {"ScrapSaturated", "ScrapScaleInUnsafe"}  # for the operator; they go to nobody
TOO_MUCH = {
    "ScrapAtMaximum": "warning",
    "ScrapErrorBudgetBurn": "critical",
    "ScrapRejectingLoad": "warning",
}
# Those that wait in the queue when the first are rejected may take too long; later ones are rejected or fast.
TOO_SLOW = {"ScrapLatencyBudgetBurn": "critical"}
NO_WEB = {"ScrapUpstreamFailing": "critical"}
# Whether it is notified as well depends on which is first: the operator that receives alerts again, or the next
# notification of Prometheus.
NO_SOURCE = {"ScrapOperatorSourceDown": "warning"}
# By chapter, the alerts that may fire beside the signals, and the channel that receives them.
MAY_FIRE: dict[str, dict[str, str]] = {"d": TOO_MUCH | TOO_SLOW, "e": NO_WEB | NO_SOURCE}
MAY_SHED = {"d"}
LONGEST = 2  # seconds from one second of the load's to the next


def wrong(record: Record, since: float = 0.0) -> list[tuple[float, str]]:
    """All that should not have been, in order: when, and what in words.

    Args:
        since: what was before is somebody else's.
    """
    chapters = record.found("chapter")
    found = [*_calls(record.ticks, chapters), *_alerts(record.events, chapters)]
    return sorted((at, what) for at, what in found if at >= since)


def chapter(at: float, chapters: list[Event]) -> str:
    """The chapter of a moment; empty: before the first."""
    return next((event.name for event in reversed(chapters) if event.at <= at), "")


def _calls(ticks: list[Tick], chapters: list[Event]) -> Iterator[tuple[float, str]]:
    for before, tick in pairwise(ticks):
        if tick.at - before.at > LONGEST:
            yield before.at, f"nothing is known of the calls for {tick.at - before.at} s"
    for tick in ticks:
        now = chapter(tick.at, chapters)
        for what, count in tick.failed.items():
            yield tick.at, f"{count} calls failed: {what}"
        if tick.shed and now not in MAY_SHED:
            yield tick.at, f"{tick.shed} calls were rejected"
        if tick.web and now != "e":
            yield tick.at, f"{tick.web} calls were answered that the page cannot be fetched"


def _alerts(events: list[Event], chapters: list[Event]) -> Iterator[tuple[float, str]]:
    for event in events:
        now = chapter(event.at, chapters)
        if event.kind == "alert" and event.name not in SIGNALS | MAY_FIRE.get(now, {}).keys():
            yield event.at, f"{event.name} fires"
        if event.kind == "slack" and now not in MAY_FIRE:
            yield event.at, f"Slack receives in {event.name}: {event.text}"
