"""The operator's document says everything that can be read, seen or set."""

import re
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from scrap_operator import manifest
from scrap_operator.cli import main
from scrap_operator.decision import ScalingReason, decide
from scrap_operator.model import Direction, Observations, PollFailed, ScaleTarget
from scrap_operator.recorder import EventType, event_type
from scrap_operator.telemetry import OperatorMetrics
from tests.unit.operator.api import alert_scaler

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/operator.md").read_text()
REASONS_PAGE = (ROOT / "docs/scaling-reasons.md").read_text()
CRD = yaml.safe_load((ROOT / "charts/scrap/crds/alertscalers.yaml").read_text())


def test_every_reason_is_documented() -> None:
    assert [reason for reason in ScalingReason if f"`{reason}`" not in DOCUMENT] == []


def test_the_page_on_reasons_has_each_of_them_with_a_meaning_and_a_command() -> None:
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", REASONS_PAGE, re.DOTALL | re.MULTILINE))
    assert sections.keys() == {*ScalingReason, *manifest.ProblemReason}
    whole = re.compile(r"\n[A-Z`].{40,}\n\n```console\nkubectl .+```\n+", re.DOTALL)
    assert [reason for reason, text in sections.items() if not whole.fullmatch(text)] == []


def test_the_documented_events_are_those_that_are_recorded() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| (Normal|Warning) \|", DOCUMENT, re.MULTILINE)
    documented = {event: kind for events, kind in rows for event in re.findall(r"`(\w+)`", events)}
    of_decisions = {reason.value: kind for reason in ScalingReason if (kind := event_type(reason))}
    assert documented == of_decisions | dict.fromkeys(manifest.ProblemReason, EventType.WARNING)


def metrics() -> OperatorMetrics:
    """With a series of each."""
    body = alert_scaler()
    made = OperatorMetrics(lambda: 1.5)
    decision = decide(manifest.spec_of(body), ScaleTarget(3), PollFailed("gone"), Observations(), 1_800_000_000)
    conditions = manifest.conditions_of(manifest.status_of(decision, body, 0))
    made.polled("scrap", 0.1)
    made.wanted("scrap", 3, 5)
    made.scaled("scrap", Direction.UP, 5)
    made.failed("scrap")
    made.decided("scrap", manifest.spec_of(body), decision, conditions)
    return made


def test_every_metric_is_documented_and_every_documented_one_is_there() -> None:
    families = text_string_to_metric_families(metrics().render().decode())
    names = {family.name.removesuffix("_created") for family in families if family.name.startswith("scrap_operator_")}
    documented = {name.removesuffix("_total") for name in re.findall(r"`(scrap_operator_[a-z_]+)", DOCUMENT)}
    assert names == documented


def test_a_rule_that_is_no_more_has_no_series() -> None:
    made = metrics()
    assert b'scrap_operator_rule_firing{alertscaler="scrap",rule="hold"}' in made.render()
    body = alert_scaler()
    body["spec"]["rules"].pop()
    decision = decide(manifest.spec_of(body), ScaleTarget(None), PollFailed("gone"), Observations(), 1_800_000_000)
    made.decided("scrap", manifest.spec_of(body), decision, {"SourceAvailable": False})
    assert b'rule="hold"' not in made.render()


def test_one_that_is_gone_has_no_series_at_all() -> None:
    made = metrics()
    made.forget("scrap")
    assert b'"scrap"' not in made.render()


def test_every_option_is_in_the_help_with_its_variable() -> None:
    text = CliRunner().invoke(main, ["run", "--help-all"], terminal_width=200).output
    run = main.commands["run"]
    for option in run.params:
        variable = f"SCRAP_OPERATOR_{option.opts[-1].removeprefix('--').replace('-', '_').upper()}"
        assert option.name == "help_all" or variable in text, option.name


def test_every_field_of_the_crd_explains_itself() -> None:
    schema = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(unexplained(schema["properties"]["spec"], "spec")) == []


def unexplained(schema: dict[str, Any], path: str) -> Any:
    """The paths of fields without a description."""
    if not schema.get("description"):
        yield path
    children = schema.get("properties", {}) or schema.get("items", {}).get("properties", {})
    for name, child in children.items():
        yield from unexplained(child, f"{path}.{name}")


def test_the_crd_is_the_one_that_the_operator_asks_for() -> None:
    names = CRD["spec"]["names"]
    assert (CRD["spec"]["group"], names["plural"], names["kind"]) == (
        manifest.GROUP,
        manifest.PLURAL,
        manifest.KIND,
    )
    assert [version["name"] for version in CRD["spec"]["versions"]] == [manifest.VERSION]
