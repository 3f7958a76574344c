"""What hypothesis draws is the same here and elsewhere."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.internal.conjecture.providers import HypothesisProvider


def test_no_constant_of_a_loaded_module_is_drawn() -> None:
    assert len(HypothesisProvider(None)._local_constants) == 0


def test_a_seed_follows_from_the_test_unless_more_is_looked_for() -> None:
    assert settings.get_profile("steady").derandomize
    assert not settings.get_profile("explore").derandomize
