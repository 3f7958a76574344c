"""Clones are other persons with the same kind of record."""

from __future__ import annotations

from conformance.load.bundle import texts
from conformance.load.generate import generate
from conformance.load.growth import DAYS_APART, clone, clones
from conformance.load.mixes import MIXES, paths
from conformance.load.seed import Planted


def test_a_clone_has_ids_of_its_own_and_refers_only_to_them() -> None:
    (bundle,) = generate(1)
    made = clone(bundle, 3)
    before = {entry["fullUrl"] for entry in bundle.entries}
    after = {entry["fullUrl"] for entry in made.entries}
    assert before.isdisjoint(after)
    assert len(after) == len(before)
    named = {
        text for entry in made.entries for text in texts(entry["resource"]) if text.startswith("urn:uuid:")
    }
    assert named <= after


def test_a_clone_is_earlier_by_its_number_and_has_another_identifier() -> None:
    (bundle,) = generate(1)
    made = clone(bundle, 2)
    days = [
        [
            entry["resource"]["effectiveDateTime"][:10]
            for entry in one.entries
            if "effectiveDateTime" in entry["resource"]
        ]
        for one in (bundle, made)
    ]
    assert days[0] != days[1]
    assert len(days[0]) == len(days[1])
    assert DAYS_APART * 2 == 22
    identifiers = [one.entries[0]["resource"]["identifier"][0]["value"] for one in (bundle, made)]
    assert identifiers[1] == f"{identifiers[0]}-2"


def test_the_same_number_makes_the_same_clone_and_another_one_another() -> None:
    bundles = generate(2)
    first, again = list(clones(bundles, 1, 2)), list(clones(bundles, 1, 2))
    assert [one.body for one in first] == [one.body for one in again]
    assert len({one.body for one in first}) == 4


def test_every_query_of_a_mix_is_filled_in() -> None:
    (bundle,) = generate(1)
    places = tuple((entry["resource"]["resourceType"], f"id{n}") for n, entry in enumerate(bundle.entries))
    for mix in MIXES.values():
        for template in mix.values():
            asked = list(paths(template, [Planted(bundle, places)], 5))
            assert len(asked) == 5
            assert not any("{" in path for path in asked)
