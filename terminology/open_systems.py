"""Value sets that no list holds, as rules: languages, media types, units, currencies.

A rule says True or False where it can, None where the look of a code does not decide.
Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from fhir_server.fhirpath.units import measure

Rule = Callable[[str], bool | None]

_LANGUAGE: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[a-wy-z0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+",
    re.IGNORECASE,
)
"""Spec: https://www.rfc-editor.org/rfc/rfc5646#section-2.1"""
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE: Final = re.compile(
    rf'{_NAME}/{_NAME}(?:[ \t]*;[ \t]*{_NAME}=(?:{_NAME}|"[^"\r\n]{{0,200}}"))*[ \t]*;?', re.ASCII
)
"""Spec: https://www.rfc-editor.org/rfc/rfc6838#section-4.2"""
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_SPECIAL_UNITS: Final = frozenset({"Cel", "[degF]", "[degRe]", "[pH]"})
"""Units with a zero of their own, which no product of base units expresses."""
_UNIT_LETTERS: Final = re.compile(r"[!-~]+")
_MAX_LENGTH: Final = 500


def is_language(code: str) -> bool:
    """Return whether the code is a well-formed language tag."""
    return len(code) <= _MAX_LENGTH and _LANGUAGE.fullmatch(code) is not None


def is_media_type(code: str) -> bool:
    """Return whether the code is a well-formed media type, with or without parameters."""
    return len(code) <= _MAX_LENGTH and _MEDIA_TYPE.fullmatch(code) is not None


def is_currency(code: str) -> bool | None:
    """Return False for what cannot be a currency; which of the others are, no package says."""
    return None if _CURRENCY.fullmatch(code) else False


def is_unit(code: str) -> bool | None:
    """Return True for a unit that can be read, False for what no unit can look like."""
    if not _UNIT_LETTERS.fullmatch(code):
        return False
    return True if code in _SPECIAL_UNITS or measure(code) is not None else None


RULES: Final[Mapping[str, tuple[str, Rule]]] = MappingProxyType(
    {
        "http://hl7.org/fhir/ValueSet/all-languages": ("urn:ietf:bcp:47", is_language),
        "http://hl7.org/fhir/ValueSet/mimetypes": ("urn:ietf:bcp:13", is_media_type),
        "http://hl7.org/fhir/ValueSet/currencies": ("urn:iso:std:iso:4217", is_currency),
        "http://hl7.org/fhir/ValueSet/ucum-units": ("http://unitsofmeasure.org", is_unit),
    }
)
"""Value set → the system of its codes, and the rule."""
