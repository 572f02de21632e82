"""Public text uses the standard terms of the field: what clients, operators and readers of the documents see."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from scrap import cli
from scrap.api import problem
from scrap.api_docs import openapi
from scrap.errors import Reason
from scrap.settings import SETTINGS
from scrap.telemetry import Metrics
from scrap_operator import cli as operator_cli
from scrap_operator.telemetry import OperatorMetrics
from tests.unit.telemetry.owners import observed
from tests.words import ROOT, coined, without_code

# These pages describe the chart's alerts, messages and dashboards in the chart's own words.
OF_THE_CHART = {"dashboards.md", "faults.md", "slack.md"}
PAGES = [
    *ROOT.glob("*.md"),
    *(page for page in (ROOT / "docs").glob("*.md") if page.name not in OF_THE_CHART),
    *(ROOT / "docs/decisions").glob("*.md"),
]
# The calls of a module that write public text; besides, what it raises.
WRITERS = re.compile(r"_?log\.\w+|RuleOutcome|_condition|self\._report_problem")


def descriptions(schema: Any) -> Iterator[str]:
    """The texts of an OpenAPI document that are written for people."""
    if isinstance(schema, list):
        for item in schema:
            yield from descriptions(item)
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in {"description", "summary", "title"} and isinstance(value, str):
                yield value
            yield from descriptions(value)


def helps(command: click.Command, parent: click.Context | None = None) -> str:
    """The help of a command and of all below it, with the options that only `--help-all` shows."""
    with click.Context(command, parent, **command.context_settings) as context:
        below = command.commands.values() if isinstance(command, click.Group) else ()
        hidden = (f"{option.opts}  {option.help}" for option in command.params if getattr(option, "hidden", False))
        return "\n".join([command.get_help(context), *hidden, *(helps(each, context) for each in below)])


def messages(source: Path) -> Iterator[str]:
    """The string literals that a module logs, raises, or writes into a status."""
    for node in ast.walk(ast.parse(source.read_text())):
        call = node.exc if isinstance(node, ast.Raise) else node
        if isinstance(call, ast.Call) and (isinstance(node, ast.Raise) or WRITERS.fullmatch(ast.unparse(call.func))):
            for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
                yield from (
                    part.value
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )


def help_of(families: Iterable[Any]) -> dict[str, str]:
    return {f"metric {family.name}": family.documentation for family in families}


def texts() -> dict[str, str]:
    """Every public text by where it is."""
    operator = OperatorMetrics(lambda: 0.0).render().decode().splitlines()
    modules = (path for package in ("scrap", "scrap_operator") for path in (ROOT / "service" / package).rglob("*.py"))
    return {
        **{f"reason {reason}": reason.sentence for reason in Reason},
        **{f"title of {reason}": problem.members_of(reason)["title"] for reason in Reason},
        **{f"setting {setting.name}": setting.help for setting in SETTINGS},
        **help_of(observed(Metrics(version="1")).registry.collect()),
        **{f"metric {line.split()[2]}": line for line in operator if line.startswith("# HELP ")},
        "make help": "\n".join(re.findall(r"^[a-z-]+:.*## (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)),
        "openapi": "\n".join(descriptions(orjson.loads(openapi.render("1")))),
        "scrap --help": helps(cli.main),
        "scrap-operator --help": helps(operator_cli.main),
        **{f"messages of {path.relative_to(ROOT)}": "\n".join(messages(path)) for path in modules},
        **{str(page.relative_to(ROOT)): without_code(page.read_text()) for page in PAGES},
    }


def test_public_text_has_no_coined_words() -> None:
    assert [(where, word) for where, text in texts().items() for word in coined(text)] == []


def test_every_kind_of_text_is_read() -> None:
    read = texts()
    assert "admission_in_flight" in " ".join(read)
    assert "scrap_operator_poll_seconds" in " ".join(read)
    for where, part in [
        ("openapi", "percent-encoded"),
        ("scrap --help", "--max-held-bytes"),
        ("scrap-operator --help", "--selector"),
        ("make help", "remove what the commands made"),
        ("messages of service/scrap/app.py", "draining"),
        ("messages of service/scrap_operator/decision.py", "The mode is Suspended."),
        ("messages of service/scrap_operator/manifest.py", "Nothing else scales the target."),
        ("messages of service/scrap/fetch/egress_policy.py", "must be printable ASCII"),
        ("docs/caching.md", "slot"),
        ("CHANGELOG.md", "Unreleased"),
    ]:
        assert part in read[where]
