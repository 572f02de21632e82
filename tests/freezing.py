"""A process that hangs: the kernel accepts its connections, and nobody answers."""

import os
import signal
import subprocess
from typing import Any


def freeze(process: subprocess.Popen[Any]) -> None:
    """Stops a child process; it has stopped when this returns."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)  # the signal is sent at once, but each thread stops when it gets to run


def thaw(process: subprocess.Popen[Any]) -> None:
    """Lets it go on."""
    process.send_signal(signal.SIGCONT)
