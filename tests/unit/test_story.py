"""What the story on a cluster says of itself: the record, what is wrong in it, and the summary of a failure."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.story.evidence import summary
from tests.cluster.story.record import Calls, Record, Tick, together
from tests.cluster.story.wrong import wrong

CALM = Tick(
    at=0,
    rate=10,
    ok=10,
    shed=0,
    web=0,
    failed={},
    ms=[400] * 10,
    saturation=0.2,
    desired=2,
    ready=2,
    firing=[],
)


def tick(at: int, **changes: Any) -> Tick:
    """A calm second, but for what is said."""
    return replace(CALM, at=at, **changes)


@pytest.fixture
def record() -> Record:
    found = Record()
    found.began = 1000.0
    return found


def test_quantiles_are_of_all_answers_together() -> None:
    calls = together([tick(0, ms=list(range(1, 51))), tick(1, ms=list(range(51, 101)))])
    assert [calls.quantile(share) for share in (0.5, 0.99, 1)] == [51, 100, 100]
    assert calls.ok == 20
    assert str(Calls().quantile(0.5)) == "nan"


def test_what_has_its_place_is_not_wrong(record: Record) -> None:
    record.happen("chapter", "a", at=1000)
    record.tick(tick(1001))
    record.happen("alert", "ScrapSaturated", at=1002)
    record.happen("chapter", "d", at=1003)
    record.tick(tick(1003, shed=5))
    record.happen("alert", "ScrapAtMaximum", at=1004)
    record.happen("slack", "critical", at=1004)
    record.happen("chapter", "e", at=1005)
    record.tick(tick(1005, web=5))
    assert wrong(record) == []


def test_what_has_no_place_is_wrong_in_order(record: Record) -> None:
    record.happen("chapter", "a", at=1000)
    record.happen("slack", "warning", "🟠 This week", at=1005)
    record.happen("alert", "ScrapDown", at=1004)
    record.tick(tick(1003, failed={"TimeoutError": 2}, shed=1, web=1))
    assert wrong(record) == [
        (1003, "1 calls were answered that the page cannot be fetched"),
        (1003, "1 calls were rejected"),
        (1003, "2 calls failed: TimeoutError"),
        (1004, "ScrapDown fires"),
        (1005, "Slack receives in warning: 🟠 This week"),
    ]
    assert wrong(record, since=1005) == [(1005, "Slack receives in warning: 🟠 This week")]


def test_what_nobody_saw_is_wrong(record: Record) -> None:
    record.happen("chapter", "a", at=1000)
    for at in (1001, 1003, 1010):
        record.tick(tick(at))
    assert wrong(record) == [(1003, "nothing is known of the calls for 7 s")]


def test_an_alert_may_fire_in_its_own_chapter_alone(record: Record) -> None:
    for letter, at in (("d", 1000), ("e", 1010)):
        record.happen("chapter", letter, at=at)
        record.happen("alert", "ScrapAtMaximum", at=at + 1)
    assert wrong(record) == [(1011, "ScrapAtMaximum fires")]


def test_the_summary_names_the_first_thing(record: Record) -> None:
    record.happen("chapter", "b", "twice", at=1000)
    record.tick(tick(1065, failed={"status 500": 3}))
    record.happen("alert", "ScrapDown", at=1070)
    text = summary("test_b: TimeoutError", "many lines", record)
    assert "The first thing that went wrong: **01:05 3 calls failed: status 500**" in text
    assert "- 01:10 ScrapDown fires" in text
    assert "What failed: test_b: TimeoutError\n```\nmany lines" in text
    record.ticks.clear()
    record.events.clear()
    assert "The first thing that went wrong: **test_b: TimeoutError**" in summary("test_b: TimeoutError", "", record)


def test_it_is_printed_and_written(record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record.happen("desired", "4", at=1001)
    record.happen("skipped", "The API server is paused", "current: it cannot be", at=1001)
    for second in range(5):
        record.tick(tick(1000 + second, shed=1, firing=["ScrapSaturated"], saturation=None if second else 1.0))
    record.figure("b: alert to written replicas", 12.34, "s")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "00:01   ~ desired replicas: 4"
    assert lines[1] == "00:01   - The API server is paused: skipped. current: it cannot be"
    assert lines[2] == "00:05   10/s    400   400   400 ms     ? full  2/2 pods  5 shed  [Saturated]"
    assert lines[3].endswith("= b: alert to written replicas: 12.3 s")
    record.save(tmp_path / "story" / "story.json")
    saved = json.loads((tmp_path / "story" / "story.json").read_text())
    assert saved["events"][0] == {"at": 1.0, "kind": "desired", "name": "4", "text": ""}
    assert saved["events"][1]["kind"] == "skipped"
    assert saved["figures"] == {"b: alert to written replicas": 12.34}
    assert saved["seconds"][0] == {
        "at": 0,
        "rate": 10,
        "ok": 10,
        "shed": 1,
        "web": 0,
        "failed": {},
        "saturation": 1.0,
        "desired": 2,
        "ready": 2,
        "firing": ["ScrapSaturated"],
        "p50": 400,
        "p99": 400,
        "max": 400,
    }
