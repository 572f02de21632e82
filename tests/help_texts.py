"""What `--help` shows, to be read: `make docs` writes help_texts.txt."""

from pathlib import Path

from click.testing import CliRunner

from scrap import cli
from scrap_operator import cli as operator_cli

FILE = Path(__file__).with_suffix(".txt")
COMMANDS = {"scrap": cli.main, "scrap-operator": operator_cli.main}
PAGES = ("scrap", "scrap get", "scrap serve", "scrap-operator", "scrap-operator run")


def shown(line: str, columns: int) -> str:
    """What a command line shows on a terminal that wide."""
    program, *arguments = line.split()
    command = COMMANDS[program]
    return CliRunner().invoke(command, arguments, prog_name=program, env={"COLUMNS": str(columns)}).output


def render() -> str:
    """All of them, at 80 and at 120 columns."""
    lines = [(f"{page} --help", columns) for columns in (80, 120) for page in PAGES]
    return "\n".join(f"$ {line}  # {columns} columns\n{shown(line, columns)}" for line, columns in lines)


if __name__ == "__main__":
    FILE.write_text(render())
