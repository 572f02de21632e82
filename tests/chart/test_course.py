"""k8s/course.yaml: the chart takes it, and its times are shorter; docs/course/alert.yaml is selected and routed."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, MONITORING, ROOT, one, render, tool
from tests.cluster.course.mysteries import MYSTERIES
from tests.cluster.intervals import seconds
from tests.documents import commands

pytestmark = pytest.mark.needs("helm")

COURSE = yaml.safe_load((ROOT / "k8s/course.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def durations(course: Any, chart: Any) -> list[tuple[str, str]]:
    """Every time of the course beside the chart's own."""
    if isinstance(course, dict):
        return [pair for name, value in course.items() for pair in durations(value, chart[name])]
    is_time = isinstance(course, str) and isinstance(chart, str) and course[:1].isdigit()
    return [(course, chart)] if is_time else []


def test_the_chart_takes_it() -> None:
    objects = render(COURSE, knows=MONITORING)
    assert one(objects, "ConfigMap")["data"]["SCRAP_MAX_FETCHES"] == "5"
    assert one(objects, "AlertScaler")["spec"]["maxReplicas"] == 4


def test_its_alerts_and_windows_are_shorter_than_the_charts() -> None:
    rules = "prometheusRule"
    pairs = durations(COURSE["monitoring"][rules], VALUES["monitoring"][rules])
    assert len(pairs) > 20
    assert [(course, chart) for course, chart in pairs if seconds(course) >= seconds(chart)] == []


def test_the_alert_of_the_fifth_exercise_is_selected_and_routed() -> None:
    alert = yaml.safe_load((ROOT / "docs/course/alert.yaml").read_text())
    chart = one(render(COURSE, knows=MONITORING), "PrometheusRule")
    assert alert["metadata"]["labels"].items() <= chart["metadata"]["labels"].items()
    (rule,) = alert["spec"]["groups"][0]["rules"]
    assert rule["labels"]["namespace"] == alert["metadata"]["namespace"] == "scrap"
    assert rule["labels"]["severity"] in ("critical", "warning", "info", "none")
    assert {"summary", "description", "action"} == rule["annotations"].keys()


@pytest.mark.needs("promtool")
def test_every_query_and_the_alert_are_promql(tmp_path: Path) -> None:
    pages = (str(path.relative_to(ROOT)) for path in (ROOT / "docs/course").glob("*.md"))
    typed = [query for page in pages for command, _ in commands(page) for query in re.findall("QUERY='(.*)'", command)]
    queries = [*typed, *(mystery.query for mystery in MYSTERIES)]
    assert len(queries) > 30
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    alert = yaml.safe_load((ROOT / "docs/course/alert.yaml").read_text())["spec"]["groups"]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [*alert, {"name": "queries", "rules": rules}]}))
    done = subprocess.run([tool("promtool") or "", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
