"""The snapshots that the generator makes are the published ones; each difference is listed with its cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from profiles.library import Library
from profiles.load import load_registry
from profiles.overlay import with_profiles
from profiles.package import DefinitionError
from profiles.registry import Registry
from profiles.shipped import SHIPPED
from tests.profiles.published import Difference, constraints_in, differences, readable
from tests.profiles.publishing import LISTED, class_of, published

pytestmark = pytest.mark.corpus

CORE = "r4-definitions/hl7.fhir.r4.core-4.0.1.tgz"
IPS_1 = "eu/ips-1.1.0"
IPS_2 = "packages/hl7.fhir.uv.ips-2.0.0.tgz"
EXTENSIONS = "packages/hl7.fhir.uv.extensions.r4-5.3.0-ballot-tc1.tgz"


UNEQUAL: Mapping[str, int] = {CORE: 2, EXTENSIONS: 58, IPS_1: 10, IPS_2: 2}
"""How many definitions of a source differ in path, cardinality, type, binding or slice; none of the others."""
EXPLAINED: Mapping[str, Mapping[str, int]] = {
    CORE: {
        "must-support copied to slices": 11,
        "short form inside a slice": 12,
        "invariants of the value's type repeated": 3,
        "content of one slice": 1,
        "not handed on to slices": 1,
    },
    EXTENSIONS: {
        "sum of the slices as minimum": 58,
        "one type left": 1,
        "binding of the differential left out": 1,
    },
    IPS_1: {
        "not handed on to slices": 218,
        "invariants of the value's type repeated": 39,
        "must-support copied to slices": 16,
        "closed choices published open": 14,
    },
    IPS_2: {"not handed on to slices": 3},
}
"""How many differences each class of `publishing` explains; there are no others."""

REFUSED = {
    "catalog": "is a slice, but date is not sliced",
    "codesystem-history": "max 1 is higher than the 0 of the base",
    "familymemberhistory-genetic": "is a slice, but relationship is not sliced",
}
"""Of R4 core: their differentials contradict themselves."""
UNREADABLE = 3
"""Of R4 core: elements whose type has no code (`structuredefinition-json-type` and its like)."""
COUNTS = {
    CORE: 442,
    EXTENSIONS: 680,
    IPS_1: 36,
    IPS_2: 29,
    "packages/ans.fhir.fr.annuaire-1.2.0-snapshot-2.tgz": 48,
    "packages/ans.fhir.fr.mesmesures-0.1.0-partial.tgz": 7,
    "packages/ans.fhir.fr.mesures-3.1.0-partial.tgz": 10,
    "packages/ans.fhir.fr.pdsm-3.1.1.tgz": 9,
    "packages/hl7.fhir.eu.base-2.0.0.tgz": 23,
    "packages/hl7.fhir.eu.eps-1.0.0-xtehr.tgz": 23,
    "packages/hl7.fhir.eu.extensions.r4-1.2.1-ci-build.tgz": 8,
    "packages/hl7.fhir.eu.hdr-1.0.0-ci.tgz": 34,
    "packages/hl7.fhir.eu.health-data-api-1.0.0-ballot.tgz": 1,
    "packages/hl7.fhir.eu.laboratory-2.0.0.tgz": 19,
    "packages/hl7.fhir.fr.core-2.2.0-ballot-partial.tgz": 37,
    "packages/hl7.fhir.uv.xver-r5.r4-0.1.0-derived.tgz": 24,
    "packages/ihe.iti.balp-1.1.5-current.tgz": 21,
    "packages/ihe.iti.mhd-4.2.4-current.tgz": 39,
    "packages/ihe.iti.pcf-1.1.1-current.tgz": 3,
    "packages/ihe.iti.pdqm-3.2.0.tgz": 9,
    "packages/ihe.pharm.mpd.r4-1.0.0-comment-3-partial.tgz": 12,
}
"""How many profiles and extensions each source has."""


@pytest.fixture(scope="module")
def surroundings(corpus: Path) -> Registry:
    """Every published definition, as what the definitions of one guide refer to."""
    shipped = {each.source for each in SHIPPED}
    others = [constraints_in(corpus / source) for source in COUNTS if source not in shipped | {CORE}]
    found = [profile for trees in others for profile in readable(trees).values()]
    return with_profiles(load_registry([each.name for each in SHIPPED]), found)


@dataclass(frozen=True)
class Comparison:
    """All definitions of a source, published and made; `refused`: name → why none can be made."""

    trees: int
    readable: int
    differences: Mapping[str, Sequence[Difference]]
    classes: Mapping[Difference, str | None]
    refused: Mapping[str, str]


@pytest.fixture(scope="module", params=COUNTS)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def comparison(corpus: Path, surroundings: Registry, source: str) -> Comparison:
    trees = constraints_in(corpus / source)
    library = Library(surroundings, trees, regenerate=True)
    given = readable(trees)
    by_url = {tree["url"]: tree for tree in trees}
    found: dict[str, list[Difference]] = {}
    classes: dict[Difference, str | None] = {}
    refused: dict[str, str] = {}
    for url, profile in given.items():
        try:
            made = library.profile(url)
        except DefinitionError as fault:
            refused[url.rpartition("/")[2]] = fault.reason
            continue
        assert made is not None
        found[url] = sorted(differences(profile, made, surroundings))
        if found[url]:
            pair = published(by_url[url], profile, made, surroundings)
            classes |= {each: class_of(pair, each) for each in found[url]}
    return Comparison(len(trees), len(given), found, classes, refused)


def test_every_definition_is_read_or_refused_for_a_known_reason(comparison: Comparison, source: str) -> None:
    is_core = source == CORE
    assert comparison.trees == COUNTS[source]
    assert comparison.trees - comparison.readable == (UNREADABLE if is_core else 0)
    expected = REFUSED if is_core else {}
    assert comparison.refused.keys() == expected.keys()
    assert all(expected[name] in reason for name, reason in comparison.refused.items())


def test_paths_cardinalities_types_bindings_and_slices_equal_the_published_ones(
    comparison: Comparison, source: str
) -> None:
    unequal = [
        url for url, found in comparison.differences.items() if any(what in LISTED for what, _, _ in found)
    ]
    assert len(unequal) == UNEQUAL.get(source, 0)


def test_what_differs_is_explained_by_the_publication_itself(comparison: Comparison, source: str) -> None:
    assert [each for each, name in comparison.classes.items() if name is None] == []
    assert Counter(comparison.classes.values()) == EXPLAINED.get(source, {})


def test_a_fault_in_a_snapshot_is_explained_by_nothing(corpus: Path, surroundings: Registry) -> None:
    trees = [tree for tree in constraints_in(corpus / IPS_1) if tree["id"] == "Patient-uv-ips"]
    (given,) = readable(trees).values()
    for number, element in enumerate(given.elements[1:], 1):
        for damage in ({"min": element.min + 1}, {"max": 7}, {"types": (), "binding": None}):
            worse = replace(element, **damage)
            made = replace(given, elements=(*given.elements[:number], worse, *given.elements[number + 1 :]))
            pair = published(trees[0], given, made, surroundings)
            found = list(differences(given, made, surroundings))
            assert found or worse == element
            assert [class_of(pair, each) for each in found] == [None] * len(found), element.id
