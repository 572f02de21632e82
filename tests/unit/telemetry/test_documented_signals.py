"""docs/metrics.md and docs/logs.md say what there is, all of it and nothing else."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from scrap.errors import Outcome
from scrap.events import FetchEnded
from scrap.telemetry import FanOut, Metrics
from scrap.telemetry.log_lines import fields_of
from scrap.telemetry.trace import Trace
from tests.exposition import Exposition
from tests.unit.telemetry.events import ENDED, EVENTS
from tests.unit.telemetry.owners import LINES, observed, record_of

DOCS = Path(__file__).parents[3] / "docs"
SOURCE = Path(__file__).parents[3] / "service" / "scrap"


def rows(page: str) -> list[list[str]]:
    """The cells of every row of the page's tables, without the backticks of code."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def words(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def exported() -> Exposition:
    """Every metric there can be."""
    metrics = observed(Metrics(version="1", routes=["/api/v1/scrap"]))
    metrics.note_failed_sink("log")
    emit = FanOut(pytest.fail, metrics=metrics.handlers)
    for event in EVENTS:
        emit(event)
    return Exposition(metrics.exposition("")[0].decode())


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    documented = {
        row[0].strip("`"): (row[1], words(row[2]))
        for row in rows("metrics.md")
        if len(row) == 4 and row[1] in {"counter", "gauge", "histogram"}
    }
    found: dict[str, tuple[str, set[str]]] = {}
    for family in exported().families.values():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    assert documented == found


def test_every_outcome_is_documented_with_its_fault_and_status() -> None:
    documented = {
        row[0].strip("`"): (row[1].strip("`"), row[2][:3])
        for row in rows("metrics.md")
        if len(row) == 4 and row[2][:1].isdigit()
    }
    assert documented == {outcome: (outcome.fault or "none", str(outcome.status)) for outcome in Outcome}


def test_every_metric_has_a_help_text() -> None:
    for family in exported().families.values():
        assert family.documentation


def test_every_field_of_a_log_line_is_documented() -> None:
    trace = Trace({"trace_id": "a" * 32, "span_id": "b" * 16})
    fields = {name for line in LINES for name in fields_of(line, trace, queries=False)}
    assert {row[0].strip("`") for row in rows("logs.md")[1:]} == fields


def test_the_sample_of_a_log_line_can_occur() -> None:
    (sample,) = re.findall(r"```json\n(.*?)\n```", (DOCS / "logs.md").read_text(encoding="utf-8"))
    assert ENDED.fetch
    line = record_of(replace(ENDED, fetch=FetchEnded(replace(ENDED.fetch.timings, wait=0.0001))))
    assert list(json.loads(sample)) == list(fields_of(line, None, queries=False))


def test_no_metric_is_named_outside_of_telemetry() -> None:
    names = "|".join(sorted(name for name in exported().families if name.startswith("scrap_")))
    sources = [path for path in SOURCE.rglob("*.py") if SOURCE / "telemetry" not in path.parents]
    assert len(sources) > 40
    assert [path.name for path in sources if re.search(rf"\b({names})", path.read_text(encoding="utf-8"))] == []
