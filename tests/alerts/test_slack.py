"""Messages and routes: the templates by Alertmanager's own tool, the AlertmanagerConfig as the chart renders it."""

import json
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.chart.rendering import ROOT, Object, one, render, tool

pytestmark = pytest.mark.needs("helm", "amtool")

SLACK = ROOT / "charts" / "scrap" / "slack"
BEGAN = "2026-11-23T14:02:00Z"
ENDED = "2026-11-23T14:14:30Z"
HOUR_BEFORE, TEN_MINUTES_AFTER = "1795438920000", "1795443870000"

DOWN = {"alertname": "ScrapDown", "namespace": "shop", "job": "scrap", "severity": "critical", "prometheus": "m/p"}
NASTY = {"alertname": "ScrapNodeDiskFull", "namespace": "shop", "severity": "warning", "mountpoint": '/a b&c<d>+"|e'}


def alert(labels: Object, *, ended: bool = False, **annotations: str) -> Object:
    """An alert, as Alertmanager gives it to a template."""
    notes = {"summary": "No pod answers", "description": "None.", "action": "See why.", **annotations}
    links = {
        "runbook_url": "https://example.org/r.md",
        "dashboard_url": "http://grafana/d/u?var-namespace=shop&var-job=scrap",
    }
    return {
        "status": "resolved" if ended else "firing",
        "labels": labels,
        "annotations": {**links, **notes},
        "startsAt": BEGAN,
        "endsAt": ENDED if ended else "0001-01-01T00:00:00Z",
        "fingerprint": "1",
    }


def shown(part: str, folder: Path, *alerts: Object) -> str:
    """A part of the message about these alerts."""
    common = dict(set.intersection(*(set(item["labels"].items()) for item in alerts)))
    data = {
        "receiver": "shop/scrap/critical",
        "status": "firing" if any(item["status"] == "firing" for item in alerts) else "resolved",
        "alerts": alerts,
        "groupLabels": {},
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
    }
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "empty.tmpl").write_text("")
    amtool = tool("amtool")
    assert amtool
    template = (SLACK / f"{part}.tmpl").read_text().strip()
    command = [amtool, "template", "render", "--template.glob=empty.tmpl", f"--template.text={template}"]
    done = subprocess.run(
        [*command, "--template.data=data.json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def link(text: str, name: str) -> str:
    """Where a link of a message leads, as Slack reads it."""
    (found,) = [part for part in text.split("<") if part.partition(">")[0].endswith(f"|{name}")]
    url = found.partition("|")[0]
    assert "|" not in url
    return url.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        ([alert(DOWN)], "🔴 Act now: No pod answers"),
        ([alert(DOWN, ended=True)], "✅ Resolved: No pod answers"),
        ([alert({**DOWN, "severity": "warning"})], "🟠 This week: No pod answers"),
        ([alert({**DOWN, "severity": "info"})], "🔵 For your information: No pod answers"),
        ([alert(DOWN), alert({**DOWN, "job": "other"})], "🔴 Act now: 2 \u00d7 ScrapDown in shop"),
        ([alert(DOWN), alert(NASTY)], "🔵 For your information: 2 \u00d7 alerts in shop"),
        ([alert(DOWN), alert(DOWN, ended=True)], "🔴 Act now: No pod answers"),
        ([alert(DOWN, ended=True), alert({**DOWN, "job": "b"}, ended=True)], "✅ Resolved: 2 \u00d7 ScrapDown in shop"),
    ],
)
def test_the_title_has_the_severity_and_the_alert(alerts: list[Object], title: str, tmp_path: Path) -> None:
    assert shown("title", tmp_path, *alerts) == title


@pytest.mark.parametrize(
    ("alerts", "color"),
    [
        ([alert(DOWN)], "danger"),
        ([alert(NASTY)], "warning"),
        ([alert({"severity": "info"})], "#439FE0"),
        ([alert(DOWN, ended=True)], "good"),
    ],
)
def test_its_color(alerts: list[Object], color: str, tmp_path: Path) -> None:
    assert shown("color", tmp_path, *alerts) == color


def test_a_message_says_what_since_when_how_bad_and_what_to_do(tmp_path: Path) -> None:
    text = shown("text", tmp_path, alert(DOWN))
    assert text.startswith(
        "*No pod answers*\nNone.\n*Since* <!date^1795442520^{date_short_pretty}, {time}|2026-11-23 14:02 UTC> ("
    )
    assert "\n*To do* See why.\n" in text
    assert link(text, "Runbook") == "https://example.org/r.md"


def test_the_dashboard_is_opened_at_that_time(tmp_path: Path) -> None:
    firing = parse_qs(urlsplit(link(shown("text", tmp_path, alert(DOWN)), "Dashboard at that time")).query)
    assert firing == {"var-namespace": ["shop"], "var-job": ["scrap"], "from": [HOUR_BEFORE], "to": ["now"]}
    over = parse_qs(urlsplit(link(shown("text", tmp_path, alert(DOWN, ended=True)), "Dashboard at that time")).query)
    assert (over["from"], over["to"]) == ([HOUR_BEFORE], [TEN_MINUTES_AFTER])
    plain = link(shown("text", tmp_path, alert(DOWN, dashboard_url="http://grafana/d/u")), "Dashboard at that time")
    assert plain == f"http://grafana/d/u?from={HOUR_BEFORE}&to=now"


