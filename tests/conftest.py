"""Rules for every test."""

import gc
import os
from collections.abc import Generator

import hypothesis
import pytest

from tests import left_out

# No example is timed: how long one takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Where everything that a test may need is installed, a skipped test is a hole, and fails.
_SKIPPED_TESTS_FAIL = os.environ.get("SKIPPED_TESTS_FAIL") == "1"


def pytest_xdist_auto_num_workers() -> int:
    """Three for two cores: many of the tests wait for something most of their time."""
    return max(2, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def _without_skips(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _SKIPPED_TESTS_FAIL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skip into a failure where nothing may be skipped."""
    report = yield
    _without_skips(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file."""
    report = yield
    _without_skips(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in one line what was left out on this machine."""
    skipped = terminalreporter.stats.get("skipped", [])
    if said := left_out.line(report.longrepr[2] for report in skipped):
        terminalreporter.write_line(said)
