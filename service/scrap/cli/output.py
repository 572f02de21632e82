"""What `scrap get` writes: JSON, indented and coloured on a terminal, or a table; explanations, errors, progress."""

import os
import re

import click
import orjson
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from scrap.api import problem
from scrap.cli.get_result import EXIT_CODES, GetResult, Object
from scrap.errors import Outcome, ScrapError

# What would control a terminal or reorder its text: C0 (but line feeds), C1, line separators, bidirectional controls.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_CELL = 200  # characters
_BARE = {"code", "detail", "name", "state", "status", "type", "url"}  # members that are clear without their names


class Output:
    """Writes results as they come; `end` writes what follows the last. `bar` counts them, on a terminal's stderr."""

    def __init__(self, given: tuple[str, ...], form: str) -> None:
        reads = "-" in given
        self._is_one = form == "json" and len(given) == 1 and not reads
        self._form, self._before = form, "["
        self._stdout, self._stderr = _console(1), _console(2)
        self._table = Table("URL", "Result", "Title", "Image", box=None, pad_edge=False)
        self.exit_code = 0
        hidden = self._is_one or not os.isatty(2) or (reads and os.isatty(0))
        columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self.bar = Progress(*columns, console=self._stderr, transient=True, auto_refresh=False, disable=hidden)
        self.bar.add_task("", total=None if reads else len(given))

    def add(self, result: GetResult) -> None:
        url, graph, explanation, error, status = result
        self.bar.stop()
        if explanation:
            self._stderr.print(_explained(explanation))
        if error:
            self.fail(error, f"{url}: ")
        if self._form == "table":
            outcome, title = Outcome.OK if graph else Outcome.NO_OPEN_GRAPH, graph.get("title", "")
            cells = (error.reason, error.reason.sentence) if error else (outcome, title, graph.get("image", ""))
            self._table.add_row(*map(_cell, (url, *cells)), style="red" if error else "")
        elif not self._is_one:
            upstream = {} if status is None else {"upstream_status": status}
            found = {"problem": problem.members_of(error.reason) | upstream} if error else {"open_graph": graph}
            self._write({"url": url, **found}, self._before if self._form == "json" else "")
            self._before = ","  # whole lines, for the bar is on the next
        elif not error:
            self._write(graph)
        self.bar.advance(self.bar.task_ids[0])
        self.bar.start()

    def end(self) -> None:
        if self._form == "table":
            self._stdout.print(self._table)
        elif self._form == "json" and not self._is_one:
            click.echo("[]" if self._before == "[" else "]")

    def fail(self, error: ScrapError, where: str = "") -> None:
        """Writes an error to stderr, in one line."""
        self.exit_code = max(self.exit_code, EXIT_CODES[error.reason.outcome])
        click.echo(_printable(f"scrap: {where}{error.reason.sentence} ({error})".replace("\n", " ")), err=True)

    def _write(self, value: Object, before: str = "") -> None:
        is_terminal = self._stdout.is_terminal
        indented = orjson.OPT_INDENT_2 if is_terminal and self._form == "json" else 0
        text = before.encode() + orjson.dumps(value, option=indented | orjson.OPT_APPEND_NEWLINE)
        if is_terminal:
            self._stdout.print(JSONHighlighter()(_printable(text.decode())), end="", soft_wrap=True)
        else:
            click.echo(text, nl=False)


def _explained(explanation: Object) -> Table:
    """A line for each member, and for each item of a list."""
    rows = Table.grid(padding=(0, 2))
    for name, value in explanation.items():
        for item in value if isinstance(value, list) else [value] if value else []:
            if name == "warnings":
                rows.add_row(Text(name, style="bold"), _cell(_warning(item, explanation["open_graph"])))
            elif name != "open_graph":
                rows.add_row(Text(name, style="bold"), _cell(_line(item)))
    return rows


def _warning(warning: Object, graph: Object) -> str:
    """A warning with the names of its properties; it is not changed: results of the same page share it."""
    names = " ".join(graph["properties"][number][0] for number in warning["properties"])
    shown = {name: value for name, value in warning.items() if name != "properties"}
    return _line(shown | {"properties": names} if names else shown)


def _line(item: object) -> str:
    if isinstance(item, dict):
        return ", ".join(_line(value) if name in _BARE else f"{name} {_line(value)}" for name, value in item.items())
    if isinstance(item, float):
        return f"{item * 1e3:.1f} ms"
    return item if isinstance(item, str) else orjson.dumps(item).decode()


def _cell(text: str) -> Text:
    return Text(_printable(text.replace("\n", " "))[:_LONGEST_CELL], overflow="fold")


def _console(descriptor: int) -> Console:
    """A terminal as NO_COLOR, FORCE_COLOR, TERM and COLUMNS say; in a pipe, a row is a line."""
    colors = None if os.environ.get("NO_COLOR") else "auto"
    width = None if os.isatty(descriptor) else 10_000
    return Console(stderr=descriptor == 2, color_system=colors, highlight=False, width=width)  # type: ignore[arg-type]


def _printable(text: str) -> str:
    """Text that cannot control a terminal: what could is written as JSON escapes it."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
