"""A StructureDefinition with a snapshot, as JSON, read into a `definitions.Profile`.

Spec: https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, get_args

from profiles.build_structures import extension_value, type_code
from profiles.definitions import (
    Binding,
    Discriminator,
    ExtensionContext,
    Invariant,
    Kind,
    Profile,
    ProfileElement,
    Slicing,
    TypeRef,
)
from profiles.package import DefinitionError
from profiles.read_extensions import further_bindings, least_length, narrative_control, value_alternatives

_TYPES: Final = "http://hl7.org/fhir/StructureDefinition/"
_MAX_VALUE_SET: Final = _TYPES + "elementdefinition-maxValueSet"
OWN: Final = "https://fhir-server.example.org/"
"""What the canonicals of our own definitions begin with."""
FOLLOWS: Final = OWN + "StructureDefinition/follows"
"""Extension of our own definitions: the canonical of a published one whose rules it takes up."""
FAULTS: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading a malformed definition raises; `fault_text` puts it into words."""
_DISCRIMINATORS: Final = frozenset({"value", "exists", "pattern", "type", "profile"})
_RULES: Final = frozenset({"open", "closed", "openAtEnd"})
_STRENGTHS: Final = frozenset({"required", "extensible", "preferred", "example"})
_SEVERITIES: Final = frozenset({"error", "warning"})
_CONTEXTS: Final = frozenset({"fhirpath", "element", "extension"})
_KINDS: Final = frozenset(get_args(Kind))


def profile_of(tree: Mapping[str, Any]) -> Profile:
    """Return the profile that a StructureDefinition with a snapshot describes.

    `tree` is as `exact_json.decode` gives it.  The canonicals of types and targets keep their versions
    (`Registry.profile` resolves them); bindings lose theirs.  Raises DefinitionError, naming the definition
    and the element, for what is no StructureDefinition, has no snapshot or breaks its own rules.
    """
    url = definition_url(tree)
    snapshot = tree.get("snapshot")
    rows = snapshot.get("element") if isinstance(snapshot, dict) else None
    if not isinstance(rows, list) or not rows:
        raise DefinitionError(url, None, "has no snapshot")
    invariants: dict[str, Invariant] = {}
    elements = tuple(_element_at(url, row, number, invariants) for number, row in enumerate(rows))
    return replace(profile_head(tree), elements=elements, invariants=MappingProxyType(invariants))


def definition_url(tree: Mapping[str, Any]) -> str:
    """Return the canonical of a StructureDefinition.  Raises DefinitionError if it has none."""
    if not isinstance(tree, Mapping) or tree.get("resourceType") != "StructureDefinition":
        raise DefinitionError("(unnamed)", None, "is no StructureDefinition")
    url = tree.get("url")
    if not isinstance(url, str) or not url:
        raise DefinitionError(f"StructureDefinition {str(tree.get('id'))[:64]}", None, "has no url")
    return url


def fault_text(fault: Exception) -> str:
    """Return what a reader's exception says, in words for the author of a definition."""
    return f"{fault.args[0]!r} is missing" if isinstance(fault, KeyError) else str(fault)


def type_name(canonical: str) -> str:
    """Return the name of the type that a canonical stands for, and any other text as it is."""
    return canonical.removeprefix(_TYPES)


_QUANTITY_PROFILES: Final = frozenset({"SimpleQuantity", "MoneyQuantity"})


def read_element(row: Mapping[str, Any], invariants: dict[str, Invariant]) -> ProfileElement:
    """Return one ElementDefinition; its constraints are added to `invariants`.

    Raises one of `FAULTS` if it is malformed.
    """
    keys = (_rule(constraint, invariants) for constraint in _rows(row, "constraint"))
    return ProfileElement(
        id=_text(row, "id") if "id" in row else _text(row, "path"),
        path=_text(row, "path"),
        min=_number(row, "min"),
        max=_maximum(row),
        types=tuple(_type(kind) for kind in _rows(row, "type")),
        slice_name=_text(row, "sliceName") if "sliceName" in row else None,
        slicing=_slicing(row.get("slicing")),
        fixed=_choice(row, "fixed"),
        pattern=_choice(row, "pattern"),
        minimum=_choice(row, "minValue"),
        maximum=_choice(row, "maxValue"),
        max_length=_number(row, "maxLength") if "maxLength" in row else None,
        binding=_binding(row.get("binding")),
        content=_text(row, "contentReference").rpartition("#")[2] if "contentReference" in row else None,
        summary=row.get("isSummary") is True,
        modifier=row.get("isModifier") is True,
        must_support=row.get("mustSupport") is True,
        constraints=tuple(dict.fromkeys(key for key in keys if key is not None)),
        min_length=least_length(row),
        alternatives=value_alternatives(row),
        further=further_bindings(row),
        narrative=narrative_control(row),
    )


def profile_head(tree: Mapping[str, Any]) -> Profile:
    """Return the profile without its elements.  Raises DefinitionError if it is malformed."""
    url = definition_url(tree)
    try:
        return _head(tree, url)
    except FAULTS as fault:
        raise DefinitionError(url, None, f"is malformed: {fault_text(fault)}") from fault


