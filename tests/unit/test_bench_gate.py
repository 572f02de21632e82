"""The regression gate: what it compares with, and when it fails."""

from collections.abc import Callable

import pytest

from tests.benchmarks.bench_gate import GateResult, find_base, report
from tests.benchmarks.bench_gate_origin import response
from tests.varied_pages import PAGES, page

Git = Callable[..., str | None]


def git(**results: str | None) -> Git:
    """A git that prints these for `rev-parse --git-dir` (folder), `rev-parse --verify` (commit) and `diff`."""

    def run(command: str, *arguments: str) -> str | None:
        if command == "diff":
            return results["diff"]
        return results["folder" if "--git-dir" in arguments else "commit"]

    return run


@pytest.mark.parametrize(
    ("git", "commit", "reason"),
    [
        (git(folder=None), "", "no git repository"),
        (git(folder=".git", commit=None), "", "a shallow clone has no commit before its own"),
        (git(folder=".git", commit="c0ffee", diff=""), "", "neither the service nor uv.lock differs from HEAD^"),
        (git(folder=".git", commit="c0ffee", diff=None), "c0ffee", ""),
    ],
)
def test_what_is_compared_with(git: Git, commit: str, reason: str) -> None:
    found, why = find_base("HEAD^", git)
    assert found == commit
    assert reason in why
    assert bool(why) != bool(found)


@pytest.mark.parametrize(
    ("medians", "is_slower"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0], False),
        ([1.12, 1.13, 1.12, 1.14, 1.11], True),
        ([0.98, 1.02, 1.12, 1.14, 1.11], True),  # two repetitions were disturbed
        ([0.98, 1.01, 1.02, 1.30, 1.30], False),
        ([1.20], True),
    ],
)
def test_most_repetitions_have_to_agree(medians: list[float], is_slower: bool) -> None:
    assert GateResult([[median] * 3 for median in medians], 1000, 1000).is_slower is is_slower


def test_a_disturbed_pair_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    measured = GateResult([[1.0, 9.0, 1.0, 0.1, 1.0]] * 3, 1000, 1000)
    assert measured.medians == [1.0, 1.0, 1.0]
    assert report({"http": measured})
    assert not report({"http": measured, "https": GateResult([[1.2]], 1000, 1200)})
    assert "SLOWER" in capsys.readouterr().out


def test_the_pages_are_varied_and_the_same_every_time() -> None:
    pages = [page(number) for number in range(PAGES)]
    assert pages == [page(number) for number in range(PAGES)]
    assert len(set(map(len, pages))) == PAGES
    assert 0 < sum(b"og:title" not in page for page in pages) < PAGES / 4
    heads = [response(number, pages[number]).partition(b"\r\n\r\n")[0] for number in range(3)]
    assert [b"Transfer-Encoding: chunked" in head for head in heads] == [False, True, False]
    assert [b"Content-Encoding: gzip" in head for head in heads] == [False, False, True]
