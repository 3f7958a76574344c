"""Whatever StructureDefinition of right structure is posted: it is judged, never stumbled over, and so is what it judges."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.interactions.definitions import Generation
from fhir_server.interactions.definitions_check import Surroundings, definition_faults, is_definition
from fhir_server.interactions.definitions_posted import registry_with
from fhir_server.interactions.validating import whole_validator
from fhir_server.model import exact_json
from fhir_server.validation.structure import StructureValidator
from profiles.archive import read_archive
from profiles.registry import Registry
from tests.http.definitions import R4, profile, rule

URL: Final = "http://example.org/fhir/StructureDefinition/damaged"
SLICED: Final = {"discriminator": [{"type": "value", "path": "system"}], "rules": "closed"}
WHOLE: Final = profile(
    URL, "Patient",
    {"path": "Patient", "constraint": [rule("own-1", "name.exists() or identifier.exists()")]},
    {"path": "Patient.identifier", "slicing": SLICED, "min": 1},
    {"path": "Patient.identifier", "id": "Patient.identifier:a", "sliceName": "a", "min": 1, "max": "1"},
    {"path": "Patient.identifier.system", "id": "Patient.identifier:a.system", "fixedUri": "urn:a", "min": 1},
    {"path": "Patient.identifier.type", "id": "Patient.identifier:a.type",
     "patternCodeableConcept": {"coding": [{"system": "urn:t", "code": "x"}]}},
    {"path": "Patient.birthDate", "maxValueDate": "2026-01-01", "mustSupport": True},
    {"path": "Patient.deceased[x]", "type": [{"code": "boolean"}]},
    {"path": "Patient.gender",
     "binding": {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/administrative-gender"}},
    {"path": "Patient.managingOrganization",
     "type": [{"code": "Reference", "targetProfile": [f"{R4}Organization"]}]},
    {"path": "Patient.extension", "id": "Patient.extension:b", "sliceName": "b",
     "type": [{"code": "Extension", "profile": [f"{R4}patient-birthPlace"]}]},
    {"path": "Patient.contact.name.family", "maxLength": 10},
)  # fmt: skip
INSTANCE: Final = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:a", "value": "1"}, {"system": "urn:b"}],
    "name": [{"family": "Martin"}],
    "gender": "male",
    "birthDate": "1957-03-14",
    "deceasedBoolean": False,
    "managingOrganization": {"reference": "#o"},
    "contact": [{"name": {"family": "Martin"}}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "o"}],
}
VALUES: Final = (
    "", "*", "0", "1", "-1", "Patient", "Patient.identifier", "Patient.identifier:a", "Patient.nothing", "$this",
    "value[x]", "a", "a/b", "closed", "value", "profile", "exists", "type", "pattern", "resolve()", "url", "string",
    "Extension", "Reference", "BackboneElement", "extension('x').value", "name.where(", f"{R4}Observation", URL,
    "#Patient.contact", "Patient.contact", "Patient.link.other", "Patient.identifier.system.extension.value[x]",
    0, 1, 2, True, False,
)  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in a tree."""
    found = [path] if path else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


PLACES: Final = [path for path in places(WHOLE["differential"]["element"]) if path]
DAMAGES: Final = st.lists(
    st.tuples(st.sampled_from(PLACES), st.one_of(st.just(None), st.sampled_from(VALUES))),
    min_size=1,
    max_size=4,
)


def damaged(damages: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    """Return the definition with values replaced, None: taken away."""
    tree = copy.deepcopy(WHOLE)
    for path, value in damages:
        holder: Any = tree["differential"]["element"]
        try:
            for step in path[:-1]:
                holder = holder[step]
            if value is None:
                del holder[path[-1]]
            else:
                holder[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # another damage took it away
    result: dict[str, Any] = exact_json.decode(json.dumps(tree).encode())
    return result


@pytest.fixture(scope="module")
def structure(registry: Registry) -> StructureValidator:
    return StructureValidator(registry)


def generation_of(registry: Registry, structure: StructureValidator, *trees: dict[str, Any]) -> Generation:
    laid, posted = registry_with(registry, trees, 2)
    return Generation(laid, whole_validator(laid, structure), trees, posted, registry)


def test_the_whole_definition_is_right(registry: Registry, structure: StructureValidator) -> None:
    assert structure.validate(WHOLE) == []
    assert definition_faults(Surroundings(generation_of(registry, structure), [WHOLE]), WHOLE) == []
    used = generation_of(registry, structure, WHOLE)
    issues = used.validator.validate(INSTANCE, profiles=[URL])
    assert {issue.situation for issue in issues if issue.severity == "error"} == {"no-such-slice"}


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(damages=DAMAGES)
def test_a_damaged_definition_is_refused_or_used(
    registry: Registry, structure: StructureValidator, damages: list[tuple[tuple[Any, ...], Any]]
) -> None:
    tree = damaged(damages)
    if structure.validate(tree):
        return
    issues = definition_faults(Surroundings(generation_of(registry, structure), [tree]), tree)
    places = [issue.expression for issue in issues]
    assert all(place is not None and place.startswith("StructureDefinition") for place in places)
    used = generation_of(registry, structure, tree)
    if not any(issue.severity == "error" for issue in issues):
        assert used.registry.profile(URL) is not None
    used.validator.validate(INSTANCE, profiles=[URL])


PUBLISHED: Final = ("hl7.fhir.uv.ips", "ihe.iti.mhd", "ans.fhir.fr.pdsm", "hl7.fhir.eu.base")
"""Beginnings of archives of the corpus."""


@pytest.mark.corpus
@pytest.mark.parametrize("name", PUBLISHED)
def test_no_published_definition_is_refused(
    registry: Registry, structure: StructureValidator, corpus: Path, name: str
) -> None:
    [archive] = (corpus / "packages").glob(f"{name}-*.tgz")
    trees = [member.tree for member in read_archive(archive) if is_definition(member.tree)]
    sound = [tree for tree in trees if not structure.validate(tree)]
    assert len(sound) > 5
    around = Surroundings(generation_of(registry, structure), sound)
    found = {tree["url"]: definition_faults(around, tree) for tree in sound}
    errors = {url: issues for url, issues in found.items() if any(one.severity == "error" for one in issues)}
    assert errors == {}
