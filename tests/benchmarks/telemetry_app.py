"""`scrap serve` without metrics and logs, for bench_telemetry: the same service, all of whose events are dropped.

python -m tests.benchmarks.telemetry_app
"""

import contextlib
import logging

from scrap import __version__, api, app, cli
from scrap.events import Emit, ignore
from scrap.settings import Settings
from scrap.telemetry import Metrics


def silence(settings: Settings, stack: contextlib.AsyncExitStack) -> tuple[Metrics, Emit, None]:
    """Starts nothing. The management port has metrics to show, but nothing is counted."""
    return Metrics(version=__version__, routes=api.ROUTES), ignore, None


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)  # the line that says where it serves
    app._signals = silence  # a switch for a benchmark has no place in the service
    cli.main(["serve"])
