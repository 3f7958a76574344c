"""Two worlds that differ in what is hidden from a part answer it alike, through every door."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.worlds.cast import ALWAYS, PARTS
from tests.worlds.comparison import Tally, play
from tests.worlds.scenarios import Scenario, scenarios
from tests.worlds.world import Worlds

EXAMPLES = 16
LEAST = 150
"""Pairs of answers for each part; for all of them together more than 3,000."""
TOUCHING = 0.1
"""The least share of reads that is about something hidden: somebody who sees more is answered differently."""


@pytest.mark.parametrize("part", PARTS)
def test_what_is_hidden_makes_no_difference(worlds: Worlds, part: str) -> None:
    tally = Tally()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        print_blob=False,
    )  # fmt: skip
    @given(scenario=scenarios(PARTS[part]))
    def compared(scenario: Scenario) -> None:
        play(worlds, scenario, tally)

    compared()
    assert tally.pairs >= LEAST
    if ALWAYS not in PARTS[part].marks:
        assert tally.told_apart >= TOUCHING * tally.asked_again, tally
