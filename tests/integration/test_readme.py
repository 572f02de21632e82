"""The README's own example."""

import html
import json
import re
from pathlib import Path

from tests import client, running

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_answer_in_the_readme_is_what_such_a_page_gets(service: running.Service) -> None:
    example = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert example
    expected = json.loads(example[1])
    metas = (f'<meta property="{name}" content="{html.escape(text)}">' for name, text in expected["properties"])
    page = "<!doctype html><head>" + "".join(metas)

    class ReadmePage(running.Answer):
        def do_GET(self) -> None:
            self.answer(200, page.encode(), {"Content-Type": "text/html"})

    with running.origin(ReadmePage) as origin:
        answer = client.scrap(service.url, origin.url)
    assert answer.json == expected
    assert answer.body.startswith(b'{"title":"Open Graph protocol","type":"website","url":"https://ogp.me/",')