def placed_rule(found: dict[str, Invariant], rule: Invariant) -> str:
    """Note a rule under its key, or, where that stands for another rule, under `key~2`; return where."""
    place, number = rule.key, 1
    while found.setdefault(place, rule) != rule:
        number += 1
        place = f"{rule.key}~{number}"
    return place


def _rule(row: Mapping[str, Any], invariants: dict[str, Invariant]) -> str | None:
    if "expression" not in row:
        return None  # only an XPath: no program here can check it
    key = _text(row, "key")
    # Sentences of others are prose and stay where they are; our own are ours to carry.
    is_ours = str(row.get("source", "")).startswith(OWN)
    human = _text(row, "human") if is_ours else key
    rule = Invariant(key, _one_of(row, "severity", _SEVERITIES), _text(row, "expression"), human)
    return placed_rule(invariants, rule)


def _head(tree: Mapping[str, Any], url: str) -> Profile:
    version = tree.get("version")
    return Profile(
        url=url,
        version=None if version is None else _text(tree, "version"),
        name=_text(tree, "name"),
        type=_text(tree, "type").removeprefix(_TYPES),
        base=_text(tree, "baseDefinition") if "baseDefinition" in tree else "",
        kind=_one_of(tree, "kind", _KINDS),
        abstract=bool(tree["abstract"]),
        elements=(),
        invariants=MappingProxyType({}),
        contexts=tuple(
            ExtensionContext(_one_of(row, "type", _CONTEXTS), _text(row, "expression"))
            for row in _rows(tree, "context")
        ),
        context_invariants=tuple(str(text) for text in tree.get("contextInvariant", ())),
        follows=extension_value(tree, FOLLOWS, "valueCanonical"),
    )


def _element_at(url: str, row: Any, number: int, invariants: dict[str, Invariant]) -> ProfileElement:
    place = f"element {number + 1}"
    try:
        place = str(row.get("id") or row["path"])
        return read_element(row, invariants)
    except FAULTS as fault:
        raise DefinitionError(url, place, f"is malformed: {fault_text(fault)}") from fault


def _maximum(row: Mapping[str, Any]) -> int | None:
    text = _text(row, "max")
    if text == "*":
        return None
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"max {text[:20]!r} is neither a number nor *")
    return int(text)


def _type(kind: Mapping[str, Any]) -> TypeRef:
    return TypeRef(
        code=type_code(kind),
        targets=tuple(_target(target) for target in _texts(kind, "targetProfile")),
        profiles=_texts(kind, "profile"),
    )


def _target(canonical: str) -> str:
    # Of all definitions under this address only types are written like one; theirs are R4's versions.
    name = type_name(canonical).partition("|")[0]
    is_type = name.isalpha() and name[0].isupper() and name not in _QUANTITY_PROFILES
    return name if is_type else canonical


def _slicing(row: Any) -> Slicing | None:
    if row is None:
        return None
    return Slicing(
        discriminators=tuple(
            Discriminator(_one_of(each, "type", _DISCRIMINATORS), _text(each, "path"))
            for each in _rows(row, "discriminator")
        ),
        rules=_one_of(row, "rules", _RULES) if "rules" in row else "open",
        ordered=row.get("ordered") is True,
    )


def _binding(row: Any) -> Binding | None:
    # A binding without a value set (only a description) says nothing that a program could use.
    if row is None or "valueSet" not in row:
        return None
    maximum = extension_value(row, _MAX_VALUE_SET, "valueCanonical")
    return Binding(
        strength=_one_of(row, "strength", _STRENGTHS),
        value_set=_text(row, "valueSet").partition("|")[0],
        max_value_set=None if maximum is None else maximum.partition("|")[0],
    )


def _choice(row: Mapping[str, Any], name: str) -> Any:
    """The value of `fixed[x]` and its like, whatever its type."""
    return next(
        (value for key, value in row.items() if key.startswith(name) and key[len(name) :][:1].isupper()), None
    )


def _rows(row: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    rows = row.get(key, ())
    if not isinstance(rows, (list, tuple)):
        raise ValueError(f"{key} is no list")
    for each in rows:
        if not isinstance(each, Mapping):
            raise ValueError(f"{key} holds something else than objects")
        yield each


def _texts(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found: Sequence[Any] = row.get(key, ())
    if not isinstance(found, list) and found != ():
        raise ValueError(f"{key} is no list")
    if not all(isinstance(text, str) for text in found):
        raise ValueError(f"{key} holds something else than texts")
    return tuple(found)


def _text(row: Mapping[str, Any], key: str) -> str:
    text = row[key]
    if not isinstance(text, str) or not text:
        raise ValueError(f"{key} is no text")
    return text


def _number(row: Mapping[str, Any], key: str) -> int:
    number = row[key]
    if type(number) is not int or number < 0:
        raise ValueError(f"{key} is no number of 0 or more")
    return number


def _one_of(row: Mapping[str, Any], key: str, allowed: frozenset[str]) -> Any:
    text = _text(row, key)
    if text not in allowed:
        raise ValueError(f"{key} {text[:40]!r} is not one of {', '.join(sorted(allowed))}")
    return text