def test_a_silence_takes_this_alert_whatever_its_labels_hold(tmp_path: Path) -> None:
    url = link(shown("text", tmp_path, alert(NASTY)), "Silence")
    page, _, query = url.partition("#")[2].partition("?")
    assert page == "/silences/new"
    assert "+" not in query  # in a fragment it is a plus
    assert unquote(query) == 'filter={alertname="ScrapNodeDiskFull",mountpoint="/a b&c<d>+\\"|e",namespace="shop"}'


def test_slacks_own_marks_are_escaped(tmp_path: Path) -> None:
    nasty = alert(NASTY, summary="<!channel> & co")
    assert shown("text", tmp_path, nasty).startswith("*&lt;!channel&gt; &amp; co*")
    assert shown("title", tmp_path, nasty) == "🟠 This week: &lt;!channel&gt; &amp; co"


def test_forty_alerts_are_a_message_of_ten(tmp_path: Path) -> None:
    many = [alert({**DOWN, "job": f"job-{number}"}) for number in range(40)]
    text = shown("text", tmp_path, *many)
    assert text.count("|Silence>") == 10
    assert text.endswith("\n\n… and more: 40 in total; the first ten are listed.")
    over = shown("text", tmp_path, *(item | {"status": "resolved", "endsAt": ENDED} for item in many))
    assert over.count(" is resolved. ") == 10
    assert len(text) < 8000 > len(over)  # what Slack shows of an attachment, by far


def test_resolved_says_how_long_it_lasted(tmp_path: Path) -> None:
    text = shown("text", tmp_path, alert(DOWN, ended=True))
    assert text.startswith("✅ ScrapDown is resolved. It lasted 12m 30s, from <!date^1795442520^")
    assert "Silence" not in text


def test_an_alert_of_the_stacks_has_a_message_too(tmp_path: Path) -> None:
    bare = {**alert(DOWN), "annotations": {"message": "Crash."}}
    text = shown("text", tmp_path, bare)
    assert text.startswith("*ScrapDown*\nCrash.\n*Since* ")
    assert text.count("|") == 2  # the time and the silence
    assert shown("title", tmp_path, bare) == "🔴 Act now: ScrapDown"


def configuration(**changes: Object) -> Object:
    """The AlertmanagerConfig."""
    found: Object = one(
        render({"monitoring": {"alertmanagerConfig": {"enabled": True, **changes}}}), "AlertmanagerConfig"
    )
    spec: Object = found["spec"]
    return spec


def test_a_route_and_a_receiver_for_each_severity() -> None:
    spec = configuration()
    routes = {route["receiver"]: route for route in spec["route"]["routes"]}
    assert list(routes) == ["critical", "warning"]
    assert routes["critical"]["groupWait"] == "5s"
    assert routes["critical"]["repeatInterval"] == "1h"
    assert [receiver["name"] for receiver in spec["receivers"]] == ["nobody", "critical", "warning"]
    for receiver in spec["receivers"][1:]:
        (slack,) = receiver["slackConfigs"]
        assert slack["apiURL"] == {"name": "scrap-slack", "key": receiver["name"]}
        assert slack["sendResolved"] is True
        for part in ("title", "text", "color"):
            assert slack[part] == (SLACK / f"{part}.tmpl").read_text().strip()  # Helm escaped nothing
    assert "muteTimeIntervals" not in spec


def test_a_way_to_slack() -> None:
    proxy = {"proxyUrl": "http://proxy.example.org:3128"}
    (slack,) = configuration(slack={"httpConfig": proxy})["receivers"][1]["slackConfigs"]
    assert slack["httpConfig"] == proxy


def test_info_only_where_asked() -> None:
    spec = configuration(info={"enabled": True})
    assert [route["receiver"] for route in spec["route"]["routes"]] == ["critical", "warning", "info"]
    assert spec["receivers"][-1]["slackConfigs"][0]["apiURL"]["key"] == "info"


def test_warnings_at_work_only() -> None:
    spec = configuration(warning={"hours": {"enabled": True, "from": "07:00"}})
    critical, warning = spec["route"]["routes"]
    assert warning["activeTimeIntervals"] == ["working-hours"]
    assert "activeTimeIntervals" not in critical
    times = [{"startTime": "07:00", "endTime": "17:00"}]
    assert spec["muteTimeIntervals"] == [
        {"name": "working-hours", "timeIntervals": [{"weekdays": ["monday:friday"], "times": times}]}
    ]


def test_other_receivers_beside_slack_and_in_its_place() -> None:
    pager = {"pagerdutyConfigs": [{"routingKey": {"name": "pagerduty", "key": "key"}}]}
    critical = configuration(critical={"also": pager})["receivers"][1]
    assert set(critical) == {"name", "slackConfigs", "pagerdutyConfigs"}
    alone = configuration(critical={"also": pager}, slack={"enabled": False})["receivers"]
    assert [set(receiver) for receiver in alone] == [{"name"}, {"name", "pagerdutyConfigs"}, {"name"}]
