"""The committed JSON is what the source gives, and Grafana's types know all of it."""

import json

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from scripts.dashboards.writing import written
from tests.dashboards.boards import BOARDS, FOLDER


def test_the_committed_files_are_current() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == written(), (
        "run `make dashboards`"
    )


@pytest.mark.parametrize("name", BOARDS)
def test_the_types_of_grafana_know_every_field(name: str) -> None:
    read = Dashboard.from_json(BOARDS[name])
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == BOARDS[name]
