"""A value with some of its fields changed is what `dataclasses.replace` makes of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest

from fhir_server.model.altering import replace


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    size: int = 1
    parts: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Computed:
    name: str
    length: int = field(init=False, default=0)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"size": 2}, id="one"),
        pytest.param({"notes": {"b": "c"}, "name": "y", "parts": ("p",), "size": 0}, id="all"),
    ],
)
def test_it_is_what_the_library_makes(changes: dict[str, Any]) -> None:
    thing = Thing("x", 5, ("a", "b"), {"a": "b"})
    assert replace(thing, **changes) == dataclasses.replace(thing, **changes)
    assert thing == Thing("x", 5, ("a", "b"), {"a": "b"})


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        replace(Thing("x"), colour="red")


def test_what_is_not_made_of_its_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="Computed"):
        replace(Computed("x"), name="y")
