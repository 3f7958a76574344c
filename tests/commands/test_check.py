"""`fhir-server check`: every fault with its place, offline."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server import demo
from fhir_server.cli import main

PATIENT = '{"resourceType": "Patient", "birthDate": "1957-03-14"}'
WRONG = '{"resourceType": "Patient", "birthDate": "1957-13-14"}'


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_a_valid_resource_is_silent_success(tmp_path: Path) -> None:
    file = tmp_path / "patient.json"
    file.write_text(PATIENT, "utf-8")
    result = check(file)
    assert (result.exit_code, result.output) == (0, "1 checked, 0 not valid.\n")


def test_a_fault_is_named_by_file_line_and_element(tmp_path: Path) -> None:
    file = tmp_path / "many.ndjson.gz"
    file.write_bytes(gzip.compress(f"{PATIENT}\n\n{WRONG}\n".encode()))
    result = check(file)
    assert result.exit_code == 1
    assert f"{file}:3: error: Patient.birthDate:" in result.output
    assert "2 checked, 1 not valid." in result.output


def test_json_output_is_one_object_per_resource(tmp_path: Path) -> None:
    (tmp_path / "many.ndjson").write_text(f"{PATIENT}\n{WRONG}\n", "utf-8")
    good, bad = (json.loads(line) for line in check("--json", tmp_path).output.splitlines())
    assert good["issues"] == []
    [issue] = bad["issues"]
    assert (issue["severity"], issue["expression"]) == ("error", "Patient.birthDate")


def test_text_that_is_not_json_is_a_fault_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"resourceType": ', "utf-8")
    result = check(file)
    assert result.exit_code == 1
    assert "[malformed-json]" in result.output


@pytest.mark.parametrize("name", [
    pytest.param("missing.json", id="missing-file"),
    pytest.param(".", id="folder-without-resources"),
])  # fmt: skip
def test_nothing_to_check_is_not_success(tmp_path: Path, name: str) -> None:
    assert check(tmp_path / name).exit_code == 2


def test_xml_is_validated_like_json(tmp_path: Path) -> None:
    (tmp_path / "p.xml").write_text(
        '<Patient xmlns="http://hl7.org/fhir"><birthDate value="1957-13-01"/></Patient>', "utf-8"
    )
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "Patient.birthDate" in result.output


def test_a_package_is_validated_without_what_describes_it(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "p.tgz", "w:gz") as tar:
        for name, text in (("package", "{}"), ("Patient-a", PATIENT)):
            info = tarfile.TarInfo(f"package/{name}.json")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    assert check(tmp_path).output == "1 checked, 0 not valid.\n"


def test_a_wrong_setting_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "patient.json").write_text(PATIENT, "utf-8")
    monkeypatch.setenv("FHIR_PACKAGE", "x")
    result = check(tmp_path)
    assert result.exit_code == 2
    assert "did you mean FHIR_PACKAGES?" in result.stderr


def test_the_demo_record_is_valid(tmp_path: Path) -> None:
    for name, body in demo.bundles():
        (tmp_path / name).write_bytes(body)
    result = check(tmp_path)
    assert result.exit_code == 0
    assert "error:" not in result.output
    assert result.output.endswith("4 checked, 0 not valid.\n")


VITAL_SIGNS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"


def observation(**more: object) -> str:
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    return json.dumps({"resourceType": "Observation", "status": "final", "code": code, **more})


def test_a_rule_of_fhir_is_an_error_unless_structure_alone_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "patient.json"
    file.write_text('{"resourceType": "Patient", "contact": [{"gender": "male"}]}', "utf-8")
    result = check(file)
    assert result.exit_code == 1
    assert "error: Patient.contact[0]: Patient.contact[0] breaks the rule pat-1" in result.output
    assert check("--level", "structure", file).exit_code == 0


def test_a_profile_that_is_asked_for_is_named_with_what_it_finds(tmp_path: Path) -> None:
    file = tmp_path / "observation.json"
    file.write_text(observation(), "utf-8")
    assert check(file).exit_code == 0
    result = check("--profile", VITAL_SIGNS, file)
    assert result.exit_code == 1
    assert f"({VITAL_SIGNS}|4.0.1)" in result.output
    found = [json.loads(line) for line in check("--json", "--profile", VITAL_SIGNS, file).output.splitlines()]
    assert {issue["profile"] for issue in found[0]["issues"] if issue["severity"] == "error"} == {
        f"{VITAL_SIGNS}|4.0.1"
    }


def test_a_profile_that_a_resource_names_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "observation.json"
    file.write_text(observation(meta={"profile": [VITAL_SIGNS]}), "utf-8")
    assert check(file).exit_code == 1


def test_a_warning_is_shown_and_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "observation.json"
    file.write_text(observation(meta={"profile": ["http://example.org/unknown"]}), "utf-8")
    result = check(file)
    assert result.exit_code == 0
    assert "warning: Observation.meta.profile[0]: the profile http://example.org/unknown" in result.output


def test_references_lead_to_other_files_and_to_entries(tmp_path: Path) -> None:
    subject = {"reference": "Patient/p"}
    answers = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "http://e.org/q",
    }
    answers["item"] = [{"linkId": "2"}]  # type: ignore[assignment]
    questions = {"resourceType": "Questionnaire", "url": "http://e.org/q", "status": "active"}
    questions["item"] = [{"linkId": "1", "type": "string", "text": "?"}]  # type: ignore[assignment]
    (tmp_path / "answers.json").write_text(json.dumps({**answers, "subject": subject}), "utf-8")
    assert check(tmp_path).exit_code == 0
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": questions}]}
    bundle["entry"][0]["fullUrl"] = "urn:uuid:0b3b5a1c-6f0a-4c8e-9b2a-2f1f3a0c9d11"  # type: ignore[index]
    (tmp_path / "questions.json").write_text(json.dumps(bundle), "utf-8")
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "answers.json: error: QuestionnaireResponse.item[0]" in result.output


def test_other_packages_bring_other_profiles(tmp_path: Path) -> None:
    file = tmp_path / "patient.json"
    file.write_text(PATIENT, "utf-8")
    ips = "http://hl7.org/fhir/uv/ips/StructureDefinition/Patient-uv-ips"
    assert "--packages names others" in check("--profile", ips, file).stderr
    result = check("--packages", "hl7.fhir.uv.ips#2.0.0", "--profile", ips, file)
    assert result.exit_code == 1
    assert f"({ips}|2.0.0)" in result.output


@pytest.mark.parametrize(("arguments", "said"), [
    pytest.param(("--profile", "http://example.org/p"), "no profile http://example.org/p", id="profile"),
    pytest.param(("--packages", "no.such#1"), "no.such#1", id="package"),
    pytest.param(("--packages", "nothing"), "is not a package", id="no-package"),
    pytest.param(("--level", "structure", "--profile", VITAL_SIGNS), "--level structure", id="level"),
])  # fmt: skip
def test_what_cannot_be_asked_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "patient.json").write_text(PATIENT, "utf-8")
    result = check(*arguments, tmp_path)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.corpus
def test_every_synthea_bundle_is_valid(corpus: Path) -> None:
    assert check(corpus / "synthea").exit_code == 0
