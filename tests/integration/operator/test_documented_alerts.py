"""The two alerts of the operator's document, in Prometheus' own test tool."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.operator.alertmanager import binary

DOCUMENT = Path(__file__).parents[3] / "docs/operator.md"
LABELS = {"severity": "none", "namespace": "shop"}


def series(in_flight: str, failing: str) -> list[dict[str, str]]:
    """Three pods of 32 slots each, one sample a minute; none where nothing is in flight to be scraped.

    Args:
        failing: the pages that could not be fetched, of a pod; each fetches a hundred others a minute.
    """
    if not in_flight:
        return []
    pods = [f'{{namespace="shop",pod="scrap-{number}"}}' for number in range(3)]
    capacity = [{"series": f"scrap_admission_capacity{pod}", "values": "32x60"} for pod in pods]
    requests = [
        {"series": f'scrap_requests_total{pod[:-1]},fault="{fault}"}}', "values": values}
        for pod in pods
        for fault, values in (("none", "0+100x60"), ("web", failing))
    ]
    return [*capacity, *requests, *[{"series": f"scrap_admission_in_flight{pod}", "values": in_flight} for pod in pods]]


def case(in_flight: str, minute: int, *, saturated: bool, hold: bool, failing: str = "0+1x60") -> dict[str, Any]:
    """What fires at a minute."""
    fire = [{"exp_labels": LABELS}]
    return {
        "interval": "1m",
        "input_series": series(in_flight, failing),
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": "ScrapSaturated", "exp_alerts": fire if saturated else []},
            {"eval_time": f"{minute}m", "alertname": "ScrapScaleInUnsafe", "exp_alerts": fire if hold else []},
        ],
    }


CASES = {
    "idle": case("0x60", 10, saturated=False, hold=False),
    "room for one pod fewer": case("10x60", 10, saturated=False, hold=False),
    "room, but not with one pod fewer": case("20x60", 10, saturated=False, hold=True),
    "saturated": case("30x60", 10, saturated=True, hold=True),
    "saturated for less than a minute": case("10x4 30x60", 5, saturated=False, hold=True),
    "14 minutes after a peak": case("20x4 2x60", 18, saturated=False, hold=True),
    "16 minutes after it": case("20x4 2x60", 21, saturated=False, hold=False),
    "most pages fail": case("2x60", 10, saturated=False, hold=True, failing="0+200x60"),
    "fewer than half of them do": case("2x60", 40, saturated=False, hold=False, failing="0+90x60"),
    "14 minutes after most did": case("2x60", 26, saturated=False, hold=True, failing="0+200x10 2000x50"),
    "half an hour after it": case("2x60", 40, saturated=False, hold=False, failing="0+200x10 2000x50"),
    "nobody scrapes the pods": case("", 10, saturated=False, hold=True),
}


@pytest.mark.parametrize("wanted", CASES.values(), ids=CASES)
def test_what_fires(wanted: dict[str, Any], tmp_path: Path) -> None:
    promtool = binary("promtool")
    if promtool is None:
        pytest.skip("no promtool on PATH or in the cluster's tools: ../shared/cluster/setup tools builds it")
    found = re.search(r"```yaml alerts\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    groups = [{"name": "documented", "rules": yaml.safe_load(found[1])}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [wanted]}
    (tmp_path / "tests.yml").write_text(json.dumps(tests))
    done = subprocess.run(
        [promtool, "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
