"""Whatever JSON comes: no exception, and one answer on both paths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from fhir_server.model.exact_json import decode, encode
from fhir_server.model.outcome import SITUATIONS
from fhir_server.validation.report import MAX_ISSUES
from fhir_server.validation.structure import StructureValidator
from profiles.load import load_registry
from tests.instances import maximal, minimal

REGISTRY = load_registry()
VALIDATORS = [StructureValidator(REGISTRY), StructureValidator(REGISTRY, strict=True)]
SUBJECTS = [
    encode(instance)
    for name in ("Bundle", "Condition", "Observation", "Parameters", "Patient")
    for instance in (minimal(REGISTRY, name), maximal(REGISTRY, name, 0), maximal(REGISTRY, name, 1))
]
KEYS = st.sampled_from(
    (
        *("resourceType", "id", "meta", "text", "div", "contained", "extension", "url", "valueString"),
        *("valueCode", "_valueString", "name", "given", "_given", "family", "status", "code", "coding"),
        *("system", "reference", "type", "entry", "resource", "fullUrl", "birthDate", "_birthDate"),
    )
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([Raw(b"1.50"), Raw(b"-0"), Raw(b"1e9")])
    | st.text(max_size=12)
    | st.sampled_from(["Patient", "Observation", "Patient/1", "#a", "#", "2024-02-29", "final", "a b", " "])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)
RESOURCE_TYPES = st.sampled_from(sorted(REGISTRY.resource_types))


def check(tree: Any) -> None:
    """Hold both paths of both validators to one answer."""
    for validator in VALIDATORS:
        issues = validator.explain(tree)
        assert validator.accepts(tree) is (issues == [])
        assert validator.validate(tree) == issues
        assert len(issues) <= MAX_ISSUES + 1
        for issue in issues:
            assert issue.situation in SITUATIONS
            assert issue.text


@settings(deadline=None, max_examples=150, derandomize=True)
@given(JSON)
def test_arbitrary_json_has_one_answer(tree: Any) -> None:
    check(tree)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(RESOURCE_TYPES, st.dictionaries(KEYS | st.text(max_size=8), JSON, max_size=6))
def test_arbitrary_resources_have_one_answer(name: str, members: dict[str, Any]) -> None:
    check(members | {"resourceType": name})


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.sampled_from(SUBJECTS), st.data())
def test_resources_changed_at_one_place_have_one_answer(subject: bytes, data: st.DataObject) -> None:
    tree = decode(subject)
    holders = list(_holders(tree))
    holder = holders[data.draw(st.integers(0, len(holders) - 1))]
    key = data.draw(st.sampled_from(list(holder) if type(holder) is dict else range(len(holder))))
    match data.draw(st.sampled_from(["replace", "delete", "double", "add"])):
        case "replace":
            holder[key] = data.draw(JSON)
        case "delete":
            del holder[key]
        case "double" if type(holder) is list:
            holder.append(holder[key])
        case _ if type(holder) is dict:
            holder[data.draw(KEYS)] = data.draw(JSON)
    check(tree)


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_deep_nesting_has_an_answer(depth: int) -> None:
    tree: Any = "x"
    for _ in range(depth):
        tree = {"extension": [tree]}
    assert VALIDATORS[0].validate({"resourceType": "Patient", "extension": [tree]})
    assert VALIDATORS[0].validate({"resourceType": "Patient", "contained": [tree]})
    while type(tree) is dict:  # taken apart by hand: the interpreter would recurse
        tree = tree.pop("extension")[0]


def _holders(node: Any) -> Any:
    """Yield every object and array that is not empty."""
    if type(node) in (dict, list) and node:
        yield node
        for item in node.values() if type(node) is dict else node:
            yield from _holders(item)
