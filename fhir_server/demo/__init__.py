"""The demo record: an invented person with documents, results, allergies, vaccines and a consent.

The files are transaction Bundles of our own making, every entry a PUT under an id that begins with `demo-`:
loading them twice changes nothing.  To add to the record, add an entry to a file; to show a further request,
add a row to `REQUESTS`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_server.model import exact_json

FOLDER = Path(__file__).parent

IN_FILE = "file:"
"""A `data` that begins so names a file beside the Bundle: documents stay readable in review."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request to try, as a shell line; `{base}` stands for the base URL."""

    title: str
    line: str


REQUESTS = (
    Example("The person, by the number that identifies her",
            "curl -s '{base}/Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|257033899904267'"),
    Example("Consultation notes of this year, by patient, type and date",
            "curl -s '{base}/DocumentReference?patient=demo-odile&type=http://loinc.org|11488-4&date=ge2026-01-01'"),
    Example("The document itself, byte for byte",
            "curl -s -H 'Accept: text/xml' '{base}/Binary/demo-letter'"),
    Example("The two latest HbA1c results, their digits as they were sent",
            "curl -s '{base}/Observation?patient=demo-odile&code=http://loinc.org|4548-4&_sort=-date&_count=2'"),
    Example("Her allergies",
            "curl -s '{base}/AllergyIntolerance?patient=demo-odile'"),
    Example("A new measurement",
            "curl -s -X POST -H 'Content-Type: application/fhir+json' '{base}/Observation' -d '"
            '{{"resourceType":"Observation","status":"final",'
            '"code":{{"coding":[{{"system":"http://loinc.org","code":"29463-7"}}]}},'
            '"subject":{{"reference":"Patient/demo-odile"}},"effectiveDateTime":"2026-11-20",'
            '"valueQuantity":{{"value":72.30,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}}}\''),
)  # fmt: skip


def bundles() -> Iterator[tuple[str, bytes]]:
    """Yield the name of each file and its transaction Bundle as JSON, in the order to post them."""
    for file in sorted(FOLDER.glob("*.json")):
        bundle = exact_json.decode(file.read_bytes())
        for entry in bundle["entry"]:
            _embed(entry["resource"])
        yield file.name, exact_json.encode(bundle)


def _embed(resource: dict[str, Any]) -> None:
    data = resource.get("data")
    if isinstance(data, str) and data.startswith(IN_FILE):
        content = (FOLDER / data.removeprefix(IN_FILE)).read_bytes()
        resource["data"] = base64.b64encode(content).decode("ascii")
