"""Every search parameter of R4 can be searched, and by every element that it names, but for what is listed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fhir_server.model.plan import Condition
from fhir_server.search.index import Indexer
from fhir_server.search.parameter import Parameter
from fhir_server.search.parameter_types import TYPES, type_of
from profiles.registry import Registry

NOT_SEARCHED = {"_query"}
"""Named queries: there are none."""

SAYS_NOTHING = {
    ("CarePlan", "activity-date", "string"): "a text is no date",
    ("Consent", "source-reference", "Attachment"): "an attachment is no reference",
    ("Group", "characteristic-value", "Quantity"): "its part is a token",
    ("Group", "characteristic-value", "Range"): "its part is a token",
    ("Group", "characteristic-value", "Reference"): "its part is a token",
    ("Immunization", "date", "string"): "a text is no date",
    ("Procedure", "date", "string"): "a text is no date",
    ("Procedure", "date", "Age"): "an age is no date",
    ("Procedure", "date", "Range"): "a range of ages is no date",
}
"""Elements that an expression leads to and that have no meaning in its type of parameter, and why."""


@pytest.fixture(scope="module")
def indexer(registry: Registry) -> Indexer:
    return Indexer(registry, base_url="https://example.org/fhir")


def test_every_parameter_is_searched_or_listed(registry: Registry, indexer: Indexer) -> None:
    unsupported = {
        (resource_type, code)
        for resource_type in registry.resource_types
        for code in indexer.catalogue.of(resource_type).unsupported
        if code not in NOT_SEARCHED
    }
    assert unsupported == set()


def test_every_element_of_a_parameter_says_something_or_is_listed(
    registry: Registry, indexer: Indexer
) -> None:
    silent = {
        (parameter.resource_type, parameter.code, source.type)
        for parameter in _parameters(registry, indexer)
        for part in parameter.parts or (parameter,)
        if parameter.type != "composite" or part is not parameter
        for source in part.sources
        if TYPES[part.type].sink("x", source, part, indexer.catalogue.setting) is None
    }
    assert silent == set(SAYS_NOTHING)


def test_of_every_parameter_it_can_be_asked_whether_it_is_missing(
    registry: Registry, indexer: Indexer
) -> None:
    def present(parameter: Parameter) -> Condition | None:
        found = type_of(parameter).present
        return found(parameter) if found is not None else None

    cannot = {one.code for one in _parameters(registry, indexer) if present(one) is None}
    assert cannot == {"_filter"}


def test_every_type_of_parameter_is_met(registry: Registry, indexer: Indexer) -> None:
    assert {parameter.type for parameter in _parameters(registry, indexer)} == set(TYPES)


def _parameters(registry: Registry, indexer: Indexer) -> Iterator[Parameter]:
    for resource_type in sorted(registry.resource_types):
        yield from indexer.catalogue.of(resource_type).by_code.values()
