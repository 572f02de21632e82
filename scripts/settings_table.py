"""Writes docs/settings.md from the settings themselves: `make docs`."""

import sys

from scrap.settings import GROUPS

HEAD = """# Settings

Each is a flag of `scrap serve` and an environment variable; the flag wins. All are read and checked once, at the start:
a bad one ends the process with an error that names it. This page is made by `make docs`.
"""


def render() -> str:
    """The page."""
    page = [HEAD]
    for heading, settings in GROUPS.items():
        page += [f"## {heading}", "", "| Variable | Flag | Default | What it does |", "| --- | --- | --- | --- |"]
        for setting in settings:
            default = f"`{setting.default_text}`" if setting.default_text else "none"
            words = setting.help + (" Keep it in a Secret." if setting.secret else "")
            page.append(f"| `{setting.variable}` | `--{setting.name}` | {default} | {words} |")
        page.append("")
    return "\n".join(page)


if __name__ == "__main__":
    sys.stdout.write(render())
