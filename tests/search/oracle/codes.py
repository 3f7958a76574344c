"""Tokens and URIs.  Spec: https://hl7.org/fhir/R4/search.html#token"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.search.oracle.texts import bare

Coded = tuple[str, str]
"""System (`""`: none) and code."""
TYPES = frozenset({
    "CodeableConcept", "Coding", "Identifier", "ContactPoint", "code", "boolean", "string", "id", "uri", "url",
    "canonical", "oid", "uuid", "markdown", "date", "dateTime", "instant", "integer", "positiveInt",
    "unsignedInt", "decimal",
})  # fmt: skip
"""What can be a token."""
SystemsOfCode = Callable[[str], frozenset[str]]
"""The systems that a bare code of a `code` element has by its binding."""


def codings(value: Any, kind: str, implied: SystemsOfCode) -> Iterator[Coded]:
    """Yield every system and code that a token parameter can find a value by."""
    match kind:
        case "CodeableConcept":
            for coding in value.get("coding", ()):
                yield coding.get("system", ""), coding.get("code", "")
        case "Coding":
            yield value.get("system", ""), value.get("code", "")
        case "Identifier":
            yield value.get("system", ""), value.get("value", "")
        case "ContactPoint":
            yield value.get("use", ""), value.get("value", "")
        case "code":
            yield from ((system, value) for system in implied(value) or {""})
        case "boolean":
            yield "", "true" if value else "false"
        case _:
            if isinstance(value, str):
                yield "", value


def words(value: Any, kind: str) -> Iterator[str]:
    """Yield the texts beside the codes, which `:text` looks at."""
    concept = value.get("type", {}) if kind == "Identifier" else value
    if kind in ("CodeableConcept", "Identifier") and "text" in concept:
        yield concept["text"]
    if kind == "CodeableConcept":
        yield from (coding["display"] for coding in value.get("coding", ()) if "display" in coding)
    if kind == "Coding" and "display" in value:
        yield value["display"]


def matches(asked: str, found: Coded) -> bool:
    """Return whether `code`, `system|code`, `|code` or `system|` names a coding; no part holds a bar."""
    system, bar, code = asked.rpartition("|")
    if not bar:
        return found[1] == asked and asked != ""
    if not code:
        return found[0] == system
    return found == (system, code)


def has_word(asked: str, text: str) -> bool:
    """Return whether `:text` finds a text."""
    return bare(asked) in bare(text)


def of_type(asked: str, identifier: Any) -> bool:
    """Return whether `:of-type=system|code|value` names an Identifier."""
    system, code, value = asked.split("|")
    types = identifier.get("type", {}).get("coding", ())
    typed = any(coding.get("system") == system and coding.get("code") == code for coding in types)
    return typed and identifier.get("value") == value


def uri_matches(modifier: str | None, asked: str, stored: str) -> bool:
    """Return whether a URI is the one asked for, continues it (`below`) or is continued by it (`above`)."""
    if modifier is None:
        return stored == asked
    asked, stored = asked.rstrip("/"), stored.rstrip("/")
    longer, shorter = (stored, asked) if modifier == "below" else (asked, stored)
    return longer == shorter or longer.startswith(shorter + "/")
