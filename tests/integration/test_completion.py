"""Completion as docs/cli.md sets it up, in each shell itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text()
# What is typed before Tab, and the word that it becomes.
TYPED = [
    ("scrap g", "get"),
    ("scrap get --verb", "--verbose"),
    ("scrap get --format nd", "ndjson"),
    ("scrap serve --log-l", "--log-level"),
    ("scrap-operator r", "run"),
    ("scrap-operator run --log-format t", "text"),
]
PROGRAMS = ("scrap", "scrap-operator")
KILL_LINE = "\x15"
PATIENCE = 60.0  # seconds


def installed(*shells: str) -> list[object]:
    """The shells; those that are not on this machine are left out, by name."""
    return [
        # .ci/run installs all three, and fails where anything is skipped.
        pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed"))
        for name in shells
    ]


def environment() -> dict[str, str]:
    """This process's, with the programs of this environment first, in a terminal that nothing decorates."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "TERM": "dumb", "PS1": "READY> ", "HISTFILE": "/dev/null"}


def set_up(shell: str, program: str) -> str:
    """The line of the page for this shell and this program."""
    (line,) = (
        line for line in PAGE.splitlines() if f"_COMPLETE={shell}_source {program} " in f"{line} ".replace(")", " ")
    )
    return line


@pytest.mark.parametrize("shell", installed("bash", "zsh"))
def test_tab(shell: str) -> None:
    arguments = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[shell]
    terminal = pexpect.spawn(shell, arguments, env=environment(), encoding="utf-8", timeout=PATIENCE)
    if shell == "zsh":
        terminal.sendline("unsetopt zle_bracketed_paste; PS1='READY> '; autoload -Uz compinit; compinit -u -D")
    for program in PROGRAMS:
        terminal.sendline(set_up(shell, program))
    terminal.sendline("echo set''up $?")
    terminal.expect_exact("setup 0")
    terminal.expect_exact("READY> ")
    for typed, word in TYPED:
        terminal.send(f"{typed}\t")
        terminal.expect_exact(f"{typed.rpartition(' ')[0]} {word}")
        terminal.send(KILL_LINE)
    terminal.close(force=True)


@pytest.mark.parametrize("shell", installed("fish"))
def test_complete(shell: str) -> None:
    asked = "".join(f"complete -C '{typed}'\n" for typed, _ in TYPED)
    script = "\n".join([*(set_up(shell, program) for program in PROGRAMS), asked])
    done = subprocess.run([shell, "-N", "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == [word for _, word in TYPED]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_url_is_completed(program: str) -> None:
    """A URL is no file: after `get`, only options are offered."""
    variables = {f"_{program.upper().replace('-', '_')}_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    words = {"scrap": "scrap get ", "scrap-operator": "scrap-operator run "}[program]
    command = str(Path(sys.executable).with_name(program))
    done = subprocess.run(
        [command], env={**environment(), **variables, "COMP_WORDS": words}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
