"""Every alert fires when it should and only then, by promtool on the rules as the chart renders them."""

from pathlib import Path

import pytest

from tests.alerts.rules import Case, alerts, cases, promtool

pytestmark = pytest.mark.needs("helm", "promtool")


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.file}: {case.name}")
def test_exactly_this_fires(case: Case, tmp_path: Path) -> None:
    done = promtool(case, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    shown = {(alert["alert"], alert["labels"]["severity"]) for alert in alerts()}
    fires = {tuple(alert.partition("*")[0].split("/")) for case in cases() for alert in case.fires}
    assert fires == shown  # and each is silent in every other case, for a case names all that fires
