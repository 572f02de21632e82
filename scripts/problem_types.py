"""Writes the types of problems into docs/problems.md, as the service has them at `/problems/NAME`: `make docs`."""

import re
from pathlib import Path

from scrap.api.problem import reasons_by
from scrap.api_docs import problem_pages

PAGE = Path(__file__).parent.parent / "docs" / "problems.md"


def written(page: str) -> str:
    """The page with the current types in their place."""
    types = (problem_pages.render("problem.md", reasons) for reasons in reasons_by("type").values())
    sections = "\n".join(f"##{text}" for text in types)
    return re.sub(r"(?<=<!-- types -->\n).*?(?=<!-- end -->)", lambda _: f"\n{sections}\n", page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
