"""A differential of a few rows never makes a snapshot that does not end."""

from __future__ import annotations

from typing import Any

import pytest

from profiles.definitions import Profile
from profiles.library import Library
from profiles.package import DefinitionError
from profiles.registry import Registry
from profiles.snapshot_walk import DEEPEST
from tests.profiles.small_package import row
from tests.profiles.test_snapshot import element, made, of

BY_URL = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}


def nested(levels: int, width: int) -> list[dict[str, Any]]:
    """Rows that slice the innermost extension first: each slice further out copies all that is inside."""
    rows = []
    for level in range(levels, 0, -1):
        path = "Patient" + ".extension" * level
        rows.append(row(path, slicing=BY_URL))
        rows += [row(f"{path}:s{number}", sliceName=f"s{number}") for number in range(width)]
    return rows


def test_slices_that_multiply_are_refused_with_the_row(registry: Registry) -> None:
    with pytest.raises(DefinitionError, match=r"Patient\.extension.*more than .* elements"):
        made(registry, of("Patient", *nested(8, 9)))


def test_slices_within_slices_are_made_as_long_as_there_is_room(registry: Registry) -> None:
    found: Profile = made(registry, of("Patient", *nested(2, 3)))
    assert element(found, "Patient.extension:s2.extension:s1")


def test_a_path_deeper_than_any_resource_is_refused(registry: Registry) -> None:
    path = "Patient" + ".extension" * (DEEPEST * 40)
    with pytest.raises(DefinitionError, match="steps"):
        made(registry, of("Patient", row(path, min=0)))


def test_a_slice_does_not_take_the_slices_beside_it_along(registry: Registry) -> None:
    width = 1500
    library = Library(registry, [of("Patient", *nested(1, width))])
    (url,) = [tree["url"] for tree in [of("Patient")]]
    found = library.profile(url)
    assert found is not None
    slices = [
        each for each in found.elements if each.slice_name is not None and each.path == "Patient.extension"
    ]
    assert len(slices) == width
