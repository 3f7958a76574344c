"""Makes the dictionaries that are shipped, from invented samples alone.

`python -m fhir_server.store.sealing.training` writes those that `dictionaries/index.json` does not have yet,
and its rows.  What is there is never written again: something may be sealed with it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from random import Random
from typing import Any, Final

import zstandard

from fhir_server.store.sealing.compression import EVERY_TYPE, LEVEL
from fhir_server.store.sealing.samples import Samples
from profiles.load import load_registry
from profiles.registry import Registry

FOLDER: Final = Path(__file__).parent / "dictionaries"
DICTIONARY_BYTES: Final = 16 << 10
SAMPLES: Final = 1200
OTHERS_SAMPLES: Final = 20
"""For the dictionary of all other types: of each of them."""
ORIGIN: Final = "invented by fhir_server.store.sealing.samples from hl7.fhir.r4.core#4.0.1, seed {}"

TYPES: Final = (
    EVERY_TYPE, "AllergyIntolerance", "CarePlan", "CareTeam", "Claim", "Composition", "Condition", "Consent",
    "DiagnosticReport", "DocumentReference", "Encounter", "ExplanationOfBenefit", "ImagingStudy",
    "Immunization", "List", "MedicationAdministration", "MedicationRequest", "MedicationStatement",
    "Observation", "Patient", "Procedure", "Provenance", "ServiceRequest",
)  # fmt: skip
"""Types with a dictionary of their own, and `*` for all others."""


def train(registry: Registry, type_name: str, seed: int) -> bytes:
    """Return a dictionary for a type, `*` for those without one.  The same arguments give the same bytes."""
    samples = Samples(registry, Random(seed))  # noqa: S311 - nothing secret depends on it
    if type_name == EVERY_TYPE:
        names = sorted(registry.resource_types - set(TYPES))
        wanted = [name for name in names for _ in range(OTHERS_SAMPLES)]
    else:
        wanted = [type_name] * SAMPLES
    texts: list[bytes | bytearray | memoryview] = [
        json.dumps(samples.resource(name), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        for name in wanted
    ]
    return zstandard.train_dictionary(DICTIONARY_BYTES, texts, level=LEVEL).as_bytes()


def main() -> None:
    """Train what is missing, and say so."""
    registry = load_registry()
    index = FOLDER / "index.json"
    rows: list[dict[str, Any]] = json.loads(index.read_text("utf-8"))["dictionaries"]
    known = {row["type"] for row in rows}
    for type_name in TYPES:
        if type_name in known:
            continue
        number = max((row["number"] for row in rows), default=0) + 1
        content = train(registry, type_name, number)
        name = "others" if type_name == EVERY_TYPE else type_name.lower()
        file = f"{number:03d}-{name}.zdict"
        (FOLDER / file).write_bytes(content)
        rows.append(
            {
                "number": number, "type": type_name, "file": file,
                "sha256": hashlib.sha256(content).hexdigest(), "origin": ORIGIN.format(number),
            }
        )  # fmt: skip
        sys.stdout.write(f"{file}: {len(content)} bytes\n")
    index.write_text(json.dumps({"dictionaries": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
