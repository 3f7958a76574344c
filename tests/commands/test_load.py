"""`fhir-server load`: what it stores, how it says what was refused, and that it goes on where it stopped."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient

from fhir_server.cli import main
from tests.running import Running


def load(base: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["load", "--base", base, *map(str, arguments)])


def load_json(base: str, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    result = load(base, "--json", *arguments)
    return result.exit_code, json.loads(result.stdout)


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=30) as response:
        return dict(json.load(response))


def total(server: Running, query: str) -> int:
    return int(get(f"{server.url}/{query}&_summary=count")["total"])


def patient(id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **({"id": id} if id else {}), **more}


def transaction(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {
            "fullUrl": f"urn:uuid:{index}",
            "resource": r,
            "request": {"method": "POST", "url": r["resourceType"]},
        }
        for index, r in enumerate(resources)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_every_form_is_stored_once_and_counted(server: Running, tmp_path: Path) -> None:
    tag = {"identifier": [{"system": "urn:test:load", "value": "forms"}]}
    collection = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": patient("f-1", **tag)}],
    }
    (tmp_path / "1.json").write_text(json.dumps(collection), "utf-8")
    (tmp_path / "2.json.gz").write_bytes(gzip.compress(json.dumps(patient("f-2", **tag)).encode()))
    lines = [patient("f-3", **tag), patient("f-4", **tag), patient(**tag)]
    (tmp_path / "3.ndjson").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    (tmp_path / "4.json").write_text(json.dumps(transaction(patient(**tag))), "utf-8")
    code, report = load_json(server.url, tmp_path)
    assert (code, report["failures"]) == (0, [])
    assert report["resources"] == {"Patient": {"created": 6}}
    assert total(server, "Patient?identifier=urn:test:load|forms") == 6


def test_xml_and_packages_are_stored_once_and_counted_also_when_resumed(
    server: Running, tmp_path: Path
) -> None:
    journal, folder = tmp_path / "journal", tmp_path / "in"
    folder.mkdir()
    (folder / "1.xml").write_text(
        '<Patient xmlns="http://hl7.org/fhir"><id value="x-1"/><multipleBirthInteger value="2"/></Patient>',
        "utf-8",
    )
    members = {
        "package": {"name": "x"},
        "Organization-x-2": {"resourceType": "Organization", "id": "x-2", "name": "x"},
        "Organization-x-3": {"resourceType": "Organization", "id": "x-3", "name": "x"},
    }
    with tarfile.open(folder / "2.tgz", "w:gz") as tar:
        for name, tree in members.items():
            info = tarfile.TarInfo(f"package/{name}.json")
            info.size = len(data := json.dumps(tree).encode())
            tar.addfile(info, io.BytesIO(data))
    code, report = load_json(server.url, "--resume", journal, folder)
    assert (code, report["failures"]) == (0, [])
    assert report["resources"] == {"Organization": {"created": 2}, "Patient": {"created": 1}}
    assert get(f"{server.url}/Patient/x-1")["multipleBirthInteger"] == 2
    again = load_json(server.url, "--resume", journal, folder)[1]
    assert (again["skipped_requests"], again["resources"]) == (2, {})


def test_a_refused_xml_resource_is_named_by_its_file(server: Running, tmp_path: Path) -> None:
    (tmp_path / "p.xml").write_text(
        '<Patient xmlns="http://hl7.org/fhir"><birthDate value="1957-13-01"/></Patient>', "utf-8"
    )
    code, report = load_json(server.url, tmp_path)
    [failure] = report["failures"]
    assert (code, failure["place"], failure["status"]) == (1, str(tmp_path / "p.xml"), 422)
    assert failure["texts"][0].startswith("Patient.birthDate: ")


def test_what_refers_to_a_record_becomes_part_of_it_wherever_it_stands(
    server: Running, database_uri: str, tmp_path: Path
) -> None:
    observation = {
        "resourceType": "Observation", "id": "late-o", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/late-p"},
    }  # fmt: skip
    provenance = {
        "resourceType": "Provenance", "id": "late", "target": [{"reference": "Observation/late-o"}],
        "recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"display": "x"}}],
    }  # fmt: skip
    (tmp_path / "1.ndjson").write_text(f"{json.dumps(provenance)}\n{json.dumps(patient('late-p'))}", "utf-8")
    (tmp_path / "2.json").write_text(json.dumps(observation), "utf-8")
    assert load_json(server.url, "--connections", "1", tmp_path)[0] == 0
    with MongoClient[dict[str, Any]](database_uri) as client:
        [stored] = client[server.database]["Provenance"].find({"_id": "late"})
    assert stored["owner"] == "late-p"


def test_a_second_load_updates_what_has_an_id(server: Running, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(patient("again", active=True)), "utf-8")
    load_json(server.url, tmp_path)
    (tmp_path / "p.json").write_text(json.dumps(patient("again", active=False)), "utf-8")
    assert load_json(server.url, tmp_path)[1]["resources"] == {"Patient": {"updated": 1}}


def test_a_refusal_names_the_line_and_the_element_and_does_not_stop_the_rest(
    server: Running, tmp_path: Path
) -> None:
    lines = [patient("r-1"), patient("r-2", birthDate="1957-13-01"), patient("r-3")]
    (tmp_path / "p.ndjson").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    code, report = load_json(server.url, tmp_path)
    assert code == 1
    assert report["totals"]["created"] == 2
    [failure] = report["failures"]
    assert (failure["place"], failure["status"]) == (f"{tmp_path / 'p.ndjson'}:2", 422)
    assert failure["texts"][0].startswith("Patient.birthDate: ")


def test_a_transaction_is_refused_whole_with_one_failure(server: Running, tmp_path: Path) -> None:
    tag = {"identifier": [{"system": "urn:test:load", "value": "whole"}]}
    tree = transaction(patient(**tag), patient(gender="no such code", **tag))
    (tmp_path / "t.json").write_text(json.dumps(tree), "utf-8")
    code, report = load_json(server.url, tmp_path)
    assert (code, report["totals"]["failed"], len(report["failures"])) == (1, 2, 1)
    assert "Bundle.entry[1].resource.gender" in report["failures"][0]["texts"][0]
    assert total(server, "Patient?identifier=urn:test:load|whole") == 0


def test_an_entry_of_a_batch_is_refused_alone(server: Running, tmp_path: Path) -> None:
    tree = {**transaction(patient(), patient(gender="no such code")), "type": "batch"}
    (tmp_path / "b.json").write_text(json.dumps(tree), "utf-8")
    code, report = load_json(server.url, tmp_path)
    assert (code, report["resources"]) == (1, {"Patient": {"created": 1, "failed": 1}})
    assert report["failures"][0]["place"].endswith("b.json#entry[1]")


def test_a_resumed_load_sends_only_what_was_not_answered(server: Running, tmp_path: Path) -> None:
    tag = {"identifier": [{"system": "urn:test:load", "value": "resumed"}]}
    journal = tmp_path / "journal"
    (tmp_path / "1.json").write_text(json.dumps(transaction(patient(**tag))), "utf-8")
    load_json(server.url, "--resume", journal, tmp_path / "1.json")
    (tmp_path / "2.json").write_text(json.dumps(patient("resumed-2", **tag)), "utf-8")
    code, report = load_json(server.url, "--resume", journal, tmp_path / "1.json", tmp_path / "2.json")
    assert (code, report["skipped_requests"], report["totals"]["created"]) == (0, 1, 1)
    assert total(server, "Patient?identifier=urn:test:load|resumed") == 2


def test_a_parcel_whose_answer_was_lost_is_not_stored_twice(server: Running, tmp_path: Path) -> None:
    tag = {"identifier": [{"system": "urn:test:load", "value": "lost"}]}
    journal, file = tmp_path / "journal", tmp_path / "t.json"
    file.write_text(json.dumps(transaction(patient(**tag))), "utf-8")
    load_json(server.url, "--resume", journal, file)
    # What a kill between the answer and the note leaves: the head of the journal alone.
    journal.write_text(journal.read_text("ascii").splitlines()[0] + "\n", "ascii")
    code, report = load_json(server.url, "--resume", journal, file)
    assert (code, report["skipped_requests"]) == (0, 0)
    assert total(server, "Patient?identifier=urn:test:load|lost") == 1


def test_the_text_report_counts_by_type_and_shows_refusals(server: Running, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(patient("t-1", name=[])), "utf-8")
    result = load(server.url, tmp_path)
    assert result.exit_code == 1
    assert "Patient" in result.stdout
    assert "422 Patient.name" in result.stderr


@pytest.mark.parametrize(("arguments", "reason"), [
    pytest.param(("missing.json",), "does not exist", id="missing-file"),
    pytest.param((".",), "There is no .json", id="folder-without-resources"),
])  # fmt: skip
def test_nothing_to_load_is_not_success(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = load(server.url, *arguments)
    assert result.exit_code == 2
    assert reason in result.stderr


@pytest.mark.parametrize(("base", "reason"), [
    pytest.param("http://127.0.0.1:1/fhir", "does not answer", id="nobody-there"),
    pytest.param("127.0.0.1:8080", "an absolute URL", id="no-url"),
])  # fmt: skip
def test_no_server_is_said_before_anything_is_sent(tmp_path: Path, base: str, reason: str) -> None:
    (tmp_path / "p.json").write_text(json.dumps(patient()), "utf-8")
    result = load(base, tmp_path)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_another_address_than_a_base_url_is_refused(server: Running, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(patient()), "utf-8")
    result = load(server.url.removesuffix("/fhir"), tmp_path)
    assert result.exit_code == 2
    assert "is a FHIR server there?" in result.stderr


@pytest.mark.corpus
def test_synthea_bundles_are_loaded_with_their_counts(server: Running, corpus: Path, tmp_path: Path) -> None:
    files = sorted((corpus / "synthea").rglob("*.json.gz"), key=lambda file: file.stat().st_size)[:3]
    expected: Counter[str] = Counter()
    for file in files:
        entries = json.loads(gzip.decompress(file.read_bytes()))["entry"]
        expected.update(entry["resource"]["resourceType"] for entry in entries)
    code, report = load_json(server.url, "--resume", tmp_path / "journal", *files)
    assert (code, report["failures"]) == (0, [])
    assert {name: sum(counts.values()) for name, counts in report["resources"].items()} == dict(expected)
