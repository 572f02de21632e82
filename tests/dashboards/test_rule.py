"""The requests since installation: exact over restarts, scale-in, gaps and what Prometheus forgets."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.alerts.rules import rule_groups
from tests.chart.rendering import tool

pytestmark = pytest.mark.needs("helm", "promtool")

# Counters, a sample a minute; `_` is a failed scrape, and a series that ends is a pod that is gone.
CASES = {
    "two pods that nothing happens to": (["0+10x20", "0+5x20"], {"10m": 150, "20m": 300}),
    "a pod that was there before the rule": (["1000+10x10"], {"0m": 1000, "10m": 1100}),
    "a restart: what it had counted stays, what it counts anew is added": (
        ["0+10x10 3+10x9"],
        {"10m": 100, "15m": 143},
    ),
    "scale-in": (["0+10x30", "0+10x10"], {"10m": 200, "30m": 400}),
    "scale-out: a new pod's first calls count": (["0+10x20", "_x10 7+10x9"], {"11m": 127, "20m": 297}),
    "to zero and back": (["0+10x10 _x20", "_x20 5+5x9"], {"10m": 100, "18m": 100, "25m": 130}),
    "scrapes that fail for a while": (["0+10x5 _x10 160+10x5"], {"5m": 50, "12m": 50, "16m": 160, "20m": 200}),
    "no calls at all": (["0x10"], {"10m": 0}),
}


def run(
    folder: Path, series: list[str], totals: dict[str, int], interval: str = "1m", scrapes: str | None = None
) -> None:
    groups = [group for group in rule_groups() if group["name"] == "scrap-calls"]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    test = {
        "interval": scrapes or interval,
        "input_series": [
            {
                "series": f'scrap_requests_total{{namespace="demo",job="scrap",pod="{pod}",fault="none"}}',
                "values": values,
            }
            for pod, values in enumerate(series)
        ],
        "promql_expr_test": [
            {
                "expr": 'sum(last_over_time(scrap:calls:ever{namespace="demo", job="scrap"}[1d]))',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": total}],
            }
            for at, total in totals.items()
        ],
    }
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": interval, "tests": [test]}
    (folder / "test.yaml").write_text(yaml.safe_dump(whole))
    command = [str(tool("promtool")), "test", "rules", "test.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("series", "totals"), CASES.values(), ids=CASES)
def test_the_total_is_exact(series: list[str], totals: dict[str, int], tmp_path: Path) -> None:
    run(tmp_path, series, totals)


# A look a minute, and four scrapes between two of them: ten calls a second, 150 from scrape to scrape.
BETWEEN = {
    "the last minute of a pod that is gone": (["0+150x40", "0+150x23 stale"], {"5m": 6000, "6m": 7050, "10m": 9450}),
    "the first minute of one that comes": (["0+150x40", "_x21 70+150x18"], {"6m": 4120, "10m": 8770}),
    "a container that restarts within its pod: what it did since the last look is lost": (
        ["0+150x22 0+150x18"],
        {"5m": 3000, "6m": 3150, "10m": 5550},
    ),
}


@pytest.mark.parametrize(("series", "totals"), BETWEEN.values(), ids=BETWEEN)
def test_what_comes_between_two_looks(series: list[str], totals: dict[str, int], tmp_path: Path) -> None:
    run(tmp_path, series, totals, scrapes="15s")


def test_the_total_outlives_what_prometheus_forgets(tmp_path: Path) -> None:
    """It looks back for five days: after twelve, the first week's samples are of no use to it any more."""
    run(tmp_path, ["0+10x168 _x120", "_x168 0+10x119"], {"168h": 1680, "280h": 2800}, interval="1h")


def test_a_fault_has_a_total_of_its_own() -> None:
    (rule,) = [rule for group in rule_groups() for rule in group["rules"] if rule.get("record") == "scrap:calls:ever"]
    assert "by (namespace, job, fault)" in rule["expr"]
