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
    assert (result.exit_code, result.output) == (0, "4 checked, 0 not valid.\n")


@pytest.mark.corpus
def test_every_synthea_bundle_is_valid(corpus: Path) -> None:
    assert check(corpus / "synthea").exit_code == 0
