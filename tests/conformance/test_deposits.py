"""The workload import: a document that is sent again is another one, and is counted as what it becomes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.load.cli import main
from conformance.load.deposits import created, deposit, marked, read_documents
from conformance.load.exchange import MARK, Exchange, freshened, render
from conformance.load.target import LoadRefused, Target
from tests.conformance.stub import Stub, running

OWN = '<id root="2.999.5" extension="D1"/>'
PERSON = '<id root="2.999.6" extension="P1"/>'
DOCUMENT = (
    '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><templateId root="2.999.1"/>'
    "{own}<recordTarget><patientRole>{person}<addr><city>X</city></addr></patientRole></recordTarget>"
    '<author><assignedAuthor><id root="2.999.7" extension="A1"/></assignedAuthor></author></ClinicalDocument>'
)
SHORT = ("--bundles", "1", "--rounds", "1", "--seconds", "0.2", "--requests", "10", "--connections", "2",
         "--workers", "1", "--clients", "1")  # fmt: skip


def document(own: str = OWN, person: str = PERSON) -> bytes:
    return DOCUMENT.format(own=own, person=person).encode()


@pytest.mark.parametrize(
    ("own", "person", "expected"),
    [
        pytest.param(OWN, PERSON, ('extension="D1{}"', 'extension="P1{}"'), id="extensions"),
        pytest.param(
            "<id root='2.999.5'/>", PERSON, ("<id extension=\"{}\" root='2.999.5'/>",), id="root-alone"
        ),
        pytest.param(
            OWN, f"{PERSON} <!-- two --> <id extension='P2' root='2.999.8'></id>", ("'P2{}'",), id="several"
        ),
    ],
)
def test_the_document_and_its_person_are_marked_and_nobody_else(
    own: str, person: str, expected: tuple[str, ...]
) -> None:
    found = marked(document(own, person))

    assert found is not None
    assert all(text.format(MARK.decode()).encode() in found for text in expected)
    assert b'extension="A1"' in found
    assert found.replace(b' extension="' + MARK + b'"', b"").replace(MARK, b"") == document(own, person)


@pytest.mark.parametrize(
    "data", [pytest.param(b"<Bundle/>", id="other"), pytest.param(b"<ClinicalDocument/>", id="empty")]
)
def test_what_is_no_clinical_document_is_not_used(data: bytes, tmp_path: Path) -> None:
    assert marked(data) is None
    (tmp_path / "one.xml").write_bytes(data)
    with pytest.raises(LoadRefused, match="no clinical documents"):
        read_documents(tmp_path)


def test_each_time_it_is_sent_a_document_is_another_one() -> None:
    data = marked(document())
    assert data is not None
    sent = render(Exchange("POST", "/x", data, fresh=True), Target("t", "127.0.0.1", 80, "/fhir"))

    first, second = sent.outgoing(), sent.outgoing()

    assert first != second
    assert len(first) == len(second) == len(sent.data)
    assert MARK not in first
    assert freshened(b"nothing to replace") == b"nothing to replace"


def test_resources_are_counted_once_the_server_knows_the_directory() -> None:
    data, refused = marked(document()), marked(document(person='<id root="2" extension="refused"/>'))
    assert data is not None and refused is not None

    with running(Stub("a", [])) as target:
        found = deposit(target, [data, refused])

    assert [(one.data, one.resources) for one in found] == [(data, 3)]


def test_a_server_that_takes_none_is_not_measured() -> None:
    refused = marked(document(person='<id root="2" extension="refused"/>'))
    assert refused is not None
    with running(Stub("a", [])) as target, pytest.raises(LoadRefused, match="none of the documents"):
        deposit(target, [refused])


def test_created_is_summed_over_the_types() -> None:
    def row(made: int) -> dict[str, object]:
        parts = [{"name": "created", "valueUnsignedInt": made}, {"name": "found", "valueUnsignedInt": 9}]
        return {"name": "resource", "part": parts}

    outcome = {"name": "outcome", "valueCode": "stored"}
    assert created(json.dumps({"parameter": [outcome, row(2), row(5)]}).encode()) == 7


def test_documents_of_a_directory_are_imported_and_told_as_requests_and_resources(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.xml").write_bytes(document(f'<id root="2.999.5" extension="D{number}"/>'))
    file = tmp_path / "load.json"
    stub = Stub("a", [])

    with running(stub) as target:
        options = ("--base", target.url, "--workload", "import", "--cda", str(tmp_path))
        result = CliRunner().invoke(main, [*SHORT, *options, "--json", str(file)])

    assert result.exit_code == 0, result.output
    (cell,) = json.loads(file.read_text())["cells"]
    (side,) = cell["sides"]
    assert (cell["workload"], cell["target"]) == ("import", 800.0)
    assert side["resources_per_s"] == pytest.approx(3 * side["requests_per_s"], rel=0.05)
    assert side["latency"]["p95_ms"] >= side["latency"]["p50_ms"] > 0
    assert len(stub.documents) == len(set(stub.documents)) > 6
