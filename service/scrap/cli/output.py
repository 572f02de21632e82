"""What `scrap get` writes: JSON, which is indented and coloured on a terminal, or a table; errors and progress."""

import os
import re
from typing import Any

import click
import orjson
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from scrap.api import problem
from scrap.errors import Outcome, ScrapError

# What would control a terminal or reorder its text: C0 (but line feeds), C1, line separators, bidirectional controls.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_CELL = 200  # characters


class Output:
    """Writes results as they come; a context, at whose end it writes what follows the last."""

    def __init__(self, given: tuple[str, ...], form: str) -> None:
        reads = "-" in given
        is_one = len(given) == 1 and not reads
        self.failed: set[Outcome] = set()
        self._form = "one" if is_one and form == "json" else form
        self._terminal = _console() if os.isatty(1) or os.environ.get("FORCE_COLOR") else None
        self._before = "["
        self._table = Table("URL", "Result", "Title", "Type", "Images", box=None, pad_edge=False)
        is_hidden = is_one or not os.isatty(2) or (reads and os.isatty(0))
        columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        screen = _console(stderr=True)
        self._progress = Progress(*columns, console=screen, transient=True, auto_refresh=False, disable=is_hidden)
        self._pages = self._progress.add_task("", total=None if reads else len(given))

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, error: object, *_: object) -> None:
        self._progress.stop()
        if error is None and self._form == "json":
            self._write("[]\n" if self._before == "[" else "]\n")
        elif error is None and self._form == "table":
            screen = _console()
            if not screen.is_terminal:
                screen.width = 10_000  # a row a line
            screen.print(self._table)

    def add(self, url: str, body: bytes, error: ScrapError | None) -> None:
        """Writes what became of a URL: its Open Graph, as JSON, or an error."""
        self._progress.stop()
        if error:
            self.fail(error, f"{url}: ")
        found = {} if error else orjson.loads(body)
        result = {"url": url, "problem": _problem(error)} if error else {"url": url, "open_graph": found}
        match self._form:
            case "one" if not error:
                self._write(self._json(found) + "\n")
            case "json":
                self._write(f"{self._before}{self._json(result)}\n")  # whole lines, for the bar is on the next
                self._before = ","
            case "ndjson":
                self._write(orjson.dumps(result).decode() + "\n")
            case "table":
                self._table.add_row(*map(_cell, (url, *_cells(found, error))), style="red" if error else "")
        self._progress.advance(self._pages)
        self._progress.start()

    def fail(self, error: ScrapError, where: str = "") -> None:
        """Writes an error to stderr, in one line."""
        self.failed.add(error.reason.outcome)
        click.echo(_printable(f"scrap: {where}{error.reason.sentence} ({error})".replace("\n", " ")), err=True)

    def _json(self, value: Any) -> str:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if self._terminal else None).decode()

    def _write(self, text: str) -> None:
        if self._terminal:
            self._terminal.print(JSONHighlighter()(_printable(text)), end="", soft_wrap=True)
        else:
            click.echo(text.encode(), nl=False)


def _problem(error: ScrapError) -> dict[str, object]:
    status = getattr(error, "status", None)
    return {**problem.members_of(error.reason), **({} if status is None else {"upstream_status": status})}


def _cells(found: dict[str, Any], error: ScrapError | None) -> tuple[str, ...]:
    if error:
        return error.reason.value, error.reason.sentence, "", ""
    if not found:
        return Outcome.NO_OPEN_GRAPH.value, "", "", ""
    return Outcome.OK.value, found.get("title", ""), found.get("type", ""), str(len(found.get("images", ())))


def _cell(text: str) -> Text:
    return Text(_printable(text.replace("\n", " "))[:_LONGEST_CELL], overflow="fold")


def _console(*, stderr: bool = False) -> Console:
    """A terminal as NO_COLOR, FORCE_COLOR, TERM and COLUMNS say."""
    return Console(stderr=stderr, color_system=None if os.environ.get("NO_COLOR") else "auto", highlight=False)


def _printable(text: str) -> str:
    """Text that cannot control a terminal: what could is written as JSON escapes it."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
