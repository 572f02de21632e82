"""Messages and routes: the templates by Alertmanager's own tool, the AlertmanagerConfig as the chart renders it."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.alerts.messages import BEGAN, ENDED, filled
from tests.chart.rendering import ROOT, ChartError, Object, one, render

pytestmark = pytest.mark.needs("helm", "amtool")

SLACK = ROOT / "charts" / "scrap" / "slack"
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
        "generatorURL": "http://prometheus:9090/graph?g0.expr=a+%3E+1&g0.tab=1",
        "fingerprint": "1",
    }


def shown(part: str, *alerts: Object) -> str:
    """A part of the message about these alerts, of a release that names no cluster."""
    template = (SLACK / f"{part}.tmpl").read_text().strip().replace("${cluster}", "")
    return filled(template, *alerts)


def link(text: str, name: str) -> str:
    """Where a link of a message leads, as Slack reads it."""
    (found,) = [part for part in text.split("<") if part.partition(">")[0].endswith(f"|{name}")]
    url = found.partition("|")[0]
    assert "|" not in url
    return url.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        ([alert(DOWN)], "🔴 [shop] ScrapDown · No pod answers"),
        ([alert(DOWN, ended=True)], "✅ Resolved [shop] ScrapDown · No pod answers"),
        ([alert({**DOWN, "severity": "warning"})], "🟠 [shop] ScrapDown · No pod answers"),
        ([alert({**DOWN, "severity": "info"})], "🔵 [shop] ScrapDown · No pod answers"),
        ([alert(DOWN), alert({**DOWN, "job": "b"})], "🔴 [shop] ScrapDown \u00d72 · No pod answers"),
        ([alert(DOWN), alert(NASTY)], "🔵 [shop] 2 alerts · ScrapDown, ScrapNodeDiskFull"),
        ([alert(NASTY)] * 3 + [alert(DOWN)], f"🔵 [shop] 4 alerts · {', '.join(['ScrapNodeDiskFull'] * 3)}, …"),
        ([alert(DOWN), alert(NASTY, ended=True)], "🔵 [shop] ScrapDown · No pod answers"),
        (
            [alert(DOWN, ended=True), alert({**DOWN, "job": "b"}, ended=True)],
            "✅ Resolved [shop] ScrapDown \u00d72 · No pod answers",
        ),
    ],
)
def test_the_title_has_the_severity_the_place_and_the_alert(alerts: list[Object], title: str) -> None:
    assert shown("title", *alerts) == title


@pytest.mark.parametrize(
    ("alerts", "color"),
    [
        ([alert(DOWN)], "danger"),
        ([alert(NASTY)], "warning"),
        ([alert({"severity": "info"})], "#439FE0"),
        ([alert(DOWN, ended=True)], "good"),
    ],
)
def test_its_color(alerts: list[Object], color: str) -> None:
    assert shown("color", *alerts) == color


def test_a_message_says_what_to_do_since_when_and_how_bad_it_is() -> None:
    text = shown("text", alert(DOWN))
    assert text.startswith(
        "None.\n*To do* See why.\n*Since* <!date^1795442520^{date_short_pretty}, {time}|2026-11-23 14:02 UTC>"
        " · critical: act now\n"
    )
    assert "No pod answers" not in text, "the title has it"
    assert link(text, "Runbook") == "https://example.org/r.md"
    assert link(text, "Query") == "http://prometheus:9090/graph?g0.expr=a+%3E+1&g0.tab=1"
    assert [part.partition(">")[0] for part in text.splitlines()[-1].split("|")[1:]] == [
        "Query",
        "Runbook",
        "Dashboard",
        "Silence",
    ]


def test_each_of_several_alerts_has_its_name_and_summary() -> None:
    text = shown("text", alert(DOWN), alert(NASTY, summary="Full"), alert(NASTY, ended=True))
    assert [line for line in text.splitlines() if line.startswith("*Scrap")] == [
        "*ScrapDown · No pod answers*",
        "*ScrapNodeDiskFull · Full*",
    ]


def test_the_dashboard_is_opened_at_that_time() -> None:
    firing = parse_qs(urlsplit(link(shown("text", alert(DOWN)), "Dashboard")).query)
    assert firing == {"var-namespace": ["shop"], "var-job": ["scrap"], "from": [HOUR_BEFORE], "to": ["now"]}
    over = parse_qs(urlsplit(link(shown("text", alert(DOWN, ended=True)), "Dashboard")).query)
    assert (over["from"], over["to"]) == ([HOUR_BEFORE], [TEN_MINUTES_AFTER])
    plain = link(shown("text", alert(DOWN, dashboard_url="http://grafana/d/u")), "Dashboard")
    assert plain == f"http://grafana/d/u?from={HOUR_BEFORE}&to=now"


def test_a_silence_takes_this_alert_whatever_its_labels_hold() -> None:
    url = link(shown("text", alert(NASTY)), "Silence")
    page, _, query = url.partition("#")[2].partition("?")
    assert page == "/silences/new"
    assert "+" not in query  # in a fragment it is a plus
    assert unquote(query) == 'filter={alertname="ScrapNodeDiskFull",mountpoint="/a b&c<d>+\\"|e",namespace="shop"}'


def test_slacks_own_marks_are_escaped() -> None:
    nasty = alert(NASTY, summary="<!channel> & co")
    assert "*ScrapNodeDiskFull · &lt;!channel&gt; &amp; co*" in shown("text", nasty, nasty)
    assert shown("title", nasty) == "🟠 [shop] ScrapNodeDiskFull · &lt;!channel&gt; &amp; co"


def test_forty_alerts_are_a_message_of_ten() -> None:
    many = [alert({**DOWN, "job": f"job-{number}"}) for number in range(40)]
    text = shown("text", *many)
    assert text.count("|Silence>") == 10
    assert text.endswith("\n\n… and more: 40 in total; the first ten are listed.")
    over = shown("text", *(item | {"status": "resolved", "endsAt": ENDED} for item in many))
    assert over.count(" is resolved. ") == 10
    assert len(text) < 8000 > len(over)  # what Slack shows of an attachment, by far


def test_resolved_says_how_long_it_lasted() -> None:
    text = shown("text", alert(DOWN, ended=True))
    assert text.startswith("✅ ScrapDown is resolved. It lasted 12m 30s, from <!date^1795442520^")
    assert "Silence" not in text


def test_an_alert_of_the_stacks_has_a_message_too() -> None:
    bare = {**alert(DOWN), "annotations": {"message": "Crash."}, "generatorURL": ""}
    text = shown("text", bare)
    assert text.startswith("Crash.\n*Since* ")
    assert text.count("|") == 2  # the time and the silence
    assert shown("title", bare) == "🔴 [shop] ScrapDown"
    assert shown("text", bare, bare).startswith("*ScrapDown*\nCrash.\n")


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
            template = (SLACK / f"{part}.tmpl").read_text().strip()
            assert slack[part] == template.replace("${cluster}", "")  # Helm escaped nothing
        assert slack["fallback"] == slack["title"]
    assert "muteTimeIntervals" not in spec


def test_the_title_names_the_cluster() -> None:
    values = {"monitoring": {"clusterName": "prod-1", "alertmanagerConfig": {"enabled": True}}}
    receivers = one(render(values), "AlertmanagerConfig")["spec"]["receivers"]
    for receiver in receivers[1:]:
        (slack,) = receiver["slackConfigs"]
        assert filled(slack["title"], alert(DOWN)) == "🔴 [prod-1/shop] ScrapDown · No pod answers"


def test_a_cluster_is_not_named_as_a_template() -> None:
    with pytest.raises(ChartError, match="clusterName"):
        render({"monitoring": {"clusterName": "{{ .Status }}", "alertmanagerConfig": {"enabled": True}}})


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
