"""Entries as AuditEvents: valid FHIR, after the BALP profiles, and silent about what the reader is not told."""

from __future__ import annotations

import base64
import json
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from fhir_server.access.audit_codes import ACTIONS
from fhir_server.access.audit_event import PROFILE, Rendering, audit_event
from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry
from fhir_server.validation.structure import StructureValidator

DOCTOR = Actor(
    "professional", "urn:oid:1.2|899", "Dr Test", profession="urn:oid:1.4|10", structure="urn:oid:1.3|75",
    structure_name="Hospital", client="Software", reason="unconscious", session="jti-1",
)  # fmt: skip
SYSTEM = Actor("establishment", "urn:oid:1.3|75")
WHOLE = Rendering("http://example.org/fhir", "http://example.org")
PARTLY = replace(WHOLE, whole=False)
ONE = ("Observation/1/_history/1",)

ACTORS = {
    "professional": DOCTOR,
    "establishment": SYSTEM,
    "person": Actor("person", "p1"),
    "unknown": Actor("unknown", "unknown"),
}
INTERACTIONS = (
    "read", "vread", "create", "update", "patch", "delete", "search-type", "history-instance",
    "history-type", "history-system", "transaction", "batch", "$journal", "unknown",
)  # fmt: skip
STATUSES = (200, 401, 404, 503)


def entry(interaction: str = "read", status: int = 200, actor: Actor = DOCTOR, **more: Any) -> AuditEntry:
    entities = ONE if status == 200 else ()
    known = AuditEntry(
        "id-1", datetime(2026, 11, 22, 9, 5, tzinfo=UTC), "request-1", actor.ref, "TREAT", interaction, status,
        "p1", entities, agent=actor, rule="care-team", request="GET Observation?code=x",
        situation=None if status == 200 else "refused",
    )  # fmt: skip
    return replace(known, **more)


@pytest.fixture(scope="module")
def validator(registry) -> StructureValidator:
    return StructureValidator(registry)


@pytest.mark.parametrize("kind", ACTORS)
@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_every_event_is_valid_fhir(validator: StructureValidator, interaction: str, kind: str) -> None:
    for status, owner, rendering in product(STATUSES, ("p1", None), (WHOLE, PARTLY)):
        event = audit_event(entry(interaction, status, ACTORS[kind], owner=owner), rendering)
        assert validator.validate(event, "AuditEvent") == []
        AuditEvent.model_validate(event)


@pytest.mark.parametrize(("interaction", "name"), [
    pytest.param("create", "Create", id="create"),
    pytest.param("read", "Read", id="read"),
    pytest.param("vread", "Read", id="vread"),
    pytest.param("update", "Update", id="update"),
    pytest.param("patch", "Update", id="patch"),
    pytest.param("delete", "Delete", id="delete"),
    pytest.param("search-type", "Query", id="search"),
])  # fmt: skip
def test_what_went_well_is_of_the_profile_for_it(interaction: str, name: str) -> None:
    about_person = audit_event(entry(interaction), WHOLE)
    about_nobody = audit_event(entry(interaction, owner=None), WHOLE)
    assert about_person["meta"]["profile"] == [f"{PROFILE}Patient{name}"]
    assert about_nobody["meta"]["profile"] == [f"{PROFILE}{name}"]
    assert "profile" not in audit_event(entry(interaction, 404), WHOLE)["meta"]


@pytest.mark.parametrize("several", [
    pytest.param(entry("read", entities=(*ONE, *ONE)), id="several-read"),
    pytest.param(entry("transaction"), id="transaction"),
    pytest.param(entry("history-instance"), id="history"),
    pytest.param(entry("search-type", request=None), id="search-of-unknown-criteria"),
])  # fmt: skip
def test_an_event_of_another_shape_names_no_profile(several: AuditEntry) -> None:
    assert "profile" not in audit_event(several, WHOLE)["meta"]


@pytest.mark.parametrize(("status", "outcome"), [
    pytest.param(200, "0", id="success"),
    pytest.param(304, "0", id="not-modified"),
    pytest.param(404, "4", id="refused"),
    pytest.param(503, "8", id="failed"),
])  # fmt: skip
def test_the_outcome_follows_the_status(status: int, outcome: str) -> None:
    assert audit_event(entry(status=status), WHOLE)["outcome"] == outcome


def test_a_search_says_what_was_asked_and_what_was_shown() -> None:
    shown = ("Observation/1/_history/1", "Observation/2/_history/3")
    event = audit_event(entry("search-type", entities=shown), WHOLE)
    queries = [base64.b64decode(one["query"]).decode() for one in event["entity"] if "query" in one]
    assert queries == ["GET Observation?code=x"]
    listed = [one["what"]["reference"] for one in event["entity"] if "reference" in one.get("what", {})]
    assert listed == [*shown, "Patient/p1"]


