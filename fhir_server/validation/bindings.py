"""Required bindings: a coded element must carry a code of its value set.

Only value sets that can be enumerated from their package are checked here; the rest (MIME types, UCUM …)
is the business of terminology.
Spec: https://hl7.org/fhir/R4/terminologies.html#required
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.shapes import Local, Primitive, Rule, rule
from profiles.definitions import ValueSet

_SHOWN = 12
_SITUATION = "code-not-in-value-set"


def bound_primitive(primitive: Primitive, value_set: ValueSet) -> Primitive:
    """Return the primitive narrowed to the codes of the value set, whatever their system."""
    codes = frozenset(code for codes in value_set.systems.values() for code in codes)
    return replace(primitive, accepts=codes.__contains__, form=_form(value_set), situation=_SITUATION)


def _form(value_set: ValueSet) -> str:
    codes = sorted(code for codes in value_set.systems.values() for code in codes)
    shown = ", ".join(codes[:_SHOWN]) + (" …" if len(codes) > _SHOWN else "")
    return f"a code of {value_set.url}: {shown}"


def _has(value_set: ValueSet, coding: dict[str, Any]) -> bool:
    return coding.get("code") in value_set.systems.get(coding.get("system", ""), ())


def _concept_rule(value_set: ValueSet) -> Rule:
    """One of the codings must be a member.  A concept with nothing but extensions is left alone."""

    def faults(node: dict[str, Any], path: str, _local: Local) -> Iterator[Issue]:
        codings = node.get("coding", ())
        if not any(_has(value_set, coding) for coding in codings) and (codings or "text" in node):
            place = f"{path}.coding"
            yield Issue(_SITUATION, f"{path} must have a coding that is {_form(value_set)}.", place)

    return rule(faults)


def _coding_rule(value_set: ValueSet) -> Rule:
    """The system and code themselves must be a member."""

    def faults(node: dict[str, Any], path: str, _local: Local) -> Iterator[Issue]:
        if "code" in node and not _has(value_set, node):
            yield Issue(_SITUATION, f"{path} must be {_form(value_set)}.", f"{path}.code")

    return rule(faults)


BOUND_TYPES: Mapping[str, Callable[[ValueSet], Rule]] = MappingProxyType({
    "CodeableConcept": _concept_rule,
    "Coding": _coding_rule,
    "Quantity": _coding_rule,
})  # fmt: skip
"""Complex types that a binding applies to → the rule that it makes."""
