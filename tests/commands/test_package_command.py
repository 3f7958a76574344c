"""`fhir-server package`: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_server.commands.package import package
from fhir_server.settings import SettingsRefused, read_settings
from fhir_server.starting import registry_of
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
    assert len(report["left_out"]) == 6


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
    assert "\nhl7.fhir.r4.core#4.0.1  CC0-1.0  sha256 " in result.stdout
    listed = json.loads(CliRunner().invoke(package, ["list", "--json"]).stdout)
    manifest = json.loads((DATA / "hl7.fhir.r4.core-4.0.1" / "package.json").read_text())
    [core] = [each for each in listed if each["id"] == "hl7.fhir.r4.core"]
    assert (core["sha256"], core["shipped"], core["depends"]) == (manifest["sha256"], True, [])


def test_load_builds_into_the_data_directory_where_list_and_the_server_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHIR_DATA_DIR", str(tmp_path / "data"))
    archive = small_package.write_archive(tmp_path, small_package.members())
    result = CliRunner().invoke(package, ["load", str(archive), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["counts"]["profiles"] == 1
    listed = json.loads(CliRunner().invoke(package, ["list", "--json"]).stdout)
    [loaded] = [each for each in listed if not each["shipped"]]
    assert (loaded["id"], loaded["depends"]) == ("test.definitions", ["hl7.fhir.r4.core#4.0.1"])
    settings = read_settings({"FHIR_DATA_DIR": str(tmp_path / "data"), "FHIR_PACKAGES": NAME}, None)
    assert small_package.OWN + "Profile" in registry_of(settings).profiles


def test_an_archive_that_is_refused_leaves_the_old_build_and_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHIR_DATA_DIR", str(tmp_path / "data"))
    good = small_package.write_archive(tmp_path, small_package.members())
    CliRunner().invoke(package, ["load", str(good)])
    built = tmp_path / "data" / "packages" / "test.definitions-1.0.0"
    before = {path.name: path.read_bytes() for path in built.iterdir()}
    manifest = ("package/package.json", small_package.MANIFEST)
    evil = small_package.write_archive(tmp_path, [manifest, ("../evil.json", b"{}")], "evil.tgz")
    result = CliRunner().invoke(package, ["load", str(evil), str(good)])
    assert (result.exit_code, "leads outside" in result.stderr) == (1, True)
    assert "test.definitions#1.0.0 (CC0-1.0) is built" in result.stdout
    assert {path.name: path.read_bytes() for path in built.iterdir()} == before
    assert [path.name for path in built.parent.iterdir()] == [built.name]


def test_a_package_that_is_not_built_is_refused_at_the_start(tmp_path: Path) -> None:
    settings = read_settings({"FHIR_DATA_DIR": str(tmp_path), "FHIR_PACKAGES": "none.such#1"}, None)
    with pytest.raises(SettingsRefused, match=r"FHIR_PACKAGES: none\.such#1 is not built"):
        registry_of(settings)


def test_list_of_an_empty_folder_is_empty(tmp_path: Path) -> None:
    result = CliRunner().invoke(package, ["list", "--dir", str(tmp_path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


@pytest.mark.parametrize("command", [[], ["build"], ["load"], ["list"]])
def test_help_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(package, [*command, "--help"])
    assert "Example:" in result.stdout
    assert not command or "Exit codes:" in result.stdout
