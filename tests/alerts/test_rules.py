"""Every alert fires when it should and only then, by promtool on the rules as the chart renders them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.alerts.rules import VALUES, Case, alerts, cases, groups_of, promtool, settings

pytestmark = pytest.mark.needs("helm", "promtool")

NEARLY_ALL_FAIL = "ScrapUpstreamFailing/critical"


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.file}: {case.name}")
def test_exactly_this_fires(case: Case, tmp_path: Path) -> None:
    done = promtool(case, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "case", [case for case in cases() if NEARLY_ALL_FAIL in case.fires], ids=lambda case: case.name
)
def test_no_pod_goes_while_nearly_all_pages_fail(case: Case, tmp_path: Path) -> None:
    """ScrapScaleInUnsafe needs no rule of the group of ScrapUpstreamFailing, which can be switched off."""
    expected = [
        {
            "expr": 'count(ALERTS{alertname="ScrapScaleInUnsafe", alertstate="firing"})',
            "eval_time": time,
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for time, firing in case.at.items()
        if NEARLY_ALL_FAIL in firing
    ]
    done = promtool(replace(case, file="scaling"), tmp_path, promql_expr_test=expected)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    shown = {(alert["alert"], alert["labels"]["severity"]) for alert in alerts()}
    fires = {tuple(alert.partition("*")[0].split("/")) for case in cases() for alert in case.fires}
    assert fires == shown
    # A case names all that fires: what fires in it later, or did before, is held to be silent at another time of it.
    silent = {
        alert.split("/")[0]
        for case in cases()
        for alert in case.fires
        if any(alert.split("/")[0] not in str(firing) for firing in case.at.values())
    }
    assert silent == {name for name, _ in shown}


def test_an_operator_that_serves_no_alertscaler_is_as_it_should_be_where_the_chart_creates_none(tmp_path: Path) -> None:
    (case,) = [case for case in cases() if case.name == "it starts, and finds no AlertScaler, or no CRD"]
    alone = {**VALUES, "operator": {"enabled": True, "alertScaler": {"create": False}}}
    done = promtool(replace(case, at={time: [] for time in case.at}), tmp_path, groups_of(alone))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_full_disk_fires_where_filling_ones_are_not(tmp_path: Path) -> None:
    case = Case(
        "nodes", "flat at 5 %", "1m", {"node_filesystem_avail_bytes": 50}, {"1h": ["ScrapNodeDiskFull/warning"]}
    )
    done = promtool(case, tmp_path, groups_of(settings(alerts={"ScrapNodeDiskFilling": {"enabled": False}})))
    assert done.returncode == 0, done.stdout + done.stderr
