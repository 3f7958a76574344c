"""Every resource against every criterion of a query.  Spec: https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fhir_server.fhirpath import FhirPathError
from tests.search.oracle import amounts, codes, links, texts, times
from tests.search.oracle.parameters import Found, Resource, Values

_PART_OF_NAME = re.compile(r"\b(name|address)\.(family|given|city|state|country|postalCode)\b")
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


@dataclass(frozen=True, slots=True)
class Criterion:
    """`code[:modifier]=values`, the values joined by `or`."""

    code: str
    values: tuple[str, ...]
    modifier: str | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """The name and the value of the query; no value has anything to escape."""
        name = self.code if self.modifier is None else f"{self.code}:{self.modifier}"
        return name, ",".join(self.values)


@dataclass
class BruteForce:
    """Answers queries by looking at everything.  `now` is what `ap` is relative to."""

    values: Values
    resources: Sequence[Resource]
    base_url: str
    now: datetime
    _by_type: dict[str, list[Resource]] = field(default_factory=dict)
    _implied: dict[tuple[str, str], Mapping[str, frozenset[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for resource in self.resources:
            self._by_type.setdefault(resource["resourceType"], []).append(resource)

    def of_type(self, resource_type: str) -> Sequence[Resource]:
        """Return all resources of a type."""
        return self._by_type.get(resource_type, [])

    def search(self, resource_type: str, criteria: Iterable[Criterion]) -> set[str]:
        """Return the ids of what every criterion holds for."""
        asked = list(criteria)
        return {
            resource["id"]
            for resource in self.of_type(resource_type)
            if all(self.holds(criterion, resource) for criterion in asked)
        }

    def holds(self, criterion: Criterion, resource: Resource) -> bool:
        """Return whether a criterion holds for a resource."""
        definition = self.values.definition(resource["resourceType"], criterion.code)
        found = self._found(resource, criterion.code)
        if criterion.modifier == "missing":
            there = any(self._says(definition.type, each) for each in found)
            return there != (criterion.values == ("true",))
        matched = any(
            self.matches(
                resource["resourceType"], definition.code, definition.type, criterion.modifier, value, each
            )
            for value in criterion.values
            for each in found
        )
        return not matched if criterion.modifier == "not" else matched

    def _found(self, resource: Resource, code: str) -> tuple[Found, ...]:
        try:
            return self.values.of(resource, code)
        except FhirPathError:
            return ()

    def _says(self, kind: str, found: Found) -> bool:
        """Return whether a value is one of the kind: a text is no date, an attachment no reference."""
        match kind:
            case "date":
                return times.stored_span(found.value, found.type) is not None
            case "number" | "quantity":
                return amounts.stored(found.value, found.type) is not None
            case "reference":
                return found.type in links.TYPES
            case "string":
                return any(texts.strings(found.value, found.type))
            case "token":
                return found.type in codes.TYPES
        return True

    def matches(
        self, resource_type: str, code: str, kind: str, modifier: str | None, asked: str, found: Found
    ) -> bool:
        """Return whether one value of a query matches one value of a resource."""
        match kind:
            case "composite":
                return self._composite(resource_type, code, asked, found)
            case "token":
                return self._token(resource_type, code, modifier, asked, found)
            case "reference":
                return self._reference(resource_type, code, modifier, asked, found)
            case "string":
                return self._string(resource_type, code, modifier, asked, found)
            case "uri":
                return any(codes.uri_matches(modifier, asked, text) for text in _uris(found))
        return _ORDERED[kind](asked, found, self.now)

    def _string(self, resource_type: str, code: str, modifier: str | None, asked: str, found: Found) -> bool:
        expression = self.values.definition(resource_type, code).expression or ""
        named = found.type in ("HumanName", "Address") or _PART_OF_NAME.search(expression) is not None
        known = texts.strings(found.value, found.type)
        return any(texts.matches(modifier, asked, text, named=named) for text in known)

    def _token(self, resource_type: str, code: str, modifier: str | None, asked: str, found: Found) -> bool:
        if modifier == "text":
            return any(codes.has_word(asked, text) for text in codes.words(found.value, found.type))
        if modifier == "of-type":
            return found.type == "Identifier" and codes.of_type(asked, found.value)
        return any(codes.matches(asked, each) for each in self.codings(resource_type, code, found))

    def codings(self, resource_type: str, code: str, found: Found) -> list[codes.Coded]:
        """Return the systems and codes of a value that a token parameter found."""
        key = (resource_type, code)
        if key not in self._implied:
            self._implied[key] = self.values.systems_of(resource_type, code)
        implied = self._implied[key]
        return list(codes.codings(found.value, found.type, lambda text: implied.get(text, frozenset())))

    def _reference(
        self, resource_type: str, code: str, modifier: str | None, asked: str, found: Found
    ) -> bool:
        if modifier == "identifier":
            logical = found.value.get("identifier", {}) if isinstance(found.value, dict) else {}
            return bool(logical) and codes.matches(
                asked, (logical.get("system", ""), logical.get("value", ""))
            )
        known = links.links(found.value, found.type, self.base_url)
        return any(links.matches(asked, modifier, link, self.base_url) for link in known)

    def _composite(self, resource_type: str, code: str, asked: str, found: Found) -> bool:
        definition = self.values.definition(resource_type, code)
        pieces = asked.split("$")
        for component, piece, candidates in zip(definition.components, pieces, found.parts, strict=True):
            part = self.values.registry.parameter_by_url(component.definition)
            assert part is not None
            if not any(
                self.matches(resource_type, part.code, part.type, None, piece, each) for each in candidates
            ):
                return False
        return True


def split_prefix(text: str) -> tuple[str, str]:
    """Return the prefix of an ordered value, `eq` where it has none, and the rest."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def _uris(found: Found) -> list[str]:
    text = found.value
    versioned = found.type == "canonical" and "|" in text
    return [text, text.partition("|")[0]] if versioned else [text]


def _date(asked: str, found: Found, now: datetime) -> bool:
    prefix, text = split_prefix(asked)
    wanted, stored = times.span(text), times.stored_span(found.value, found.type)
    if wanted is None or stored is None:
        return False
    return times.COMPARES[prefix](times.about(wanted, now) if prefix == "ap" else wanted, stored)


def _number(asked: str, found: Found, _now: datetime) -> bool:
    prefix, text = split_prefix(asked)
    stored = amounts.stored(found.value, found.type)
    return stored is not None and amounts.COMPARES[prefix](amounts.asked(text), stored)


def _quantity(asked: str, found: Found, _now: datetime) -> bool:
    head, _, unit = asked.partition("|")
    prefix, number = split_prefix(head)
    system, _, code = unit.partition("|")
    stored = amounts.stored(found.value, found.type)
    return stored is not None and amounts.matches(prefix, number, system or None, code or None, stored)


_ORDERED: Mapping[str, Callable[[str, Found, datetime], Any]] = {
    "date": _date,
    "number": _number,
    "quantity": _quantity,
}
