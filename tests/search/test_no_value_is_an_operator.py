"""Whatever a client sends stands in a query as a value: refused, or bound, and never an operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.outcome import FhirError
from fhir_server.search.planner import plan
from fhir_server.search.request import parse
from fhir_server.store.filters import all_of, condition_filter
from profiles.registry import Registry
from tests.search.evaluate import ShelfSystems
from tests.search.shelf import NOW, Shelf

OPERATORS = frozenset({
    "$and", "$or", "$nor", "$in", "$nin", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$elemMatch", "$regex", "$options",
    "$expr", "$size", "$filter", "$literal", "$ifNull", "$multiply", "$add", "$sin", "$cos", "$degreesToRadians", "$divide",
    "$subtract", "$toDouble",
})  # fmt: skip
PATHS = frozenset({"$search.number", "$$this.k", "$$this.lo", "$$this.hi"})
REFUSED = {"illegal-parameter-value", "unsupported-modifier", "too-costly", "unknown-parameter"}

NAMES = (
    "Observation?code", "Observation?code:text", "Observation?code:below", "Observation?code:in", "Observation?code:not",
    "Observation?status", "Observation?date", "Observation?value-quantity", "Observation?value-string",
    "Observation?value-string:contains", "Observation?value-string:exact", "Observation?subject", "Observation?subject:identifier",
    "Observation?code-value-quantity", "Observation?combo-code-value-concept", "Observation?code-value-string",
    "Observation?_tag", "Observation?_profile", "Observation?_source:below", "Observation?_id", "Observation?_lastUpdated",
    "Observation?_text", "Observation?_content", "Observation?_filter", "Patient?identifier:of-type", "Patient?name",
    "Patient?deceased", "RiskAssessment?probability", "ValueSet?url:above", "Location?near",
    "MolecularSequence?chromosome-window-coordinate",
)  # fmt: skip
TRICKS = st.sampled_from([
    "$ne", '{"$gt":""}', "$where", "[$regex]=.*", ".*", "(a+)+$", "^", "\\", "\\$", "$$this", "$search.token", "\u0000", "|",
    "||", "a|b|c|d", ",", "$", "37$38", "eq", "gt", "1e999999", "9" * 400, "0x1F", "NaN", "-", "2024-13-45", "\ud7ff", "\U0010ffff",
    "a" * 5000, "code eq $ne", 'code eq "{$ne:1}"', "(((((", "http://x|y$z",
])  # fmt: skip
VALUES = st.one_of(
    TRICKS,
    st.text(max_size=30),
    st.lists(TRICKS, max_size=4).map("".join),
    st.lists(TRICKS, max_size=4).map("|".join),
)


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry)


@settings(deadline=None, max_examples=1500)
@given(st.sampled_from(NAMES), VALUES)
def test_a_value_is_refused_or_bound(shelf: Shelf, name: str, value: str) -> None:
    resource_type, _, code = name.partition("?")
    try:
        asked = parse(shelf.indexer.catalogue, resource_type, [(code, value)], now=NOW, strict=True)
        made = plan(asked, systems=ShelfSystems(shelf.documents))
    except FhirError as refused:
        assert {issue.situation for issue in refused.issues} <= REFUSED
        return
    filter = all_of([condition_filter(condition) for condition in made.conditions])
    for key, held in _walk(filter):
        assert not key.startswith("$") or key in OPERATORS
        if key == "$regex":
            re.compile(held)
            assert ".*" not in re.sub(r"\\.", "", held).replace(".*", "", 1)
    for text in _evaluated(filter):
        assert not text.startswith("$") or text in PATHS


def _walk(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, dict):
        for key, held in item.items():
            yield key, held
            yield from _walk(held)
    elif isinstance(item, list):
        for each in item:
            yield from _walk(each)


def _evaluated(item: Any, *, inside: bool = False) -> Iterator[str]:
    """Yield the texts that the database would take for paths: those of `$expr`, but for its literals."""
    if isinstance(item, dict):
        for key, held in item.items():
            if key != "$literal":
                yield from _evaluated(held, inside=inside or key == "$expr")
    elif isinstance(item, list):
        for each in item:
            yield from _evaluated(each, inside=inside)
    elif inside and isinstance(item, str):
        yield item
