"""Statements with nodes missing, doubled, moved or corrupted: nothing raises, what is made stays legal."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_server.validation.structure import StructureValidator
from importers.cda.conversion import Conversion
from profiles.load import load_registry
from tests.importers.cda.entries.statements import section_of
from tests.importers.cda.entries.test_consent import directive
from tests.importers.cda.entries.test_device import supply
from tests.importers.cda.entries.test_encounter import PERFORMER, PLACE, encounter
from tests.importers.cda.entries.test_family_history import condition, history
from tests.importers.cda.entries.test_imaging import study
from tests.importers.cda.entries.test_laboratory import COLLECTION, chapter, isolate, organizer, result
from tests.importers.cda.entries.test_media import attached, media
from tests.importers.cda.entries.test_procedure import procedure
from tests.importers.cda.entries.test_vital_signs import panel, sign

VALIDATOR = StructureValidator(load_registry())
SPACES = (
    'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:v3="urn:hl7-org:v3" '
    'xmlns:sdtc="urn:hl7-org:sdtc"'
)
ENTRIES = (
    chapter(COLLECTION, isolate(organizer("4", result())), result("2-2")),
    panel(sign("8480-6", "120"), sign("8462-4", "80"), sign("8306-3", "51")),
    history(condition("1"), condition("2", 'negationInd="true"')),
    procedure('<effectiveTime><low value="2019"/></effectiveTime>', attributes='negationInd="true"'),
    procedure(mood="INT"),
    encounter('<code code="AMB" codeSystem="2.16.840.1.113883.5.4"/>', PERFORMER + PLACE),
    directive('<value xsi:type="BL" value="false"/>'),
    supply(),
    study(),
    attached(media()),
)
WORDS = (
    "",
    "x",
    "-1",
    "true",
    "20249999",
    "1e5",
    "EVN",
    "INT",
    "GOL",
    "http://[",
    "é",
    "UNK",
    "BAD",
    "IVL_PQ",
    "1.2.3",
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("remove", "double", "move", "corrupt", "forget", "null")),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
        st.sampled_from(WORDS),
    ),
    min_size=1,
    max_size=12,
)


def changed(entry: str, changes: list[tuple[str, int, int, str]]) -> str:
    root = etree.fromstring(f"<entry {SPACES}>{entry}</entry>")
    for kind, where, which, word in changes:
        nodes = [node for node in root.iter(etree.Element) if node is not root]
        if nodes:
            change(nodes[where % len(nodes)], nodes[which % len(nodes)], kind, which, word)
    return "".join(etree.tostring(node, encoding="unicode") for node in root)


def change(node: etree._Element, other: etree._Element, kind: str, which: int, word: str) -> None:
    names = list(node.attrib)
    parent = node.getparent()
    assert parent is not None
    match kind:
        case "remove":
            parent.remove(node)
        case "double":
            node.addnext(deepcopy(node))
        case "move":
            node.append(deepcopy(other))
        case "corrupt" if names:
            node.set(names[which % len(names)], word)
        case "forget" if names:
            del node.attrib[names[which % len(names)]]
        case "null":
            node.set("nullFlavor", word or "MSK")


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(entry=st.sampled_from(ENTRIES), changes=CHANGES)
def test_strange_statements_never_raise_and_stay_legal(
    entry: str, changes: list[tuple[str, int, int, str]]
) -> None:
    cv = section_of(changed(entry, changes), code="18776-5")
    assert [issue for each in cv.resources.values() for issue in VALIDATOR.validate(each)] == []
    assert dangling(cv) == []


def dangling(cv: Conversion) -> list[str]:
    """Return the references that lead to nothing that was made."""
    found: list[str] = []
    waiting: list[object] = list(cv.resources.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            reference = value.get("reference")
            if isinstance(reference, str) and reference not in cv.resources:
                found.append(reference)
        elif isinstance(value, list):
            waiting += value
    return found
