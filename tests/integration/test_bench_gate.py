"""The regression gate, for real: a checkout that is several times slower fails, an equal one does not.

How fine it measures is for a quiet machine (docs/benchmarks.md); tests run beside others.
"""

import shutil
from pathlib import Path

import pytest

from tests.benchmarks.bench_gate import ROOT, Checkout, main, measure

ROUNDS = {"http": 5}
SLOWER = """

def _slowed(parse):
    import time

    def parse_later(*arguments, **options):
        end = time.thread_time_ns() + 10_000_000
        while time.thread_time_ns() < end:
            pass
        return parse(*arguments, **options)

    return parse_later


parse = _slowed(parse)
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A second checkout."""
    shutil.copytree(ROOT / "service", tmp_path / "service", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_equal_checkout_costs_about_the_same(copied: Path) -> None:
    found = measure(Checkout(ROOT), Checkout(copied), repetitions=1, rounds=ROUNDS)["http"]
    assert 0.5 < found.ratio < 2, found


def test_a_slowed_checkout_fails(copied: Path) -> None:
    with (copied / "service/scrap/urls.py").open("a") as urls:
        urls.write(SLOWER)
    found = measure(Checkout(ROOT), Checkout(copied), repetitions=1, rounds=ROUNDS)["http"]
    assert found.is_slower
    assert found.ratio > 2, found


def test_without_git_it_says_so_and_passes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert main([]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_a_checkout_that_would_run_another_service_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="would run"):
        measure(Checkout(ROOT), Checkout(tmp_path), repetitions=1, rounds=ROUNDS)
