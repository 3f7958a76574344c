"""Bindings of profiles: whether a code is in the value set, as strictly as the binding says.

A value set that terminology cannot enumerate is "not known", and nothing is said.
Spec: https://hl7.org/fhir/R4/terminologies.html#strength
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from fhir_server.fhirpath import Node
from fhir_server.model.outcome import Severity
from fhir_server.validation.profile.session import Check, Session
from profiles.definitions import Binding

SEVERITIES: Mapping[str, Severity] = MappingProxyType(
    {"required": "error", "extensible": "warning", "preferred": "information"}
)
"""Strength → how bad a code outside of the set is; `example` says nothing."""

_CODED = frozenset({"code", "string", "uri", "Coding", "CodeableConcept", "Quantity"})


class Members(Protocol):
    """What bindings ask of terminology."""

    def has(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Return whether the set has the code (of any system for None); None: not known."""
        ...


def binding_checks(binding: Binding | None, members: Members) -> Iterator[Check]:
    """Yield the checks of a binding: that of its strength, and that of its largest set."""
    if binding is None:
        return
    severity = SEVERITIES.get(binding.strength)
    if severity is not None:
        yield _check(binding.value_set, severity, members)
    if binding.max_value_set is not None:
        yield _check(binding.max_value_set, "error", members)


def is_member(value: Any, value_set: str, members: Members) -> bool | None:
    """Return whether the raw JSON of a code, Coding, CodeableConcept or Quantity is in the set.

    None where that is not known, or where there is no code to look for.
    """
    if type(value) is str:
        return members.has(value_set, None, value)
    if type(value) is not dict:
        return None
    codings = value.get("coding", [value])
    answers = [_has(coding, value_set, members) for coding in codings if type(coding) is dict]
    if True in answers:
        return True
    return False if answers and None not in answers else None


def _has(coding: dict[str, Any], value_set: str, members: Members) -> bool | None:
    code, system = coding.get("code"), coding.get("system")
    if type(code) is not str:
        return None
    return members.has(value_set, system if type(system) is str else "", code)


def _check(value_set: str, severity: Severity, members: Members) -> Check:
    text = f" {'must' if severity == 'error' else 'should'} have a code of {value_set}."
    missing = f" has no code, and one of {value_set} is required."

    def check(node: Node, session: Session) -> None:
        if node.type not in _CODED:
            return
        value = node.value
        if severity == "error" and _lacks_code(node) and members.has(value_set, "", "") is not None:
            session.fault("code-not-in-value-set", missing, node)
        elif is_member(value, value_set, members) is False:
            session.fault("code-not-in-value-set", text, node, severity)

    return check


def _lacks_code(node: Node) -> bool:
    """Whether a concept is only text; one with nothing but extensions is left alone."""
    value = node.value
    return (
        node.type == "CodeableConcept" and type(value) is dict and "coding" not in value and "text" in value
    )
