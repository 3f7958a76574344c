"""Every public document, walked without the importer: what it denies, measures and states is in the result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from importers.cda.convert import convert
from importers.cda.reader import read
from importers.cda.xml import PREFIX_OF, V3
from importers.result import ImportResult, Unreadable
from tests.importers.cda.coverage_page import PAGE, coverage_page
from tests.importers.cda.test_convert_corpus import FOLDERS, REFUSALS, Converted, converted_in
from tests.importers.cda.whole import OPTIONS

pytestmark = pytest.mark.corpus

STATEMENTS = frozenset(f"{{{V3}}}{name}" for name in (
    "act", "encounter", "observation", "observationMedia", "organizer", "procedure", "substanceAdministration",
    "supply",
))  # fmt: skip
DENIED = frozenset({"status:not-done", "status:not-taken", "status:declined", "valueBoolean:False",
                    "code:refuted", "code:NEG", "doNotPerform:True", "lifecycleStatus:rejected", "type:deny",
                    "code:no-known-allergies", "code:no-known-medications"})  # fmt: skip
"""What a resource says that denies: an element and its value."""
MEASURES = ("value", "low", "high", "doseQuantity", "rateQuantity", "quantity", "numerator", "denominator",
            "period", "repeatNumber")  # fmt: skip
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
POSITION = re.compile(r"\[[0-9]+\]")
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

Element = etree._Element


@pytest.fixture(params=FOLDERS)
def documents(request: pytest.FixtureRequest, corpus: Path) -> Converted:
    return converted_in(corpus / FOLDERS[request.param][0])


@cache
def paths(data: bytes) -> dict[Element, str]:
    """Return the XPath of every element, made anew."""
    root = read(data).root
    found = {root: "/ClinicalDocument"}
    for node in root.iter(etree.Element):
        below: dict[str, list[Element]] = {}
        for each in node.iterchildren(etree.Element):
            below.setdefault(each.tag, []).append(each)
        for same in below.values():
            for number, each in enumerate(same, 1):
                name = etree.QName(each)
                prefix = "" if name.namespace == V3 else f"{PREFIX_OF.get(name.namespace or '', '?')}:"
                position = f"[{number}]" if len(same) > 1 else ""
                found[each] = f"{found[node]}/{prefix}{name.localname}{position}"
    return found


def resources_at(result: ImportResult) -> dict[str, list[dict[str, Any]]]:
    """Return place in the original → the resources made from it."""
    made = {entry["fullUrl"]: entry["resource"] for entry in result.bundle["entry"]}
    found: dict[str, list[dict[str, Any]]] = {}
    for url, origin in result.origins.items():
        found.setdefault(origin.xpath, []).append(made[url])
    return found


def said(tree: Any) -> Iterator[str]:
    """Yield `name:value` of all that a resource says."""
    if isinstance(tree, list):
        for each in tree:
            yield from said(each)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, str | bool):
                yield f"{name}:{value}"
            yield from said(value)


def denied_statements(data: bytes) -> Iterator[tuple[Element, str]]:
    """Yield each statement that the document negates, itself or by the relation around it."""
    for node, path in paths(data).items():
        if node.get("negationInd") in ("true", "1"):
            if node.tag in STATEMENTS:
                yield node, path
            else:
                yield from ((each, paths(data)[each]) for each in node if each.tag in STATEMENTS)


def test_every_denied_statement_is_denied_or_listed(documents: Converted) -> None:
    lost, seen = [], 0
    for file, data, result in documents:
        at = resources_at(result)
        listed = {issue.xpath for issue in result.issues if issue.kind in ("entry", "fault", "subject")}
        for _, path in denied_statements(data):
            seen += 1
            made = at.get(path) or [
                each for place, found in at.items() if place.startswith(f"{path}/") for each in found
            ]
            if not any(DENIED & set(said(each)) for each in made) and path not in listed:
                lost.append(f"{file.name}: {path}")
    assert lost == []
    assert seen > 5


def measures(data: bytes) -> Iterator[tuple[Element, str, str]]:
    """Yield (element, its path, its literal) of what measures or counts inside the statements."""
    places = paths(data)
    for node in read_root(data).iter(*(f"{{{V3}}}{name}" for name in MEASURES)):
        literal = (node.get("value") or "").strip()
        kind = (node.get(XSI_TYPE) or "").rpartition(":")[2]
        bare = node.get("unit") is None and kind not in ("PQ", "INT", "REAL", "MO")
        if not NUMBER.fullmatch(literal) or (
            bare and node.tag in (f"{{{V3}}}low", f"{{{V3}}}high", f"{{{V3}}}value")
        ):
            continue
        if any(each.tag in STATEMENTS for each in node.iterancestors()):
            yield node, places[node], literal


def read_root(data: bytes) -> Element:
    return next(iter(paths(data)))


def literals(text: str) -> set[str]:
    """Return the numbers that stand in JSON, in front of units in its strings, too."""
    return set(re.findall(r'(?<![\w."-])-?[0-9]+(?:\.[0-9]+)?(?=[,}\]]|\s)', text)) | set(
        re.findall(r'(?<=")-?[0-9]+(?:\.[0-9]+)?(?= )', text)
    )


def is_frequency(node: Element) -> bool:
    """Return whether a period says how often a day, rather than after how long."""
    around = node.getparent()
    return around is not None and around.get("institutionSpecified") == "true"


def test_every_number_is_there_as_it_was_written_or_listed(documents: Converted) -> None:
    lost, seen = [], 0
    for file, data, result in documents:
        found = literals(msgspec.json.encode(result.bundle["entry"][2:]).decode())
        spoken = list(said(result.bundle["entry"][2:]))
        units = {each.removeprefix("unit:") for each in spoken if each.startswith("unit:")}
        words = "\n".join(each for each in spoken if not each.startswith("data:"))
        for node, path, literal in measures(data):
            seen += 1
            plain = POSITION.sub("", path)
            if f"{plain}/@value" in result.unmapped or plain in result.unmapped or is_frequency(node):
                continue
            unit = node.get("unit")
            if literal not in found and str(int(float(literal))) not in found:
                lost.append(f"{file.name}: {path}: {literal}")
            timed = node.tag == f"{{{V3}}}period" or "effectiveTime" in path
            if unit and not timed and unit not in units and f"{literal} {unit}" not in words:
                lost.append(f"{file.name}: {path}: {unit}")
    assert lost == []
    assert seen > 100


def test_a_comment_that_is_said_to_have_no_words_has_none(documents: Converted) -> None:
    for file, data, result in documents:
        wordless = {issue.xpath for issue in result.issues if issue.text == "A comment has no words."}
        if not wordless:
            continue
        words = {str(node.get("ID")): "".join(map(str, node.itertext())).strip() for node in paths(data)}
        for node, path in paths(data).items():
            if path in wordless:
                values = [each.get("value", "") for each in node.iterfind("{*}text/{*}reference")]
                assert not any(words.get(value.removeprefix("#")) for value in values), (file, path)
                assert not "".join(map(str, node.itertext())).strip(), (file, path)
                wordless.remove(path)
        assert not wordless, file


def test_every_entry_became_something_or_is_listed(documents: Converted) -> None:
    for file, data, result in documents:
        made = sorted(resources_at(result))
        listed = sorted(issue.xpath for issue in result.issues if issue.xpath)
        for node, path in paths(data).items():
            if node.tag == f"{{{V3}}}entry":
                inside = any(place.startswith(f"{path}/") for place in made)
                assert inside or any(place.startswith(path) for place in listed), (file.name, path)


def test_a_file_is_converted_or_refused_with_a_reason(corpus: Path) -> None:
    for folder, count in FOLDERS.values():
        files = list((corpus / folder).rglob("*.xml"))
        refused = len(files) - len(converted_in(corpus / folder))
        assert refused == len(files) - count
        assert folder != "french/cda" or refused == 0


def test_a_refusal_says_in_a_sentence_what_is_wrong(corpus: Path) -> None:
    for folder, _ in FOLDERS.values():
        known = {file for file, _, _ in converted_in(corpus / folder)}
        for file in sorted((corpus / folder).rglob("*.xml")):
            if file in known:
                continue
            with pytest.raises(Unreadable) as refusal:
                convert(file.read_bytes(), OPTIONS)
            assert refusal.value.kind in REFUSALS
            assert refusal.value.text[0].isupper()
            assert refusal.value.text.endswith(".")


def test_the_page_of_the_coverage_is_up_to_date(corpus: Path) -> None:
    assert PAGE.read_text("utf-8") == coverage_page(converted_in(corpus / FOLDERS["french"][0])), (
        "python -m tests.importers.cda.coverage_page writes it"
    )


def test_nine_of_ten_statements_of_the_french_documents_are_structured(corpus: Path) -> None:
    counts = [
        pair
        for _, _, result in converted_in(corpus / FOLDERS["french"][0])
        for pair in result.templates.values()
    ]
    assert sum(made for _, made in counts) >= 0.9 * sum(met for met, _ in counts)
    assert sum(met for met, _ in counts) > 5000


ABOUT_OTHERS = frozenset({"Binary", "Device", "Location", "Organization", "Patient", "Practitioner",
                          "PractitionerRole", "Provenance", "RelatedPerson"})  # fmt: skip


def test_nine_of_ten_entries_hold_something_clinical(documents: Converted) -> None:
    """Counted by the places of the resources, whatever the importer counts itself."""
    whole = structured = 0
    for _, data, result in documents:
        clinical = [
            place
            for place, made in resources_at(result).items()
            if any(each["resourceType"] not in ABOUT_OTHERS for each in made)
        ]
        for node, path in paths(data).items():
            if node.tag == f"{{{V3}}}entry":
                whole += 1
                structured += any(place.startswith(f"{path}/") for place in clinical)
    assert structured >= 0.9 * whole
    assert whole > 100
