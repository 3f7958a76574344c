"""The snapshots that the generator makes are the published ones; each difference is listed with its cause."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from profiles.library import Library
from profiles.load import load_registry
from profiles.overlay import with_profiles
from profiles.package import DefinitionError
from profiles.registry import Registry
from profiles.shipped import SHIPPED
from tests.profiles.published import Difference, constraints_in, differences, readable

pytestmark = pytest.mark.corpus

CORE = "r4-definitions/hl7.fhir.r4.core-4.0.1.tgz"
IPS_1 = "eu/ips-1.1.0"
IPS_2 = "packages/hl7.fhir.uv.ips-2.0.0.tgz"
EXTENSIONS = "packages/hl7.fhir.uv.extensions.r4-5.3.0-ballot-tc1.tgz"


@dataclass(frozen=True)
class Known:
    """Differences of one cause: `count` of them match the patterns."""

    source: str
    what: str
    definition: str
    element: str
    count: int
    cause: str


NO_INHERITANCE = "this publisher starts a slice from the base type, without what is said of all entries"
ROOT_RULES = "this publisher repeats the invariants of the value's own profile at the element"
OPEN_SHORT_FORM = "published with an open slicing although other short forms are published closed"
MINIMUM = "the minimum of the sliced element is the sum of those of its slices: the same rule, said twice"

KNOWN = (
    Known(CORE, "must-support", "*", "Observation.*", 11, "R4's tool copies the flag to a slice, later ones do not"),
    Known(CORE, "extra", "bp", "Observation.component:*BP.value[[]x]:valueQuantity*", 10,
          "inside a slice R4's tool writes a short form at the choice itself, elsewhere as its slice"),
    Known(CORE, "slicing", "bp", "Observation.component:*BP.value[[]x]", 2, "the same short form"),
    Known(CORE, "constraints", "*cholesterol", "Observation.referenceRange.*", 3, ROOT_RULES),
    Known(CORE, "content", "provenance-relevant-history", "Provenance.entity.agent", 1,
          "published to repeat one slice; the base repeats the element"),
    Known(CORE, "binding", "provenance-relevant-history", "Provenance.agent:Author.type", 1,
          "published without what the differential says of all agents"),
    Known(EXTENSIONS, "min", "*", "Extension.extension*", 58, MINIMUM),
    Known(EXTENSIONS, "slicing", "no-fixed-address", "Extension.value[[]x]", 1,
          "published closed although the differential says open"),
    Known(EXTENSIONS, "binding", "structuredefinition-fhir-type", "Extension.value[[]x]", 1,
          "published without the binding of the differential"),
    Known(IPS_2, "types", "*", "Observation.category:*", 2,
          "published without the profile that the sliced element has"),
    Known(IPS_2, "constraints", "*radiology*", "Observation.effective[[]x]:*", 1,
          "published without the invariant that the sliced element has"),
    Known(IPS_1, "max", "Bundle-uv-ips", "Bundle.entry:*", 72, NO_INHERITANCE),
    Known(IPS_1, "min", "Bundle-uv-ips", "Bundle.entry:*", 24, NO_INHERITANCE),
    Known(IPS_1, "must-support", "Bundle-uv-ips", "Bundle.entry:*", 24, NO_INHERITANCE),
    Known(IPS_1, "max", "Composition-uv-ips", "Composition.*", 28, NO_INHERITANCE),
    Known(IPS_1, "min", "Composition-uv-ips", "Composition.*", 28, NO_INHERITANCE),
    Known(IPS_1, "must-support", "Composition-uv-ips", "Composition.*", 28, NO_INHERITANCE),
    Known(IPS_1, "must-support", "Observation-results-*", "Observation.*", 16, NO_INHERITANCE),
    Known(IPS_1, "types", "*", "*:*", 14, NO_INHERITANCE),
    Known(IPS_1, "constraints", "*", "*", 39, ROOT_RULES),
    Known(IPS_1, "types", "Observation*", "Observation.value[[]x]", 6, OPEN_SHORT_FORM),
    Known(IPS_1, "slicing", "Observation*", "Observation.value[[]x]", 8, OPEN_SHORT_FORM),
)  # fmt: skip
"""Definitions by the end of their canonical, elements by id; `[[]x]` is the pattern of `[x]`."""

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


@pytest.mark.parametrize("source", COUNTS)
def test_generated_snapshots_equal_the_published_ones(
    corpus: Path, surroundings: Registry, source: str
) -> None:
    trees = constraints_in(corpus / source)
    library = Library(surroundings, trees, regenerate=True)
    found: set[Difference] = set()
    refused: dict[str, str] = {}
    given = readable(trees)
    for url, profile in given.items():
        try:
            made = library.profile(url)
        except DefinitionError as fault:
            refused[url.rpartition("/")[2]] = fault.reason
            continue
        assert made is not None
        found |= set(differences(profile, made, surroundings))
    assert (len(trees), len(trees) - len(given)) == (COUNTS[source], UNREADABLE if source == CORE else 0)
    assert unexplained(source, found) == []
    expected = REFUSED if source == CORE else {}
    assert refused.keys() == expected.keys()
    assert all(expected[name] in reason for name, reason in refused.items())


def test_every_listed_difference_has_a_source() -> None:
    assert {known.source for known in KNOWN} <= COUNTS.keys()


def unexplained(source: str, found: set[Difference]) -> list[object]:
    """Differences that no row explains, and rows that explain another number of them than they say."""
    rows = [known for known in KNOWN if known.source == source]
    explained: Counter[Known] = Counter()
    left: list[object] = []
    for difference in sorted(found):
        row = next((known for known in rows if matches(known, difference)), None)
        if row is None:
            left.append(difference)
        else:
            explained[row] += 1
    return left + [(known, explained[known]) for known in rows if explained[known] != known.count]


def matches(known: Known, difference: Difference) -> bool:
    what, definition, element = difference
    return (
        what == known.what
        and fnmatchcase(definition, known.definition)
        and fnmatchcase(element, known.element)
    )
