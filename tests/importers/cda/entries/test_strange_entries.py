"""Whatever is taken from, doubled in or spoilt in a document: no failure, no invention, no lost negation."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_server.validation.structure import StructureValidator
from importers.cda.conversion import Conversion
from importers.cda.entries.engine import convert_entry, finish
from importers.cda.entries.meanings import read_meanings
from importers.cda.entries.place import Place
from importers.cda.entries.templates import name_of, row_of
from importers.cda.reader import read
from importers.cda.xml import child, children, tag_of
from profiles.registry import Registry
from tests.importers.cda.documents import BASE, HEAD, TAIL, ZONE
from tests.importers.cda.entries import test_adverse_event as events
from tests.importers.cda.entries import test_allergy as allergies
from tests.importers.cda.entries import test_condition as conditions
from tests.importers.cda.entries import test_immunization as immunizations
from tests.importers.cda.entries import test_medication as medications
from tests.importers.cda.entries.statements import PATIENT

OURS = frozenset({"problem", "allergy", "immunization", "medication-statement", "medication-request",
                  "medication-plan", "medication-administration", "medication-dispense"})  # fmt: skip
OUR_TYPES = frozenset({"AdverseEvent", "AllergyIntolerance", "Condition", "Immunization",
                       "ImmunizationRecommendation", "Medication", "MedicationAdministration",
                       "MedicationDispense", "MedicationRequest", "MedicationStatement"})  # fmt: skip
KINDS = ("remove", "double", "empty", "null", "spoil")
GARBAGE = ("", " ", "-1", "1e999", "NaN", "2024-13-45", "\u202e", "active", "true", "9" * 40, "urn:x", "MSK")

Change = tuple[str, int, str]


@cache
def rich() -> bytes:
    """Return a document with statements of every kind of this part."""
    grade = allergies.severity("371924009")
    reaction = allergies.reaction(f'<value xsi:type="CD" code="1" {allergies.SNOMED}/>', grade)
    step = medications.administration(medications.DOSE + medications.NO_PRODUCT, "83.1", "INT")
    number = '<sequenceNumber value="1"/>'
    entries = (
        allergies.concern(allergies.DRUG_ALLERGY + allergies.AGENT + allergies.status("active") + reaction),
        allergies.concern(allergies.DRUG_ALLERGY + allergies.AGENT, 'negationInd="true"'),
        conditions.concern(
            conditions.problem(
                conditions.VALUE
                + conditions.status("active")
                + '<effectiveTime><low value="2001"/><high value="2002"/></effectiveTime>'
            ),
            conditions.problem(conditions.VALUE, 'negationInd="true"'),
        ),
        immunizations.vaccination(
            '<effectiveTime value="1975"/>'
            + immunizations.PRODUCT
            + immunizations.rank('<value xsi:type="INT" value="2"/>')
            + immunizations.link("37", immunizations.FEVER, "CAUS"),
            code=immunizations.FIRST_SERIES,
        ),
        immunizations.vaccination(immunizations.PRODUCT, 'negationInd="true"'),
        medications.administration(medications.TIMES + medications.DOSE + medications.PRODUCT),
        medications.administration(medications.PRODUCT, attributes='negationInd="true"'),
        medications.administration(
            medications.TIMES
            + medications.PRODUCT
            + medications.link(step, before=number)
            + medications.act("87", '<code code="N" codeSystem="2.16.840.1.113883.5.1070"/>', "DEF")
            + medications.flag("48.12", "true"),
            "83",
            "INT",
        ),
        medications.dispensed(medications.link(medications.administration(medications.NO_PRODUCT))),
        events.event(events.MEDICINE + events.NAUSEA + events.part("213", "1352007006")),
    )
    inside = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return (
        f"{HEAD}<component><structuredBody><component><section>{inside}</section></component>"
        f"</structuredBody></component>{TAIL}"
    ).encode()


def changed(data: bytes, changes: list[Change]) -> bytes:
    """Return the document with nodes removed, doubled, emptied or spoilt; it stays well-formed."""
    root = etree.fromstring(data)
    for kind, number, text in changes:
        nodes = [node for node in root.iter(etree.Element) if node.getparent() is not None]
        if not nodes:
            break
        node = nodes[number % len(nodes)]
        parent = node.getparent()
        assert parent is not None
        if kind == "remove":
            parent.remove(node)
        elif kind == "double":
            node.addnext(deepcopy(node))
        elif kind == "empty":
            for inner in list(node):
                node.remove(inner)
        elif kind == "null":
            node.attrib.clear()
            node.set("nullFlavor", "MSK")
        elif node.attrib and "\u202e" not in text:
            node.set(sorted(map(str, node.attrib))[number % len(node.attrib)], text)
        else:
            node.text = text
    return etree.tostring(root)


def converted(data: bytes) -> Conversion:
    """Return the conversion of all entries; what a mapper raises is raised, nothing is caught."""
    source = read(data)
    cv = Conversion(source, UUID(int=1), ZONE, BASE)
    cv.strict = True
    cv.subject = dict(PATIENT)
    cv.resources[PATIENT["reference"]] = {"resourceType": "Patient"}
    for section in source.root.iter(tag_of("section")):
        code = child(section, "code")
        place = Place(section=section, section_code=None if code is None else code.get("code"))
        for entry in children(section, "entry"):
            convert_entry(cv, entry, place)
    finish(cv)
    return cv


def codings(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield from tree.get("coding", ())
        for value in tree.values():
            yield from codings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from codings(value)


def numbers(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from numbers(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from numbers(value)
    elif isinstance(tree, msgspec.Raw):
        yield bytes(tree).decode()


OWN_CODES = frozenset({"encounter-diagnosis", "due", "30980-7", "30981-5", "59777-3", "AP", "unknown", "refuted", "resolved",
                       "active", "inactive", "problem-list-item", "completed"})  # fmt: skip
"""Codes that mappers give without their standing in the document: R4 demands them, or a negation says them."""

OBSERVED = frozenset({"85354-9", "102538003", "10904000", "33586001", "40199007", "NEG", "LAB", "adr", "acd",
                      "AUT", "INF", "PRF", "male", "female", "other", "exam", "imaging", "laboratory",
                      "social-history", "survey", "vital-signs", "not-applicable", "not-asked", "masked",
                      "asked-unknown", "temp-unknown", "unsupported"})  # fmt: skip
"""The same for observations, reports and directives: categories, functions, why a value is absent."""

MEANT = {code for table in read_meanings().values() for half in table.values() for code in half.values()}


def invented(cv: Conversion, data: bytes) -> set[str]:
    """Return the codes and literals of the resources that the document does not hold."""
    held = {
        str(value) for node in etree.fromstring(data).iter(etree.Element) for value in node.attrib.values()
    }
    held |= {" ".join(value.split()) for value in held} | {value.strip() for value in held}
    trees = [each for each in cv.resources.values() if each["resourceType"] in OUR_TYPES]
    said = {str(coding["code"]) for tree in trees for coding in codings(tree) if "code" in coding}
    said |= {literal for tree in trees for literal in numbers(tree)}
    return said - held - OWN_CODES - OBSERVED - MEANT


NEGATIVE = {
    "AllergyIntolerance": lambda each: "refuted" in json.dumps(each.get("verificationStatus", {})),
    "Condition": lambda each: "refuted" in json.dumps(each.get("verificationStatus", {})),
    "Immunization": lambda each: each["status"] == "not-done",
    "MedicationStatement": lambda each: each["status"] == "not-taken",
    "MedicationRequest": lambda each: each.get("doNotPerform") is True,
    "MedicationAdministration": lambda each: each["status"] == "not-done",
    "MedicationDispense": lambda each: each["status"] == "declined",
}


def lost_negations(cv: Conversion) -> list[str]:
    """Return the negated statements of this part whose resource does not say so."""
    lost = []
    for node, reference in cv.made_from.items():
        row = row_of(node)
        if row is None or row.mapper not in OURS or node.get("negationInd") not in ("true", "1"):
            continue
        resource = cv.resource(reference)
        denies = NEGATIVE.get(resource["resourceType"])
        if denies is not None and not denies(resource):
            lost.append(f"{resource['resourceType']} {cv.xpath(node)}")
    return lost


def unlisted(cv: Conversion) -> list[str]:
    """Return the statements that neither became anything nor are listed."""
    listed = {issue.xpath for issue in cv.issues if issue.kind == "entry"}
    return [
        cv.xpath(node)
        for node in cv.source.root.iter(etree.Element)
        if name_of(node) is not None
        and node not in cv.made_from
        and not cv.is_used(node)
        and cv.xpath(node) not in listed
    ]


def check(data: bytes, validator: StructureValidator) -> None:
    cv = converted(data)
    assert lost_negations(cv) == []
    assert unlisted(cv) == []
    assert invented(cv, data) == set()
    for resource in list(cv.resources.values())[1:]:
        assert validator.validate(resource) == [], resource["resourceType"]


changes_of = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(min_value=0, max_value=2000),
        st.sampled_from(GARBAGE),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def validator(registry: Registry) -> StructureValidator:
    return StructureValidator(registry)


def test_the_whole_document_becomes_every_kind(validator: StructureValidator) -> None:
    cv = converted(rich())
    made = {each["resourceType"] for each in cv.resources.values()}
    assert made >= {"AllergyIntolerance", "Condition", "Immunization", "MedicationStatement",
                    "MedicationRequest", "MedicationDispense", "AdverseEvent"}  # fmt: skip
    assert len([node for node in cv.made_from if node.get("negationInd") == "true"]) == 4
    check(rich(), validator)


@given(changes=changes_of)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_a_document_makes_it_fail_invent_or_forget(
    changes: list[Change], validator: StructureValidator
) -> None:
    check(changed(rich(), changes), validator)


@pytest.mark.corpus
@pytest.mark.parametrize("seed", range(6))
def test_no_change_of_a_real_document_makes_it_fail_invent_or_forget(
    seed: int, corpus: Path, validator: StructureValidator
) -> None:
    files = sorted(corpus.glob("french/cda/*/*.xml"), key=lambda file: file.name)
    small = [file for file in files if file.stat().st_size < 150_000 and b"xsl:" not in file.read_bytes()]
    chance = random.Random(seed)
    for file in chance.sample(small, 5):
        changes = [(chance.choice(KINDS), chance.randrange(2000), chance.choice(GARBAGE)) for _ in range(8)]
        check(changed(file.read_bytes(), changes), validator)
