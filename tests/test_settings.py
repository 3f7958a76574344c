"""The settings: variables over a file over defaults, and every wrong name and value explained."""

from __future__ import annotations

import pickle
from dataclasses import fields
from datetime import UTC
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fhir_server.settings import (
    SETTINGS,
    Settings,
    SettingsRefused,
    default_of,
    read_settings,
    refuse_unknown_types,
)


def faults_of(environment: dict[str, str], file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as refused:
        read_settings(environment, file)
    return refused.value.faults


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_every_field_but_open_is_a_row_of_the_table() -> None:
    assert {field.name for field in fields(Settings)} == {setting.name for setting in SETTINGS} | {"open"}


def test_nothing_said_means_the_defaults() -> None:
    assert read_settings({}) == Settings()


@pytest.mark.parametrize(("variable", "text", "field", "expected"), [
    pytest.param("FHIR_MONGODB_URI", "mongodb://db/?replicaSet=a", "mongodb_uri", "mongodb://db/?replicaSet=a",
                 id="uri"),
    pytest.param("FHIR_DATABASE", "fhir-2_b", "database", "fhir-2_b", id="database"),
    pytest.param("FHIR_DATA_DIR", "~/x", "data_dir", Path.home() / "x", id="home-directory"),
    pytest.param("FHIR_BASE_URL", "https://a.example/fhir/", "base_url", "https://a.example/fhir",
                 id="url-without-slash-at-the-end"),
    pytest.param("FHIR_PACKAGES", "a.b#1.0, c.d#2", "packages", ("a.b#1.0", "c.d#2"), id="packages"),
    pytest.param("FHIR_TIMEZONE", "UTC", "timezone", UTC, id="utc-needs-no-zone-data"),
    pytest.param("FHIR_TIMEZONE", "Europe/Paris", "timezone", ZoneInfo("Europe/Paris"), id="zone"),
    pytest.param("FHIR_NATIVE_TYPES", "*", "native_types", ("*",), id="every-type"),
    pytest.param("FHIR_CROSS_PERSON_TYPES", "Patient Observation,Patient", "cross_person_types",
                 ("Patient", "Observation"), id="types-without-repeats"),
    pytest.param("FHIR_CORS_ORIGINS", "https://a.example, http://localhost:3000", "cors_origins",
                 ("https://a.example", "http://localhost:3000"), id="origins"),
    pytest.param("FHIR_TRUSTED_PROXIES", "10.0.0.0/8 ::1", "trusted_proxies",
                 (ip_network("10.0.0.0/8"), ip_network("::1")), id="networks"),
    pytest.param("FHIR_REFERENTIAL_INTEGRITY", "enforce", "referential_integrity", "enforce", id="word"),
    pytest.param("FHIR_REQUIRED_PROFILES", "Patient=http://e.org/p|1.0, Device=urn:d", "required_profiles",
                 ("Patient=http://e.org/p|1.0", "Device=urn:d"), id="profiles-by-type"),
    pytest.param("FHIR_MAX_BODY_BYTES", "1000", "max_body_bytes", 1000, id="whole-number"),
])  # fmt: skip
def test_a_variable_is_read_as_its_type(variable: str, text: str, field: str, expected: Any) -> None:
    assert getattr(read_settings({variable: text}), field) == expected


@pytest.mark.parametrize(("environment", "fault"), [
    pytest.param({"FHIR_MONGO_URI": "x"}, "FHIR_MONGO_URI is not a setting; did you mean FHIR_MONGODB_URI?",
                 id="nearest-variable"),
    pytest.param({"FHIR_QQQ": "x"}, "FHIR_QQQ is not a setting.", id="nothing-near"),
    pytest.param({"FHIR_OPEN": "1"}, "FHIR_OPEN is not a setting", id="open-is-not-a-variable"),
    pytest.param({"FHIR_CORS_ORIGINS": "https://a.example/x"}, "is not an origin", id="origin-with-a-path"),
    pytest.param({"FHIR_CORS_ORIGINS": "* https://a.example"}, "every origin", id="star-and-another"),
    pytest.param({"FHIR_TRUSTED_PROXIES": "proxy.local"}, "addresses or networks", id="proxy-by-name"),
    pytest.param({"FHIR_REFERENTIAL_INTEGRITY": "on"}, "off or enforce", id="unknown-word"),
    pytest.param({"FHIR_PAGE_SIZE": "ten"}, "FHIR_PAGE_SIZE: a whole number", id="not-a-number"),
    pytest.param({"FHIR_PAGE_SIZE": "0"}, "FHIR_PAGE_SIZE: a whole number of at least 1", id="zero"),
    pytest.param({"FHIR_PAGE_SIZE": "600"}, "larger than FHIR_PAGE_SIZE_MAX", id="disagree"),
    pytest.param({"FHIR_BASE_URL": "localhost:8080"}, "FHIR_BASE_URL: an absolute URL", id="no-scheme"),
    pytest.param({"FHIR_BASE_URL": "http://h/fhir?x"}, "FHIR_BASE_URL: an absolute URL", id="query"),
    pytest.param({"FHIR_BASE_URL": "http://[::1"}, "FHIR_BASE_URL: an absolute URL", id="broken-url"),
    pytest.param({"FHIR_BASE_URL": "http://u:p@h/"}, "without a user name", id="user-in-url"),
    pytest.param({"FHIR_DATABASE": "a.b"}, "FHIR_DATABASE", id="illegal-database"),
    pytest.param({"FHIR_DATABASE": "admin"}, "FHIR_DATABASE", id="database-of-mongodb"),
    pytest.param({"FHIR_PACKAGES": "hl7.fhir.r4.core"}, "is not a package; hl7.fhir", id="no-version"),
    pytest.param({"FHIR_PACKAGES": ","}, "at least one package", id="no-package"),
    pytest.param({"FHIR_TIMEZONE": "Europe/Pariss"}, "FHIR_TIMEZONE: 'Europe/Pariss'", id="no-such-zone"),
    pytest.param({"FHIR_TIMEZONE": "../etc"}, "FHIR_TIMEZONE: '../etc'", id="zone-outside"),
    pytest.param({"FHIR_REQUIRED_PROFILES": "http://e.org/p"}, "is not Type=canonical", id="profile-of-no-type"),
    pytest.param({"FHIR_REQUIRED_PROFILES": "Patient=p"}, "is not Type=canonical", id="no-canonical"),
    pytest.param({"FHIR_VALIDATION": "strict"}, "structure or profiles", id="no-level"),
    pytest.param({"FHIR_NATIVE_TYPES": "*,Patient"}, "no other is expected", id="star-and-another"),
    pytest.param({"FHIR_NATIVE_TYPES": "patient"}, "'patient' is not the name", id="lower-case-type"),
    pytest.param({"FHIR_PRODUCTION": "yes"}, "off or on is expected", id="production-is-off-or-on"),
    pytest.param(
        {"FHIR_PRODUCTION": "on", "FHIR_DEVELOPMENT_TOKENS": "on"}, "both on", id="development-in-production"
    ),
])  # fmt: skip
def test_a_wrong_variable_is_explained(environment: dict[str, str], fault: str) -> None:
    [found] = faults_of(environment)
    assert fault in found


def test_every_fault_is_reported_at_once() -> None:
    assert len(faults_of({"FHIR_PAGE_SIZE": "x", "FHIR_TIMEZONE": "Nowhere", "FHIR_NONE": "1"})) == 3


def test_a_uri_that_is_refused_is_not_repeated() -> None:
    [fault] = faults_of({"FHIR_MONGODB_URI": "mongo://user:secret@db"})
    assert "secret" not in fault


def test_the_uri_is_not_in_the_representation() -> None:
    assert "secret" not in repr(read_settings({"FHIR_MONGODB_URI": "mongodb://user:secret@db"}))


def test_the_corpus_variable_of_the_tests_is_no_fault() -> None:
    assert read_settings({"FHIR_CORPUS": "/somewhere"}) == Settings()


def test_an_empty_variable_is_unset() -> None:
    assert read_settings({"FHIR_MONGODB_URI": ""}).mongodb_uri is None


def test_a_variable_wins_over_the_file_and_the_file_over_a_default(file: Path) -> None:
    file.write_text("page_size = 10\nmax_entries = 5\npackages = ['a#1']\n", "utf-8")
    settings = read_settings({"FHIR_MAX_ENTRIES": "7"}, file, defaults={"page_size": 11, "database": "other"})
    assert (settings.page_size, settings.max_entries, settings.database) == (10, 7, "other")
    assert settings.packages == ("a#1",)


def test_what_the_command_line_chose_wins_over_everything() -> None:
    assert read_settings({"FHIR_DATA_DIR": "a"}, chosen={"data_dir": Path("b")}).data_dir == Path("b")


@pytest.mark.parametrize(("content", "fault"), [
    pytest.param("pagesize = 3", "The key pagesize of", id="unknown-key"),
    pytest.param("open = true", "The key open of", id="open-is-not-a-key"),
    pytest.param("page_size = true", "a whole number", id="boolean-is-no-number"),
    pytest.param("page_size = 1.5", "a whole number", id="fraction"),
    pytest.param("packages = [1]", "a list of texts", id="list-of-numbers"),
    pytest.param("page_size =", "is not TOML", id="not-toml"),
])  # fmt: skip
def test_a_wrong_file_is_explained(file: Path, content: str, fault: str) -> None:
    file.write_text(content, "utf-8")
    [found] = faults_of({}, file)
    assert fault in found


def test_a_missing_file_is_explained(file: Path) -> None:
    [found] = faults_of({}, file)
    assert "cannot be read" in found


def test_settings_travel_to_a_worker_process() -> None:
    settings = read_settings({"FHIR_TIMEZONE": "Europe/Paris", "FHIR_MONGODB_URI": "mongodb://db"})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_a_type_that_does_not_exist_is_refused_with_the_nearest() -> None:
    settings = read_settings({"FHIR_NATIVE_TYPES": "Observations"})
    with pytest.raises(
        SettingsRefused, match=r"'Observations', which does not exist; did you mean Observation\?"
    ):
        refuse_unknown_types(settings, {"Observation", *settings.cross_person_types})


def test_the_directory_types_are_resource_types(registry: Any) -> None:
    refuse_unknown_types(Settings(), registry.resource_types)


def test_defaults_are_of_the_type_that_is_read() -> None:
    for setting in SETTINGS:
        default = default_of(setting)
        if isinstance(default, tuple | int | str) and not isinstance(default, bool):
            assert setting.read(list(default) if isinstance(default, tuple) else default) == default
