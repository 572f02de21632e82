"""The stage is set and cleared; where a chapter fails, the evidence is kept."""

import shutil
import time
from collections.abc import Generator, Iterator

import pytest

from tests.chart.rendering import ROOT
from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import Namespace, until
from tests.cluster.intervals import asked
from tests.cluster.story.evidence import collect
from tests.cluster.story.record import Record
from tests.cluster.story.scene import values
from tests.cluster.story.service_access import ServiceAccess
from tests.cluster.story.stage import Stage
from tests.cluster.story.town import Town
from tests.cluster.story.watch import Watch

FOLDER = ROOT / ".cache" / "story"
FAILURE = FOLDER / "failure"


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A release that is calm: its rules, routes and targets are known, and the operator has found that so."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    # Another name each time: Alertmanager remembers for minutes what fired in an earlier one.
    namespace, record = Namespace(f"story-{int(time.time())}"), Record()
    with ServiceAccess() as access:
        town, stack = Town(namespace, access), Stack(access.url)
        intervals = asked(stack, namespace.name)
        watch = Watch(record, town, stack.prometheus, intervals.evaluation)
        stage = Stage(namespace, town, watch, record, stack, intervals)
        namespace.create()
        try:
            record.figure("scrapes", intervals.scrape, "s")
            record.figure("evaluations", intervals.evaluation, "s")
            town.build()
            namespace.install(values(namespace, intervals))
            town.call()
            with stage.watch.watching():
                try:
                    until("rules, routes and targets are there", stage.has_arrived, intervals.patience(180))
                    assert asked(stack, namespace.name) == intervals, "the release has intervals of its own"
                    until("what is measured is calm", stage.is_calm, intervals.patience(180))
                except TimeoutError as error:
                    collect(FAILURE, f"the curtain did not rise: {error}", "", stage)
                    raise
                yield stage
        finally:
            record.save(FOLDER / "story.json")
            namespace.delete()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps the evidence of the first failure, while everything still stands."""
    report = yield
    stage = getattr(item, "funcargs", {}).get("stage")
    if report.failed and isinstance(stage, Stage) and not FAILURE.exists():
        crash = getattr(report.longrepr, "reprcrash", None)
        said = crash.message.partition("\n")[0] if crash else ""
        collect(FAILURE, f"{item.name}: {said}", report.longreprtext, stage)
        print(f"\nthe evidence is in {FAILURE}; begin with summary.md")
    return report
