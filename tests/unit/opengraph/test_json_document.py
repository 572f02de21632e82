"""docs/json.md agrees with the code."""

import dataclasses
import json
import re

from scrap.opengraph import Bound, ParseLimits, model, open_graph
from tests.corpus import REPOSITORY
from tests.reference import assert_agrees

TEXT = (REPOSITORY / "docs" / "json.md").read_text()


def test_its_example_is_answered_as_it_says() -> None:
    page, answer = re.findall(r"```(?:html|json)\n(.*?)```", TEXT, re.DOTALL)
    document = assert_agrees(page).document
    assert document
    found = open_graph(document, "https://example.com/").fields
    assert list(found.items()) == list(json.loads(answer).items())


def test_every_bound_is_in_it_with_its_value() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", TEXT, re.MULTILINE))
    assert rows == {field.name: str(field.default) for field in dataclasses.fields(ParseLimits)}
    assert [bound for bound in Bound if f"`{bound}`" not in TEXT] == []


def test_every_field_of_the_answer_is_in_it() -> None:
    assert [field for field in (*model.FIELDS, "properties") if f"`{field}`" not in TEXT] == []
