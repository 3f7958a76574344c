"""`fhir-server package`: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_server.commands.package import package
from profiles.package import DATA
from tests.profiles import small_package

NAME = small_package.NAME


def test_build_writes_the_package_and_says_what_is_in_it(tmp_path: Path) -> None:
    archive = small_package.write_archive(tmp_path, small_package.members())
    arguments = ["build", NAME, "--archive", str(archive), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(package, arguments)
    assert result.exit_code == 0, result.output
    assert "3  search parameters" in result.stdout
    assert (tmp_path / "out" / "test.definitions-1.0.0" / "structures.json").is_file()


def test_build_reports_as_json(tmp_path: Path) -> None:
    archive = small_package.write_archive(tmp_path, small_package.members())
    arguments = ["build", NAME, "--archive", str(archive), "--out", str(tmp_path / "out"), "--json"]
    report = json.loads(CliRunner().invoke(package, arguments).stdout)
    assert (report["id"], report["version"], report["licence"]) == ("test.definitions", "1.0.0", "CC0-1.0")
    assert report["counts"]["structures"] == 5
    assert report["folder"] == str(tmp_path / "out" / "test.definitions-1.0.0")
    assert len(report["left_out"]) == 7


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["build", "nonsense"], 2, "write ID#VERSION", id="no-name"),
        pytest.param(
            ["build", "a#1", "--archive", "nowhere.tgz"], 1, "nowhere.tgz cannot be read", id="no-file"
        ),
        pytest.param(["build", "a#1"], 1, "No installed distribution carries a#1", id="no-source"),
        pytest.param(["build"], 2, "Missing argument", id="no-argument"),
    ],
)
def test_failures_have_a_code_and_a_reason(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    out = ["--out", str(tmp_path)] if len(arguments) > 1 else []
    result = CliRunner().invoke(package, [*arguments, *out])
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (code, True), result.output


def test_list_names_the_shipped_package() -> None:
    result = CliRunner().invoke(package, ["list"])
    assert result.stdout.startswith("hl7.fhir.r4.core#4.0.1  CC0-1.0  sha256 ")
    listed = json.loads(CliRunner().invoke(package, ["list", "--json"]).stdout)
    manifest = json.loads((DATA / "hl7.fhir.r4.core-4.0.1" / "package.json").read_text())
    assert listed[0]["sha256"] == manifest["sha256"]


def test_list_of_an_empty_folder_is_empty(tmp_path: Path) -> None:
    result = CliRunner().invoke(package, ["list", "--dir", str(tmp_path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


@pytest.mark.parametrize("command", [[], ["build"], ["list"]])
def test_help_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(package, [*command, "--help"])
    assert "Example:" in result.stdout
    assert not command or "Exit codes:" in result.stdout
