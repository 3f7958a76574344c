"""The base rules, and the whole validator with them, never raise; the rules find no error in what is published."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.exact_json import decode
from fhir_server.validation.base.checker import BaseChecker
from fhir_server.validation.validator import Validator
from profiles.load import load_registry
from profiles.registry import Registry
from terminology.local import LocalConcepts
from tests.instances import maximal

REGISTRY = load_registry()
CHECKER = BaseChecker(REGISTRY, LocalConcepts(REGISTRY))
VALIDATOR = Validator(REGISTRY, LocalConcepts(REGISTRY), rules=[CHECKER.rule])
PROFILES = ("http://hl7.org/fhir/StructureDefinition/bodyweight", "https://example.org/no/profile")
KEYS = (
    "resourceType", "type", "entry", "resource", "fullUrl", "reference", "url", "extension", "coding", "system",
    "code", "display", "item", "answer", "linkId", "questionnaire", "text", "div", "contained", "id", "link",
    "section", "subject", "valueString", "differential", "baseDefinition", "derivation", "component", "search",
)  # fmt: skip
TYPES = (
    "Bundle", "Patient", "QuestionnaireResponse", "Questionnaire", "StructureDefinition", "Observation",
    "Composition", "SearchParameter", "CapabilityStatement", "Parameters",
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(TYPES) | st.text(max_size=6)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None, max_examples=200)
@given(JSON, st.sampled_from(TYPES))
def test_whatever_json_never_raises(tree: Any, kind: str) -> None:
    resource = {**tree, "resourceType": kind} if isinstance(tree, dict) else tree
    resolve = (lambda _: tree) if isinstance(tree, dict) else None
    assert all(issue.text for issue in CHECKER.issues(resource, resolve=resolve))
    assert all(issue.text for issue in VALIDATOR.validate(resource, profiles=PROFILES, resolve=resolve))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(TYPES), st.randoms(use_true_random=False), JSON)
def test_a_damaged_instance_never_raises(kind: str, random: Any, damage: Any) -> None:
    resource = maximal(REGISTRY, kind, 0)
    holders = [node for node in _nodes(resource) if isinstance(node, dict)]
    holder = random.choice(holders)
    holder[random.choice(sorted(holder))] = damage
    assert all(issue.text for issue in CHECKER.issues(resource, resolve=lambda _: resource))
    issues = VALIDATOR.validate(resource, profiles=PROFILES, resolve=lambda _: resource)
    assert all(issue.text for issue in issues)


def _nodes(node: Any) -> list[Any]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [node, *(found for each in inner for found in _nodes(each))]


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("folder", "least"),
    [
        pytest.param("r4-examples", 516, id="specification"),
        pytest.param("eu/ips-1.1.0/examples", 25, id="ips-1.1"),
        pytest.param("eu/ips-2.0.0-json", 60, id="ips-2.0"),
        pytest.param("eu/ehds-examples", 7, id="eu"),
    ],
)
def test_no_example_has_an_error(registry: Registry, corpus: Path, folder: str, least: int) -> None:
    checker = BaseChecker(registry, LocalConcepts(registry))
    wrong: Counter[str] = Counter()
    paths = sorted((corpus / folder).rglob("*.json"))
    for path in paths:
        issues = checker.issues(decode(path.read_bytes()))
        wrong.update(f"{path.name}: {issue.text}" for issue in issues if issue.severity == "error")
    assert len(paths) >= least
    assert dict(wrong) == {}
