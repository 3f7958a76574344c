"""What is sent of a file: Bundles as they are, resources one by one or together."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fhir_server.commands.loading.inputs import Unreadable, find_files
from fhir_server.commands.loading.parcels import MAX_LINES, Fault, Parcel, Postponed, parcels


def of(tmp_path: Path, *trees: Any, name: str = "x.json", late: bool = False) -> list[Any]:
    file = tmp_path / name
    file.write_text("\n".join(tree if isinstance(tree, str) else json.dumps(tree) for tree in trees), "utf-8")
    return list(parcels(file, late=late))


def bundle(kind: str, *resources: dict[str, Any], **entry: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{**entry, "resource": r} for r in resources]}


def requests(things: list[Any]) -> list[tuple[str, str]]:
    return [(thing.method, thing.path) for thing in things if isinstance(thing, Parcel)]


PATIENT = {"resourceType": "Patient", "id": "a"}
NAMELESS = {"resourceType": "Patient"}


@pytest.mark.parametrize(("tree", "expected"), [
    pytest.param(PATIENT, [("PUT", "Patient/a")], id="resource-with-id"),
    pytest.param(NAMELESS, [("POST", "Patient")], id="resource-without-id"),
    pytest.param(bundle("transaction", PATIENT), [("POST", "")], id="transaction"),
    pytest.param(bundle("batch", PATIENT), [("POST", "")], id="batch"),
    pytest.param(bundle("collection", PATIENT), [("PUT", "Patient/a")], id="collection-of-one"),
    pytest.param(bundle("searchset", PATIENT, NAMELESS), [("POST", "")], id="searchset-of-two"),
    pytest.param({**bundle("document", PATIENT), "id": "d"}, [("PUT", "Bundle/d")], id="document"),
    pytest.param(bundle("collection"), [], id="empty-collection"),
])  # fmt: skip
def test_what_is_sent(tmp_path: Path, tree: Any, expected: list[tuple[str, str]]) -> None:
    assert requests(of(tmp_path, tree)) == expected


@pytest.mark.parametrize(("text", "reason"), [
    pytest.param("{", "Line 1, column 2", id="not-json"),
    pytest.param("[]", "no resourceType", id="not-a-resource"),
    pytest.param('{"resourceType": "Bundle", "type": "history"}', "'history' cannot be loaded", id="history"),
    pytest.param('{"resourceType": "Bundle"}', "None cannot be loaded", id="bundle-without-type"),
])  # fmt: skip
def test_what_cannot_be_sent_is_a_fault_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    [fault] = of(tmp_path, text)
    assert isinstance(fault, Fault)
    assert reason in fault.reason


def test_a_bundle_is_sent_to_the_byte(tmp_path: Path) -> None:
    text = '{ "resourceType" : "Bundle", "type":"transaction", "entry":[{"resource":{"v":1.50e2}}]}'
    [parcel] = of(tmp_path, text)
    assert isinstance(parcel, Parcel)
    assert parcel.body == text.encode()


def test_numbers_keep_their_digits_when_a_bundle_is_taken_apart(tmp_path: Path) -> None:
    text = (
        '{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"X","v":1.50e2}}]}'
    )
    [parcel] = of(tmp_path, text)
    assert isinstance(parcel, Parcel)
    assert parcel.body == b'{"resourceType":"X","v":1.50e2}'


def test_resources_that_travel_together_keep_the_names_that_they_call_each_other(tmp_path: Path) -> None:
    tree = bundle("collection", NAMELESS, PATIENT)
    tree["entry"][0]["fullUrl"] = "urn:uuid:1"
    tree["entry"][1]["fullUrl"] = "http://elsewhere/Patient/a"
    [parcel] = of(tmp_path, tree)
    assert isinstance(parcel, Parcel)
    sent = json.loads(parcel.body)["entry"]
    assert [entry.get("fullUrl") for entry in sent] == ["urn:uuid:1", None]
    assert [entry["request"] for entry in sent] == [
        {"method": "POST", "url": "Patient"}, {"method": "PUT", "url": "Patient/a"}
    ]  # fmt: skip


def test_outcomes_of_a_searchset_are_not_loaded(tmp_path: Path) -> None:
    assert of(tmp_path, bundle("searchset", {"resourceType": "OperationOutcome"})) == []


def test_lines_travel_together_up_to_a_number(tmp_path: Path) -> None:
    lines = [{"resourceType": "Patient", "id": f"p{number}"} for number in range(MAX_LINES + 1)]
    whole, rest = of(tmp_path, *lines, name="x.ndjson")
    assert isinstance(whole, Parcel)
    assert isinstance(rest, Parcel)
    assert len(whole.entries) == len(whole.parts) == MAX_LINES
    assert (rest.path, rest.place) == (f"Patient/p{MAX_LINES}", f"{tmp_path / 'x.ndjson'}:{MAX_LINES + 1}")


def test_what_belongs_to_the_record_of_its_target_comes_last(tmp_path: Path) -> None:
    lines = [{"resourceType": "Provenance", "id": "b"}, PATIENT]
    now, postponed = of(tmp_path, *lines, name="x.ndjson")
    assert (now.path, type(postponed)) == ("Patient/a", Postponed)
    [last] = of(tmp_path, *lines, name="x.ndjson", late=True)
    assert last.path == "Provenance/b"


def test_what_travels_with_its_target_is_not_postponed(tmp_path: Path) -> None:
    tree = bundle("collection", {"resourceType": "Provenance", "id": "b"}, PATIENT)
    assert requests(of(tmp_path, tree)) == [("POST", "")]
    assert of(tmp_path, tree, late=True) == []


def test_a_bad_line_does_not_stop_the_others(tmp_path: Path) -> None:
    fault, parcel = of(tmp_path, "{", PATIENT, name="x.ndjson")
    assert isinstance(fault, Fault)
    assert isinstance(parcel, Parcel)
    assert fault.place.endswith("x.ndjson:1")


def test_the_same_content_has_the_same_digest_wherever_it_lies(tmp_path: Path) -> None:
    [one] = of(tmp_path, PATIENT, name="one.json")
    [two] = of(tmp_path, PATIENT, name="two.ndjson")
    assert isinstance(one, Parcel)
    assert isinstance(two, Parcel)
    assert one.digest == two.digest


def test_a_damaged_archive_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(b"{}" * 1000)[:-9])
    [fault] = parcels(tmp_path / "x.json.gz")
    assert isinstance(fault, Fault)
    assert "damaged" in fault.reason


def test_a_folder_is_searched_for_files_that_look_like_ours(tmp_path: Path) -> None:
    for name in (
        "b.json",
        "a/c.ndjson.gz",
        "a/d.jsonl",
        "readme.md",
        "e.gz",
        "f.json.gz",
        "g.xml",
        "h.xml.gz",
        "i.tgz",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [file.relative_to(tmp_path).as_posix() for file in find_files([tmp_path])]
    assert found == ["a/c.ndjson.gz", "a/d.jsonl", "b.json", "f.json.gz", "g.xml", "h.xml.gz", "i.tgz"]


XML = '<Patient xmlns="http://hl7.org/fhir">  <id value="a"/><!-- kept --></Patient>'


def test_an_xml_resource_is_sent_to_the_byte(tmp_path: Path) -> None:
    [parcel] = of(tmp_path, XML, name="x.xml")
    assert isinstance(parcel, Parcel)
    assert (parcel.method, parcel.path, parcel.media_type) == ("PUT", "Patient/a", "application/fhir+xml")
    assert parcel.body == XML.encode()


def test_a_compressed_xml_resource_is_sent_like_the_plain_one(tmp_path: Path) -> None:
    (tmp_path / "x.xml.gz").write_bytes(gzip.compress(XML.encode()))
    [parcel] = parcels(tmp_path / "x.xml.gz")
    assert isinstance(parcel, Parcel)
    assert parcel.body == XML.encode()


def test_an_xml_transaction_is_sent_to_the_byte(tmp_path: Path) -> None:
    text = (
        f'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource>{XML}</resource>'
        '<request><method value="PUT"/><url value="Patient/a"/></request></entry></Bundle>'
    )
    [parcel] = of(tmp_path, text, name="x.xml")
    assert isinstance(parcel, Parcel)
    assert (parcel.path, parcel.body, parcel.media_type) == ("", text.encode(), "application/fhir+xml")
    assert [(entry.method, entry.resource_type) for entry in parcel.entries] == [("PUT", "Patient")]


def test_numbers_keep_their_digits_when_an_xml_bundle_is_taken_apart(tmp_path: Path) -> None:
    text = (
        '<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><resource><Observation>'
        '<valueQuantity><value value="1.50e2"/></valueQuantity></Observation></resource></entry></Bundle>'
    )
    [parcel] = of(tmp_path, text, name="x.xml")
    assert isinstance(parcel, Parcel)
    assert b'"value":1.50e2' in parcel.body
    assert parcel.media_type == "application/fhir+json"


@pytest.mark.parametrize(("text", "reason"), [
    pytest.param("<Patient", "", id="not-xml"),
    pytest.param('<Patient xmlns="urn:hl7-org:v3"/>', "namespace", id="another-namespace"),
    pytest.param('<!DOCTYPE p [<!ENTITY e "x">]>' + XML, "", id="document-type"),
])  # fmt: skip
def test_xml_that_is_no_resource_is_a_fault(tmp_path: Path, text: str, reason: str) -> None:
    [fault] = of(tmp_path, text, name="x.xml")
    assert isinstance(fault, Fault)
    assert reason in fault.reason


def package(tmp_path: Path, **members: Any) -> Path:
    """Write a package whose members are named by path, with `.json` added."""
    file = tmp_path / "x.tgz"
    with tarfile.open(file, "w:gz") as tar:
        for name, tree in members.items():
            data = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
            info = tarfile.TarInfo(f"{name}.json")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file


def test_the_resources_of_a_package_travel_together_without_what_describes_it(tmp_path: Path) -> None:
    file = package(tmp_path, **{
        "package/package": {"name": "x"},
        "package/.index": {"files": []},
        "package/StructureDefinition-a": {"resourceType": "StructureDefinition", "id": "a"},
        "package/ValueSet-b": {"resourceType": "ValueSet", "id": "b"},
        "package/example/Patient-c": PATIENT,
    })  # fmt: skip
    [parcel] = parcels(file)
    assert isinstance(parcel, Parcel)
    assert [part.path for part in parcel.parts] == ["StructureDefinition/a", "ValueSet/b"]
    assert parcel.entries[0].place == f"{file}#StructureDefinition-a.json"


def test_numbers_of_a_package_keep_their_digits(tmp_path: Path) -> None:
    [parcel] = parcels(package(tmp_path, **{"package/X": b'{"resourceType":"X","v":1.50e2}'}))
    assert isinstance(parcel, Parcel)
    assert parcel.body == b'{"resourceType":"X","v":1.50e2}'


def test_a_broken_member_does_not_stop_the_others(tmp_path: Path) -> None:
    fault, parcel = parcels(package(tmp_path, **{"package/bad": b"{", "package/good": PATIENT}))
    assert isinstance(fault, Fault)
    assert isinstance(parcel, Parcel)
    assert fault.place.endswith("x.tgz#bad.json")


def test_a_package_whose_member_leads_outside_is_a_fault(tmp_path: Path) -> None:
    [fault] = parcels(package(tmp_path, **{"package/../../etc/x": PATIENT}))
    assert isinstance(fault, Fault)
    assert "leads outside" in fault.reason


def test_a_damaged_package_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(b"no archive")
    [fault] = parcels(tmp_path / "x.tgz")
    assert isinstance(fault, Fault)
    assert "archive" in fault.reason


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="does not exist"):
        find_files([tmp_path / "nowhere"])
