"""Every example of the specification is accepted; a copy broken in one place is refused at that place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from jsonschema import Draft6Validator

from fhir_server.model.exact_json import decode, encode
from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry
from tests.instances import maximal, minimal
from tests.validation.breaking import Breaker, Record
from tests.validation.damages import DAMAGES, Damage

pytestmark = pytest.mark.corpus

EXAMPLES = 516
SYNTHEA = 66
KINDS_EACH = 36
"""How many kinds of damage each example gets, where so many apply."""
LEAST_KINDS_EACH = 30
LEAST_OF_A_KIND = 20
"""How many examples each kind of damage must have broken."""
OF_A_LATER_VERSION = {"ImplementationGuide-hl7.fhir.uv.ips": {"illegal-reference"}}
"""Refers to ActorDefinition, which R4 does not have."""


@pytest.fixture(scope="session")
def validator(registry: Registry) -> StructureValidator:
    return StructureValidator(registry)


@pytest.fixture(scope="session")
def examples(corpus: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((corpus / "r4-examples").glob("*.json"))}


@pytest.fixture(scope="session")
def record(registry: Registry, examples: dict[str, bytes]) -> Record:
    breaker = Breaker(registry)
    for name, data in examples.items():
        breaker.break_copies(name, data, KINDS_EACH)
    return breaker.record


def test_every_example_is_accepted(validator: StructureValidator, examples: dict[str, bytes]) -> None:
    refused = {name: validator.validate(decode(data)) for name, data in examples.items()}
    assert len(examples) == EXAMPLES
    assert {name: issues for name, issues in refused.items() if issues} == {}


def test_both_paths_accept_every_example(validator: StructureValidator, examples: dict[str, bytes]) -> None:
    assert [name for name, data in examples.items() if validator.explain(decode(data))] == []
    assert [name for name, data in examples.items() if not validator.accepts(decode(data))] == []


def test_every_synthea_bundle_is_accepted(validator: StructureValidator, corpus: Path) -> None:
    paths = sorted((corpus / "synthea").glob("*.json.gz"))
    refused = [path.name for path in paths if validator.validate(decode(gzip.decompress(path.read_bytes())))]
    assert len(paths) == SYNTHEA
    assert refused == []


def test_every_ips_resource_is_accepted(validator: StructureValidator, corpus: Path) -> None:
    refused = {}
    for path in sorted((corpus / "eu" / "ips-2.0.0-json").glob("*.json")):
        issues = validator.validate(decode(path.read_bytes()))
        if issues:
            refused[path.stem] = {issue.situation for issue in issues}
    assert refused == OF_A_LATER_VERSION


def test_every_example_is_broken_in_thirty_ways(record: Record) -> None:
    assert len(record.resources) == EXAMPLES
    assert {name: done for name, done in record.resources.items() if done < LEAST_KINDS_EACH} == {}


@pytest.mark.parametrize("damage", [pytest.param(damage, id=damage.name) for damage in DAMAGES])
def test_damage_is_refused_at_its_place(damage: Damage, record: Record) -> None:
    tally = record.kinds[damage.name]
    assert tally.faults == []
    assert tally.broken >= LEAST_OF_A_KIND


def test_the_published_json_schema_accepts_our_instances(registry: Registry, corpus: Path) -> None:
    # Even variants only: the schema knows no nulls in arrays of canonicals.
    packed = corpus / "r4-definitions" / "bundles" / "fhir.schema.json.gz"
    definitions = json.loads(gzip.decompress(packed.read_bytes()))["definitions"]
    definitions |= {"ResourceList": {"type": "object"}, "Resource": {}, "integer64": {}}
    for name in sorted(registry.resource_types):
        schema = Draft6Validator({"$ref": f"#/definitions/{name}", "definitions": definitions})
        for instance in (minimal(registry, name), maximal(registry, name, 0), maximal(registry, name, 2)):
            schema.validate(json.loads(encode(instance)))
