"""What a profile asks of one value: fixed, pattern, bounds, length.

Spec: https://hl7.org/fhir/R4/elementdefinition.html#interpretation
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fhir_server.fhirpath import Node
from fhir_server.fhirpath.values import same_trees
from fhir_server.model.number import is_number, literal
from fhir_server.validation.profile.bounds import bound_check
from fhir_server.validation.profile.session import Check, Session
from profiles.definitions import ProfileElement

_LONGEST_SHOWN = 80


def value_checks(element: ProfileElement) -> Iterator[Check]:
    """Yield the checks of the values that the element itself may have."""
    if element.fixed is not None:
        yield _fixed(element.fixed)
    if element.pattern is not None:
        yield _pattern(element.pattern)
    if element.minimum is not None:
        yield bound_check(element.minimum, below=True)
    if element.maximum is not None:
        yield bound_check(element.maximum, below=False)
    if element.max_length is not None:
        yield _length(element.max_length)
    if element.min_length is not None:
        yield _least_length(element.min_length)
    if element.alternatives:
        yield _value_or(frozenset(element.alternatives))


def matcher(pattern: Any) -> Callable[[Any], bool]:
    """Return the test whether a value has all that the pattern has; a list has each item, in any order."""
    kind = type(pattern)
    if kind is dict:
        return _object_matcher(pattern)
    if kind is list:
        return _list_matcher(pattern)
    return lambda value: same_trees(pattern, value)


def _object_matcher(pattern: dict[str, Any]) -> Callable[[Any], bool]:
    texts = tuple((name, part) for name, part in pattern.items() if type(part) is str)
    others = tuple((name, matcher(part)) for name, part in pattern.items() if type(part) is not str)

    def matches(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, text in texts:
            if value.get(name) != text:
                return False
        # Mostly there are none, and this is asked of every repetition, for every slice.
        return not others or all(name in value and part(value[name]) for name, part in others)

    return matches


def _list_matcher(pattern: list[Any]) -> Callable[[Any], bool]:
    parts = tuple(map(matcher, pattern))

    def matches(value: Any) -> bool:
        return type(value) is list and all(any(map(part, value)) for part in parts)

    return matches


def shown(value: Any) -> str:
    """Return a value of a definition, for a text; objects are shown by their kind alone."""
    if type(value) is str:
        return f"`{value[:_LONGEST_SHOWN]}`"
    if is_number(value):
        return literal(value)
    if type(value) is dict:
        return _coded(value)
    return str(value).lower() if type(value) is bool else "the value of the profile"


def _coded(value: dict[str, Any]) -> str:
    codings = value.get("coding", [value])
    first = codings[0] if type(codings) is list and codings and type(codings[0]) is dict else {}
    code, system = first.get("code"), first.get("system")
    if type(code) is not str and type(system) is not str:
        return "the value of the profile"
    return f"`{system or ''}|{code or ''}`"


def _fixed(wanted: Any) -> Check:
    text = f" must be exactly {shown(wanted)}."

    def check(node: Node, session: Session) -> None:
        if not same_trees(wanted, node.value):
            session.fault("fixed-value", text, node)

    return check


def _pattern(wanted: Any) -> Check:
    text = f" must have {shown(wanted)}."
    matches = matcher(wanted)

    def check(node: Node, session: Session) -> None:
        if not matches(node.value):
            session.fault("fixed-value", text, node)

    return check


def _length(most: int) -> Check:
    def check(node: Node, session: Session) -> None:
        if type(node.value) is str and len(node.value) > most:
            text = f" has {len(node.value)} characters; at most {most} are allowed."
            session.fault("illegal-value", text, node)

    return check


def _least_length(least: int) -> Check:
    def check(node: Node, session: Session) -> None:
        if type(node.value) is str and len(node.value) < least:
            text = f" has {len(node.value)} characters; at least {least} are needed."
            session.fault("illegal-value", text, node)

    return check


def _value_or(canonicals: frozenset[str]) -> Check:
    """Where there is no value, one of the extensions has to say why."""
    text = f" has neither a value nor one of the extensions {', '.join(sorted(canonicals))}."

    def check(node: Node, session: Session) -> None:
        if node.value is not None or type(node.sibling) is not dict:
            return
        inside = node.sibling.get("extension")
        urls = {each.get("url") for each in inside if type(each) is dict} if type(inside) is list else set()
        if not urls & canonicals:
            session.fault("missing-element", text, node)

    return check
