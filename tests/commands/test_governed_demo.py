"""`serve --demo` where access is governed: each role sees what the demo says of it, and a restart finds it again."""

from __future__ import annotations

import json
import os
import shlex
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fhir_server.demo.cast import CAST
from tests.running import SERVE, Running

GOVERNED = [one for one in SERVE if one != "--open"]
TYPES = ("DocumentReference", "Observation", "AllergyIntolerance", "Immunization", "AuditEvent", "Consent")


@dataclass(frozen=True)
class Demo:
    """A running demo, and the variables that it wrote for shells."""

    url: str
    event: dict[str, Any]
    variables: dict[str, str]

    def get(self, variable: str, path: str) -> tuple[int, Any]:
        """Return status and JSON of what a role is answered."""
        headers = {"Authorization": f"Bearer {self.variables[variable]}"}
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def sees(self, variable: str) -> set[str]:
        """Return the types of which a role finds something in the record."""
        found = set()
        for name in TYPES:
            status, page = self.get(variable, f"/{name}?patient={self.variables['ODILE']}")
            assert status in (200, 403)
            if status == 200 and page.get("entry"):
                found.add(name)
        return found


def variables(file: Path) -> dict[str, str]:
    words = [shlex.split(line) for line in file.read_text("utf-8").splitlines()]
    return dict(one[1].split("=", 1) for one in words)


@pytest.fixture(scope="module")
def demo(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    from pymongo import MongoClient

    name = f"test_demo_{os.getpid()}_{os.urandom(4).hex()}"
    environment = {"FHIR_MONGODB_URI": database_uri, "FHIR_DATABASE": name, "FHIR_POLICY": "fr"}
    directory = tmp_path_factory.mktemp("demo")
    arguments = ("--demo", "--data-dir", str(directory))
    with Running(*arguments, command=GOVERNED, environment=environment) as first:
        loaded = first.event("demo")
        assert loaded["resources"] > 20
    with Running(*arguments, command=GOVERNED, environment=environment) as running:
        event = running.event("demo")
        assert event["patient"] == loaded["patient"]
        yield Demo(running.url, event, variables(Path(event["tokens"])))
    with MongoClient[dict[str, object]](database_uri) as client:
        client.drop_database(name)


def test_a_second_start_finds_the_record_as_it_was(demo: Demo) -> None:
    assert demo.event["resources"] == 0
    assert demo.event["failed"] == 0


def test_there_is_a_token_for_each_role_which_others_cannot_read(demo: Demo) -> None:
    assert demo.variables.keys() == {"BASE", "ODILE", *(one.variable for one in CAST)}
    assert stat.S_IMODE(Path(demo.event["tokens"]).stat().st_mode) == 0o600


CLINICAL = {"DocumentReference", "Observation", "AllergyIntolerance", "Immunization"}
SEEN = {
    "PERSON": {*CLINICAL, "AuditEvent", "Consent"},
    "REPRESENTATIVE": {*CLINICAL, "AuditEvent", "Consent"},
    "TREATING_DOCTOR": {*CLINICAL, "AuditEvent"},
    "DOCTOR": CLINICAL,
    "NURSE": CLINICAL,
    "EMERGENCY": CLINICAL,
    "REGULATOR": CLINICAL,
    "CAREGIVER": {"AllergyIntolerance"},
    "APP": {"Immunization"},
    "AUDITOR": {"AuditEvent"},
    "HOSPITAL": set(),
    "STRANGER": set(),
    "OPERATOR": set(),
    "SUPPORT": set(),
    "PAYER": set(),
}
"""What each role finds; its own acts in the access log aside."""
KNOWS_WHO = {one.variable for one in CAST} - {"STRANGER", "AUDITOR", "PAYER"}


@pytest.mark.parametrize("variable", [one.variable for one in CAST])
def test_a_role_sees_what_its_sentence_says(demo: Demo, variable: str) -> None:
    seen = demo.sees(variable)
    own_acts = set() if "AuditEvent" in SEEN[variable] else {"AuditEvent"}
    assert seen - own_acts == SEEN[variable]
    status, _ = demo.get(variable, f"/Patient/{demo.variables['ODILE']}")
    assert status == (200 if variable in KNOWS_WHO else 403)
