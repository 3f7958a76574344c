"""Fifteen documents of different kinds, row by row: a place in the document, a FHIRPath, what it must give.

The rows in `rows/` were written from the mapping rules and the documents, not from what the importer made.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhirpath import compile
from fhir_server.fhirpath.functions.conversion import text_of
from fhir_server.fhirpath.node import system
from importers.cda.convert import convert
from importers.cda.reader import read
from importers.cda.xml import PREFIXES, V3
from profiles.registry import Registry
from profiles.type_model import RegistryTypeModel
from tests.importers.cda.whole import OPTIONS

pytestmark = pytest.mark.corpus

FRENCH = "french/cda/tc3.0"
EUROPEAN = "eu/myhealth-eu-cda/openncp-samples/cda-display-tool/xsltransformer"
DOCUMENTS = {
    "summary": f"{FRENCH}/VSM_1.4_2022.01.xml",
    "microbiology": f"{FRENCH}/BIO-CR-BIO_2024.01_Microbiologie_V2.xml",
    "laboratory-with-images": f"{FRENCH}/BIO-CR-BIO_2021.01_Auto-Presentable_avec-image.xml",
    "vaccinations": f"{FRENCH}/VAC_2023.01.xml",
    "discharge-letter": f"{FRENCH}/LDL-SES_2022.01.xml",
    "imaging": f"{FRENCH}/IMG_CR_IMG_2024.01.xml",
    "prescription": f"{FRENCH}/eP-MED-DM_2023.01_PosoStruct.xml",
    "wrapped-file": f"{FRENCH}/DOC_NON_STRUCTURE_CDA-R2-N1.xml",
    "ips": f"{FRENCH}/IPS-FR_2024.01.xml",
    "eu-two-languages": f"{EUROPEAN}/src/test/resources/ps/EE_PS_EXAMPLE.xml",
    "eu-no-information": f"{EUROPEAN}/samples/CTD/CTD_CDA v0.9_no_information.xml",
    "eu-known-absence": "eu/myhealth-eu-cda/dk-ncp/RTD_W4_known_absence.xml",
    "eu-prescription": f"{EUROPEAN}/src/test/resources/ep/ep.xml",
    "newborn": f"{FRENCH}/CSE-CS8_2024.01.xml",
    "consolidated": "ccda/hl7-examples/Documents/Transfer Summary/Transfer_Summary.xml",
}
LEAST_ROWS = 30
NAME = re.compile(r"(?<=[/\[])(?=[A-Za-z][\w.-]*(?:[\[\]/=]|$))")
"""Where a name without prefix begins, in a step or in a condition.  What is compared holds no slash."""


def known_misses() -> list[dict[str, str]]:
    """Return the rows that do not hold, each with its cause."""
    text = (Path(__file__).parent / "rows" / "known-misses.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def rows_of(name: str) -> list[dict[str, str]]:
    """Return the rows of the header and the sections, then those of the statements."""
    folder = Path(__file__).parent / "rows"
    files = [folder / f"{name}.csv", folder / "statements" / f"{name}.csv"]
    texts = [file.read_text("utf-8") for file in files if file.exists()]
    return [row for text in texts for row in csv.DictReader(text.splitlines())]


@cache
def document(path: Path) -> tuple[Any, dict[str, Any]]:
    data = path.read_bytes()
    return read(data).root, convert(data, OPTIONS).bundle


@pytest.fixture(scope="module")
def types(registry: Registry) -> RegistryTypeModel:
    return RegistryTypeModel(registry)


def selected(root: Any, xpath: str) -> list[Any]:
    path = NAME.sub("v3:", xpath).replace("/v3:ClinicalDocument", ".", 1)
    found = root.xpath(path, namespaces={**PREFIXES, "v3": V3})
    return found if isinstance(found, list) else [found]


def given_by(fhirpath: str, bundle: dict[str, Any], types: RegistryTypeModel) -> list[str | None]:
    return [text_of(system(item)) for item in compile(fhirpath, types=types).items(bundle)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_row_holds(name: str, corpus: Path, types: RegistryTypeModel) -> None:
    root, bundle = document(corpus / DOCUMENTS[name])
    wrong = []
    for row in rows_of(name):
        if not selected(root, row["xpath"]):
            wrong.append((row["xpath"], "is not in the document"))
        given = given_by(row["fhirpath"], bundle, types)
        if given != [row["expected"]]:
            wrong.append((row["fhirpath"], f"{row['expected']} expected, {given} found"))
    assert wrong == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_enough_rows(name: str) -> None:
    assert len(rows_of(name)) >= LEAST_ROWS


@pytest.mark.parametrize("row", [pytest.param(row, id=row["fhirpath"]) for row in known_misses()])
def test_a_known_miss_is_still_one(row: dict[str, str], corpus: Path, types: RegistryTypeModel) -> None:
    root, bundle = document(corpus / DOCUMENTS[row["document"]])
    assert row["cause"]
    assert selected(root, row["xpath"])
    assert given_by(row["fhirpath"], bundle, types) != [row["expected"]], "it holds: move it to its document"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_row_is_there_twice(name: str) -> None:
    rows = [tuple(row.values()) for row in rows_of(name)]
    assert len(set(rows)) == len(rows)
