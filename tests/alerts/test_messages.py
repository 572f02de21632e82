"""The golden file of messages is what the alerts and the templates give, and each message says what a person needs."""

import re

import pytest

from tests.alerts.messages import SEVERAL, firing, message, names, section, sections, several
from tests.alerts.rules import alerts
from tests.chart.rendering import NAMESPACE, tool

pytestmark = pytest.mark.needs("helm", "promtool", "amtool")

NAMES = names() if tool("helm") else []
SIGNALS = sorted({rule["alert"] for rule in alerts()} - set(NAMES)) if tool("helm") else []

# What a template leaves where it fails or finds nothing.
BROKEN = re.compile(r"<no value>|<error|NaN|Inf\b|%!|\bon (has|is|grows)\b|[^ ]  |^ | $|^$")
# A command to paste, between backticks, or a sentence that says that none helps.
ACTION = re.compile(r"`(kubectl|crictl|du|sysctl) [^`]+`|No command (helps|is needed)\b")


@pytest.mark.parametrize("name", NAMES)
def test_the_file_has_the_messages_of_an_alert(name: str) -> None:
    assert section(name) == sections()[name], "run `python -m tests.alerts.messages`, and read what it wrote"


@pytest.mark.parametrize("title", SEVERAL)
def test_the_file_has_the_messages_of_several_alerts(title: str) -> None:
    assert several(title) == sections()[title], "run `python -m tests.alerts.messages`, and read what it wrote"


def test_the_file_has_nothing_else() -> None:
    assert list(sections()) == [*NAMES, *SEVERAL]


@pytest.mark.parametrize("name", [*NAMES, *SIGNALS])
def test_an_alert_says_what_a_person_needs(name: str) -> None:
    found = firing(name)
    assert len(found) == len([rule for rule in alerts() if rule["alert"] == name])
    for alert in found:
        labels, annotations = alert["labels"], alert["annotations"]
        assert labels["namespace"] == NAMESPACE
        assert set(annotations) == {"summary", "description", "action", "runbook_url", "dashboard_url"}
        assert ACTION.match(annotations["action"])
        assert labels["severity"] != "critical" or "lients" in annotations["description"], "what do clients notice?"
        for value in (*labels.values(), *annotations.values()):
            assert not BROKEN.search(value), value
        text = message(alert)
        assert text.startswith(f"{MARKS[labels['severity']]} [prod/{NAMESPACE}] {name} · {annotations['summary']}\n")
        assert text.count(annotations["summary"]) == 1


MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵", "none": "🔵"}
