"""Reasons, outcomes and faults."""

import pytest

from scrap.errors import Fault, Outcome, Reason, ScrapError


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_somebodys_fault_and_says_so_in_a_sentence(reason: Reason) -> None:
    assert reason.fault in Fault
    assert reason.sentence[0].isupper()
    assert reason.sentence.endswith(".")


def test_answers_are_nobodys_fault() -> None:
    assert [outcome for outcome in Outcome if outcome.fault is None] == [Outcome.OK, Outcome.NO_OPEN_GRAPH]


def test_internal_is_for_the_log_alone() -> None:
    error = ScrapError(Reason.DNS_FAILED, "10.0.0.7 said SERVFAIL")
    assert "10.0.0.7" in str(error)
    assert "10.0.0.7" not in error.reason.sentence
