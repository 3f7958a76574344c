"""Vital signs: an Observation with one of their codes has to be the profile that R4 has for it.

Spec: https://hl7.org/fhir/R4/observation-vitalsigns.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault

_PROFILES = "http://hl7.org/fhir/StructureDefinition/"
_LOINC = "http://loinc.org"
_SNOMED = "http://snomed.info/sct"
_BY_LOINC: Mapping[str, str] = MappingProxyType({
    "85353-1": "vitalspanel",
    "9279-1": "resprate",
    "8867-4": "heartrate",
    "2708-6": "oxygensat",
    "8310-5": "bodytemp",
    "8302-2": "bodyheight",
    "9843-4": "headcircum",
    "29463-7": "bodyweight",
    "39156-5": "bmi",
    "85354-9": "bp",
})  # fmt: skip
_LOINC_OF: Mapping[str, str] = MappingProxyType({
    "276885007": "8310-5",
    "386725007": "8310-5",
    "364075005": "8867-4",
    "86290005": "9279-1",
    "50373000": "8302-2",
    "27113001": "29463-7",
    "60621009": "39156-5",
    "75367002": "85354-9",
})  # fmt: skip
"""SNOMED CT codes of the same vital signs."""


def vital_sign_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield the LOINC codes that an Observation lacks beside other codes of the same vital sign."""
    codes = list(_codes(place.value))
    for system, code in codes:
        wanted = _LOINC_OF.get(code) if system == _SNOMED else None
        if wanted is not None and (_LOINC, wanted) not in codes:
            text = f"a vital sign needs the LOINC code {wanted} beside its other codes."
            yield fault(world.options.vital_signs, "missing-element", text, f"{place.path}.code.coding")


def vital_sign_profiles(resource: Mapping[str, Any]) -> list[str]:
    """Return the canonicals of the profiles that the codes of an Observation ask for."""
    names = {_BY_LOINC[code] for system, code in _codes(resource) if system == _LOINC and code in _BY_LOINC}
    return [_PROFILES + name for name in sorted(names)]


def _codes(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    code = resource.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    if resource.get("resourceType") != "Observation" or not isinstance(codings, list):
        return
    for coding in codings:
        if isinstance(coding, dict):
            yield str(coding.get("system")), str(coding.get("code"))
