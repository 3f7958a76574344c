"""The class of a visit, which R4 demands: ambulatory, in a hospital …

Spec: https://hl7.org/fhir/R4/encounter-definitions.html#Encounter.class
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.cda.datatypes.absence import ABSENT
from importers.cda.entries.meanings import meaning

_CLASSES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def visit_class(concept: Mapping[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """Return the class as a Coding, and whether it says all that the code of the visit does.

    A code of a realm that has no equal in v3 gives the nearest class; of any other the class is unknown.
    """
    found = meaning("encounter-class", concept)
    if found is None:
        return {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}, False
    codings = (concept or {}).get("coding", ())
    said = (each for each in codings if (each.get("system"), each.get("code")) == (_CLASSES, found.code))
    exact = next(said, None) if found.is_exact else None
    coding = exact or {"system": _CLASSES, "code": found.code}
    return dict(coding), exact is not None and len(codings) == 1
