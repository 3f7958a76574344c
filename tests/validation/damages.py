"""Kinds of damage: each breaks one rule at one place of a valid resource, and says where that place is."""

from __future__ import annotations

from tests.validation.damage import Damage, enrich
from tests.validation.damages_of_objects import OBJECT_DAMAGES
from tests.validation.damages_of_values import VALUE_DAMAGES

DAMAGES = (*VALUE_DAMAGES, *OBJECT_DAMAGES)

__all__ = ["DAMAGES", "Damage", "enrich"]
