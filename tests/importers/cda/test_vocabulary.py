"""Code systems, null flavors, value maps and units, as the tables say and as others say."""

from __future__ import annotations

import json
import tarfile
import tomllib
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.search.units import base_unit
from importers.cda.vocabulary import misplaced, null_flavors, system_of, ucum, unit_system, value_map


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        pytest.param("2.16.840.1.113883.6.1", "http://loinc.org", id="loinc"),
        pytest.param("2.16.840.1.113883.6.96", "http://snomed.info/sct", id="snomed-ct"),
        pytest.param("1.2.250.1.213.2.12", "urn:oid:1.2.250.1.213.2.12", id="snomed-3.5-is-not-snomed-ct"),
        pytest.param("0.4.0.127.0.16.1.1.2.1", "http://standardterms.edqm.eu", id="edqm"),
        pytest.param("1.2.250.1.215.300.1", "https://smt.esante.gouv.fr/terminologie-ccam", id="second-oid"),
        pytest.param(
            "2.16.840.1.113883.5.83",
            "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
            id="version-3",
        ),
        pytest.param("1.2.3.4.5", "urn:oid:1.2.3.4.5", id="unknown-oid"),
        pytest.param(
            "3BC18518-D305-46C2-A8D6-94BD59856E9E", "urn:uuid:3bc18518-d305-46c2-a8d6-94bd59856e9e", id="uuid"
        ),
        pytest.param(
            "https://smt.esante.gouv.fr/terminologie-cim-10", "http://hl7.org/fhir/sid/icd-10", id="alias"
        ),
        pytest.param("http://example.org/x", "http://example.org/x", id="uri"),
    ],
)
def test_a_system_has_its_uri(name: str, uri: str) -> None:
    found = system_of(name)
    assert found is not None
    assert found.uri == uri
    assert not found.is_typo


@pytest.mark.parametrize("name", ["MTCODES", "NA", "1", "2.16.840.1.113883.6.01x", "3.1.2", ""])
def test_what_is_no_oid_is_no_system(name: str) -> None:
    assert system_of(name) is None


def test_a_known_slip_is_the_system_that_was_meant() -> None:
    found = system_of("1.3.5.1.4.1.19376.1.5.3.2")
    assert found is not None
    assert found.is_typo
    assert found.uri == "urn:oid:1.3.6.1.4.1.19376.1.5.3.2"


def test_codes_that_are_not_loinc_are_known() -> None:
    assert misplaced("2.16.840.1.113883.6.1", "GEN-168") == "1.2.250.1.213.1.1.4.322"
    assert misplaced("2.16.840.1.113883.6.1", "8480-6") is None
    assert misplaced("2.16.840.1.113883.6.96", "GEN-168") is None


def test_no_oid_stands_for_two_systems() -> None:
    table = tomllib.loads(resources.files("importers.cda").joinpath("systems.toml").read_text("utf-8"))
    oids = [oid for row in table["system"] for oid in [*row["oid"], *row.get("typo", ())]]
    assert len(oids) == len(set(oids))


def test_every_null_flavor_of_hl7_has_a_reason() -> None:
    assert set(null_flavors()) >= {
        "NI",
        "INV",
        "DER",
        "OTH",
        "NINF",
        "PINF",
        "UNC",
        "MSK",
        "NA",
        "UNK",
        "ASKU",
        "NAV",
        "NASK",
        "QS",
        "TRC",
    }
    assert null_flavors()["MSK"].reason == "masked"
    assert null_flavors()["MSK"].is_exact