@pytest.mark.parametrize("actor", [pytest.param(DOCTOR, id="with-user"), pytest.param(SYSTEM, id="system")])
def test_a_human_being_is_the_requestor_and_else_the_software(actor: Actor) -> None:
    agents = audit_event(entry(actor=actor), WHOLE)["agent"]
    asked = [agent for agent in agents if agent["requestor"]]
    assert len(asked) == 1
    assert ("name" in asked[0]) is (actor is DOCTOR)


@pytest.mark.parametrize(("actor", "who"), [
    pytest.param(DOCTOR, {"identifier": {"system": "urn:oid:1.2", "value": "899"}}, id="professional"),
    pytest.param(ACTORS["person"], {"reference": "Patient/p1"}, id="person"),
])  # fmt: skip
def test_the_requestor_is_named(actor: Actor, who: dict[str, Any]) -> None:
    [asked] = [one for one in audit_event(entry(actor=actor), WHOLE)["agent"] if one["requestor"]]
    assert asked["who"] == who


def test_others_are_not_told_why_nor_what_was_asked() -> None:
    secrets = ("care-team", "unconscious", '"refused"')
    refused = entry("read", 404)
    told, untold = (json.dumps(audit_event(refused, rendering)) for rendering in (WHOLE, PARTLY))
    assert all(secret in told for secret in secrets)
    assert not any(secret in untold for secret in secrets)
    assert not any("query" in one for one in audit_event(refused, PARTLY)["entity"])
    assert any("query" in one for one in audit_event(refused, WHOLE)["entity"])


@pytest.mark.parametrize("rendering", [pytest.param(WHOLE, id="whole"), pytest.param(PARTLY, id="partly")])
@pytest.mark.parametrize("status", STATUSES)
def test_every_event_names_its_request(status: int, rendering: Rendering) -> None:
    named = [
        one.get("what", {}).get("identifier")
        for one in audit_event(entry("read", status), rendering)["entity"]
    ]
    assert [one for one in named if one is not None] == [{"value": "request-1"}]


@pytest.mark.corpus
@pytest.mark.parametrize("interaction", ["create", "read", "update", "delete", "search-type"])
@pytest.mark.parametrize("actor", [pytest.param(DOCTOR, id="user"), pytest.param(SYSTEM, id="system")])
def test_an_event_meets_the_slices_of_its_profile(corpus: Path, interaction: str, actor: Actor) -> None:
    event = audit_event(entry(interaction, actor=actor), WHOLE)
    name = event["meta"]["profile"][0].rpartition(".")[2]
    differential = [*elements(corpus, name), *elements(corpus, name.removeprefix("Patient"))]
    assert differential
    check(event, differential)


def elements(corpus: Path, name: str) -> list[dict[str, Any]]:
    """The differential of a BALP profile."""
    (package,) = (corpus / "packages").glob("ihe.iti.balp-*.tgz")
    with tarfile.open(package) as archive:
        file = archive.extractfile(f"package/StructureDefinition-IHE.BasicAudit.{name}.json")
        assert file is not None
        found: list[dict[str, Any]] = json.load(file)["differential"]["element"]
    return found


def check(event: dict[str, Any], differential: list[dict[str, Any]]) -> None:
    """Check the numbers and patterns of the slices, told apart by their type, as the profiles do."""
    patterns = {
        one["id"].removesuffix(".type"): one.get("patternCodeableConcept", {}).get("coding", [None])[0]
        or one.get("patternCoding")
        for one in differential
        if one["id"].endswith(".type") and ":" in one["id"]
    }
    by_id = {one["id"]: one for one in differential}
    for slice_id, pattern in patterns.items():
        if pattern is None or slice_id not in by_id:
            continue
        path = slice_id.partition(":")[0].rpartition(".")[2]
        members = [one for one in event[path] if is_of(one["type"], pattern)]
        limits = by_id[slice_id]
        assert limits.get("min", 0) <= len(members), slice_id
        if limits.get("max", "*") != "*":
            assert len(members) <= int(limits["max"]), slice_id
        for member in members:
            for one in differential:
                parent, _, leaf = one["id"].rpartition(".")
                if parent == slice_id:
                    assert one.get("min", 0) == 0 or leaf in member, one["id"]
                    assert one.get("max") != "0" or leaf not in member, one["id"]
    for one in differential:
        if one["id"] in ("AuditEvent.action", "AuditEvent.outcome") and "patternCode" in one:
            assert event[one["id"].partition(".")[2]] == one["patternCode"]


def is_of(concept: dict[str, Any], pattern: dict[str, str]) -> bool:
    codings = concept.get("coding", [concept])
    return any(coding.items() >= pattern.items() for coding in codings)


def test_an_action_is_one_of_the_five() -> None:
    assert set(ACTIONS.values()) == {"C", "R", "U", "D"}
