"""Is everything we emit valid FHIR by a validator that is not ours, and how far can that validator be trusted?"""

from __future__ import annotations

import pytest

from tests.conformance.figures import printed
from tests.conformance.judgement import Judgement, differences, errors, judged, listed, stale, unlisted

pytestmark = [pytest.mark.validator, pytest.mark.timeout(1200)]

WARNINGS, ERRORS = ("warning",), ("error", "fatal")


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    """Every verdict, from one run of the validator."""
    return judged()


def test_nothing_that_we_emit_has_an_error(judgement: Judgement) -> None:
    assert [f"{name}: {one}" for name, messages in judgement.emitted.items() for one in errors(messages)] == []


def test_every_warning_is_known_and_has_a_reason(judgement: Judgement) -> None:
    assert unlisted(judgement.emitted, listed("warning"), WARNINGS) == []


def test_no_known_warning_is_stale(judgement: Judgement) -> None:
    assert stale(judgement.emitted, listed("warning"), WARNINGS) == []


def test_the_validator_finds_every_planted_fault(judgement: Judgement) -> None:
    assert [f"{name}: {one}" for name, messages in judgement.right.items() for one in errors(messages)] == []
    for fault, said in judgement.faults:
        assert bool(errors(said)) == fault.is_error, (fault.name, said)
        assert said, f"{fault.name} was not noticed at all"


def test_the_validator_finds_every_fault_planted_in_what_we_emit(judgement: Judgement) -> None:
    """Our own codes and extensions are judged by our own definitions; without them a wrong code of ours would be taken for unknown."""
    assert [name for name, said in judgement.own_faults.items() if not errors(said)] == []


def test_the_validator_agrees_with_hl7_on_the_examples_of_mcode(judgement: Judgement) -> None:
    """HL7 published all of them as valid; each disagreement has a reason that is listed, and none is listed for nothing."""
    assert len(judgement.examples) == 179
    assert unlisted(judgement.examples, listed("example"), ERRORS) == []
    assert stale(judgement.examples, listed("example"), ERRORS) == []


def test_the_validator_agrees_with_hl7_on_its_test_cases_where_they_are_at_hand(judgement: Judgement) -> None:
    differ = {name for name, (theirs, ours) in judgement.outcomes.items() if theirs != ours}
    assert differ == (set(differences()) if judgement.outcomes else set())


def test_the_figures_name_what_was_judged(judgement: Judgement) -> None:
    text = printed(judgement)
    assert f"{len(judgement.emitted)} bodies" in text
    assert "0 errors" in text
