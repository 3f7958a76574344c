"""Two worlds that differ in what is hidden from a part answer it alike, through every door."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.worlds.cast import ALWAYS, PARTS
from tests.worlds.comparison import Tally, play
from tests.worlds.conftest import Making
from tests.worlds.scenarios import Scenario, scenarios
from tests.worlds.world import Worlds

EXAMPLES = int(os.environ.get("FHIR_TEST_WORLDS", "16"))
"""Records for each part."""
CALLS = (12, 16)
LEAST = CALLS[0] * EXAMPLES
"""Pairs of answers for each part."""
TOGETHER = 3_000
"""Pairs of answers for all parts."""
TOUCHING = 0.1
"""The least share of reads that is about something hidden: somebody who sees more is answered differently."""


APART = [name for name in PARTS if PARTS[name].reads_all_patients]
"""What others' scenarios leave behind differs between the worlds, and these parts would see it."""


@pytest.mark.parametrize("part", [name for name in PARTS if name not in APART])
def test_what_is_hidden_makes_no_difference(worlds: Worlds, part: str) -> None:
    compare(worlds, part)


@pytest.mark.parametrize("part", APART)
def test_what_is_hidden_makes_no_difference_to_who_reads_every_patient(
    making_worlds: Making, part: str
) -> None:
    with making_worlds() as worlds:
        compare(worlds, part)


def compare(worlds: Worlds, part: str) -> None:
    """Play scenarios of one part, and assert that they ask enough."""
    tally = Tally()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        print_blob=False,
    )  # fmt: skip
    @given(scenario=scenarios(PARTS[part], calls=CALLS))
    def compared(scenario: Scenario) -> None:
        play(worlds, scenario, tally)

    compared()
    assert tally.pairs >= LEAST
    if ALWAYS not in PARTS[part].marks:
        assert tally.told_apart >= TOUCHING * tally.asked_again, tally


def test_all_parts_together_compare_enough() -> None:
    """Each part asserts what it counted."""
    assert LEAST * len(PARTS) >= TOGETHER
