"""The public FHIRPath test suite for R4: what it expects, and where this engine differs knowingly."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhirpath import Environment, FhirPathError, compile
from fhir_server.fhirpath.check import check
from fhir_server.fhirpath.functions.conversion import text_of
from fhir_server.fhirpath.node import Items, system
from fhir_server.fhirpath.types import SYSTEM_OF_PRIMITIVE
from fhir_server.fhirpath.values import system_type
from profiles.type_model import RegistryTypeModel
from tests.fhirpath.known_differences import KNOWN_DIFFERENCES
from tests.fhirpath.xml_input import read_resource

pytestmark = pytest.mark.corpus
ENVIRONMENT = Environment(now=datetime(2026, 11, 22, 8, 30, tzinfo=UTC))
LARGEST_SHARE_OF_DIFFERENCES = 0.02


@dataclass(frozen=True, slots=True)
class Case:
    """One test of the suite."""

    name: str
    expression: str
    input: str
    output: tuple[tuple[str | None, str], ...]
    must_fail: bool
    is_strict: bool
    as_predicate: bool


def read_cases(folder: Path) -> Iterator[Case]:
    for test in ET.parse(folder / "tests-fhir-r4.xml").getroot().iter("test"):
        expression = test.find("expression")
        assert expression is not None
        output = tuple((each.get("type"), each.text or "") for each in test.findall("output"))
        invalid = expression.get("invalid")
        yield Case(
            name=test.get("name", ""),
            expression=expression.text or "",
            input=test.get("inputfile") or "patient-example.xml",
            output=output,
            must_fail=invalid is not None and not output,
            is_strict=test.get("mode") == "strict" or invalid == "semantic",
            as_predicate=test.get("predicate") == "true",
        )


def suite() -> list[Any]:
    folder = os.environ.get("FHIR_CORPUS")
    if folder is None:
        return [pytest.param(None, id="suite")]
    return [pytest.param(case, id=case.name) for case in read_cases(Path(folder) / "fhirpath")]


def failure(case: Case, corpus: Path, types: RegistryTypeModel) -> str | None:
    """Return how the engine's answer differs from the expected one, None where it does not."""
    resource = read_resource(corpus / "fhirpath" / "input" / case.input, types)
    try:
        faults = check(case.expression, resource["resourceType"], types) if case.is_strict else []
        items = compile(case.expression, types=types, single_as=True).items(resource, ENVIRONMENT)
    except FhirPathError as error:
        return None if case.must_fail else f"raised {error}"
    if case.must_fail:
        return None if faults else f"gave {items}, an error was expected"
    if case.as_predicate and [type(system(item)) for item in items] != [bool]:
        items = [bool(items)]
    return difference(case, items)


def difference(case: Case, items: Items) -> str | None:
    values = [system(item) for item in items]
    found = [text_of(value) for value in values]
    expected = [text.removeprefix("@").removeprefix("T") for _, text in case.output]
    if found != expected:
        return f"gave {found}, {expected} was expected"
    for value, (kind, _) in zip(values, case.output):
        # A Decimal that is whole may be announced as `integer`, and the reverse.
        wanted = SYSTEM_OF_PRIMITIVE.get(kind or "", kind)
        numbers = {"Integer", "Decimal"}
        if kind is not None and system_type(value) != wanted and {system_type(value), wanted} != numbers:
            return f"gave a {system_type(value)}, a {kind} was expected"
    return None


@pytest.mark.parametrize("case", suite())
def test_answer_is_the_expected_one_or_differs_knowingly(
    case: Case | None, corpus: Path, types: RegistryTypeModel
) -> None:
    assert case is not None
    found = failure(case, corpus, types)
    reason = KNOWN_DIFFERENCES.get(case.name)
    assert (found is None) is (reason is None), found or f"agrees now, though listed: {reason}"


def test_differences_are_few_and_name_tests_of_the_suite(corpus: Path) -> None:
    names = [case.name for case in read_cases(corpus / "fhirpath")]
    assert set(KNOWN_DIFFERENCES) <= set(names)
    assert len(KNOWN_DIFFERENCES) / len(names) <= LARGEST_SHARE_OF_DIFFERENCES