@pytest.mark.parametrize(
    ("written", "code"),
    [
        pytest.param("g/L", "g/L", id="ucum"),
        pytest.param("{tbl}", "{tbl}", id="annotation"),
        pytest.param("mL/min/{1.73_m2}", "mL/min/{1.73_m2}", id="annotation-with-numbers"),
        pytest.param("UI/L", "[IU]/L", id="international-units"),
        pytest.param("mmHg", "mm[Hg]", id="mercury"),
        pytest.param("mois", "mo", id="months"),
        pytest.param("w", "wk", id="weeks"),
        pytest.param("G/l", "10*9/L", id="giga-per-litre"),
        pytest.param("T/L", "10*12/L", id="tera-per-litre"),
        pytest.param("1/mn", "/min", id="per-minute"),
        pytest.param("ohms", "Ohm", id="ohm"),
        pytest.param("30009000", None, id="code-of-another-system"),
        pytest.param("15-digit", None, id="words"),
        pytest.param("mg/2.5.ml", None, id="number-that-ucum-would-misread"),
        pytest.param("/mg/L", None, id="legal-but-not-meant"),
        pytest.param("PA", None, id="pack-years-are-no-petaampere"),
        pytest.param("mg mL", None, id="blank"),
        pytest.param("mg//L", None, id="two-slashes"),
        pytest.param("(mg", None, id="open-bracket"),
    ],
)
def test_a_unit_has_its_ucum_code_or_none(written: str, code: str | None) -> None:
    assert ucum(written) == code


@pytest.mark.parametrize(
    ("written", "system"),
    [
        pytest.param("30009000", "http://standardterms.edqm.eu", id="package"),
        pytest.param("15054000", "http://standardterms.edqm.eu", id="unit-of-presentation"),
        pytest.param("10219000", "http://standardterms.edqm.eu", id="form"),
        pytest.param("1", None, id="one"),
        pytest.param("100", None, id="number"),
        pytest.param("99999999", None, id="no-class-of-terms"),
        pytest.param("300090001", None, id="too-long"),
        pytest.param("mg", None, id="ucum"),
    ],
)
def test_a_code_in_the_place_of_a_unit_has_its_system(written: str, system: str | None) -> None:
    assert unit_system(written) == system


FACTORS = st.builds(
    "{}{}{}".format,
    st.sampled_from(
        ["m", "g", "L", "mol", "[IU]", "%", "mPa", "s", "min", "kg", "um", "m[Hg]", "h", "10*3", "(m.s)"]
    ),
    st.sampled_from(["", "2", "-1"]),
    st.sampled_from(["", "{x}"]),
)


@settings(deadline=None)
@given(st.lists(FACTORS, min_size=1, max_size=4), st.sampled_from("./"))
def test_what_has_a_meaning_in_base_units_is_a_unit(factors: list[str], sign: str) -> None:
    unit = sign.join(factors)
    if base_unit(unit) is not None:
        assert ucum(unit) is not None


@pytest.mark.corpus
def test_every_atom_of_ucum_is_a_unit(corpus: Path) -> None:
    root = ET.parse(corpus / "ucum" / "ucum-essence.xml").getroot()
    space = {"u": "http://unitsofmeasure.org/ucum-essence"}
    units = [*root.findall("u:base-unit", space), *root.findall("u:unit", space)]
    assert len(units) > 300
    for unit in units:
        code = unit.attrib["Code"]
        assert ucum(code) is not None, code
        assert "(" in code or ucum(f"mL/{code}") is not None, code
        is_metric = unit.get("isMetric") == "yes" or unit.tag.endswith("base-unit")
        if ucum(f"Y{code}") is not None:
            assert is_metric, code


def test_units_become_units_of_ucum() -> None:
    table = tomllib.loads(resources.files("importers.cda").joinpath("units.toml").read_text("utf-8"))
    for written, code in table["unit"].items():
        assert ucum(code) == code, written
        assert written != code


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        pytest.param("telecom_system", "contact-point-system", id="telecom-system"),
        pytest.param("telecom_use", "contact-point-use", id="telecom-use"),
        pytest.param("address_use", "address-use", id="address-use"),
        pytest.param("address_type", "address-type", id="address-type"),
        pytest.param("name_use", "name-use", id="name-use"),
        pytest.param("gender", "administrative-gender", id="gender"),
    ],
)
@pytest.mark.corpus
def test_maps_lead_to_codes_of_fhir(corpus: Path, name: str, definition: str) -> None:
    with tarfile.open(corpus / "r4-definitions" / "hl7.fhir.r4.core-4.0.1.tgz") as package:
        member = package.extractfile(f"package/CodeSystem-{definition}.json")
        assert member is not None
        codes = {concept["code"] for concept in json.load(member)["concept"]} | {"maiden"}
    assert set(value_map(name).values()) <= codes
