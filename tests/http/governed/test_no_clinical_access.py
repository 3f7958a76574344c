"""A payer, an operator, a support role and an auditor get nothing clinical from any door.

Doors are the rows of the table of interactions itself, so that a new one is tried without being named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fhir_server.interactions.dispatch import Interaction
from fhir_server.model.view import View
from profiles.registry import Registry
from tests.access.cases import CLINIC, COLLEAGUE
from tests.governed import INS, Governed, Speaker
from tests.http.calls import bundle, entry, situation
from tests.instances import minimal

CANARY = "zq-canary"
OWNER = "canary-person"
ROLES = {
    "payer": "COVERAGE", "operator": "HSYSADMIN", "support": "SUPNWK", "auditor": "HOPERAT", "analytics": "TREAT",
}  # fmt: skip
ADMINISTRATIVE = {"operator": "Patient", "support": "Patient"}
"""What the role sees of a person: who it is."""
FEW = ("DocumentReference", "Binary", "Observation", "Patient", "AuditEvent")
"""Types on which every interaction is tried; reads and searches are tried on all."""
QUERIES = ("", f"?patient={OWNER}", f"?patient.identifier={INS}|9")
SUBJECTS = ("subject", "patient", "beneficiary", "securityContext")
JSON = {"Accept": "application/fhir+json"}
PARAMETERS = {"resourceType": "Parameters"}
PATCH = b'[{"op":"add","path":"/language","value":"fr"}]'
ABOUT_NOBODY = frozenset({"capabilities", "$validate"})
"""Answered from what was sent alone."""


@dataclass(frozen=True)
class World:
    """A server with a resource of most clinical types in one record, each with the canary in it."""

    server: Governed
    registry: Registry
    ids: Mapping[str, str]

    @property
    def clinical(self) -> list[str]:
        """All types but those of no person and the access log."""
        known = self.server.context.registry.resource_types
        return sorted(set(known) - self.server.policy.directory.types - {"AuditEvent"})

    def speaker(self, role: str) -> Speaker:
        """A client of a role, with the purpose that is usual for it."""
        return self.server.as_(role, f"urn:{role}|1", purpose=ROLES[role])

    def unchanged(self) -> bool:
        """Whether everything is there as it was planted."""
        for type_name, id in self.ids.items():
            found = self.server.store.records.read(type_name, id, View.unrestricted("test"))
            if found is None or found.version != 1:
                return False
        return True


def about(registry: Registry, type_name: str, id: str) -> dict[str, Any]:
    """Return a resource of a type with the canary, of the record where the type has an element for it."""
    resource = minimal(registry, type_name)
    resource |= {"id": id, "meta": {"tag": [{"system": "urn:test", "code": CANARY}]}}
    elements = registry.structures[type_name].elements
    for name in SUBJECTS:
        if any(one.path == f"{type_name}.{name}" for one in elements):
            resource[name] = {"reference": f"Patient/{OWNER}"}
            break
    return resource


@pytest.fixture(scope="module")
def world(governed: Governed, registry: Registry) -> World:
    tag = {"meta": {"tag": [{"system": "urn:test", "code": CANARY}]}}
    governed.enrol(OWNER, f"{INS}|9", **tag)
    planted = {}
    for type_name in World(governed, registry, {}).clinical:
        resource = about(registry, type_name, f"x-{type_name}")
        if any(name in resource for name in SUBJECTS):
            governed.plant(resource, authors=(COLLEAGUE, CLINIC))
            held = governed.store.choices.of_resource(type_name, resource["id"])
            if held is not None and held.owner == OWNER:
                planted[type_name] = resource["id"]
    return World(governed, registry, planted)


def test_the_canaries_can_be_seen(world: World) -> None:
    person = world.server.person(OWNER)
    for type_name, id in world.ids.items():
        assert CANARY in person.get(f"/{type_name}/{id}", JSON).get_data(as_text=True), type_name
    assert len(world.ids) > 50
    assert world.ids.keys() >= {"DocumentReference", "Observation", "Binary", "Composition", "Consent"}


def sent(world: World, row: Interaction, type_name: str, id: str) -> tuple[Any, dict[str, str]]:
    """Return a body for an interaction and its headers."""
    if row.takes == "nothing":
        return None, {}
    if row.takes == "patch":
        return PATCH, {"Content-Type": "application/json-patch+json"}
    if row.takes == "form":
        return f"patient={OWNER}".encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if row.name in ("batch", "transaction"):
        urls = [f"{name}/{key}" for name, key in world.ids.items()]
        urls += [f"{name}?patient={OWNER}" for name in world.ids]
        return bundle(row.name, *(entry("GET", url) for url in urls)), {}
    return (PARAMETERS if row.name.startswith("$") else about(world.registry, type_name, id)), {}


def asked(
    world: World, speaker: Speaker, row: Interaction, type_name: str
) -> Iterator[tuple[str, TestResponse]]:
    """Yield the answers of one interaction about one type, over what a request can name a person by."""
    id = world.ids.get(type_name, OWNER if type_name == "Patient" else "x-1")
    shape = row.shape.replace("<resource_type>", type_name).replace("<id>", id).replace("<version_id>", "1")
    for query in QUERIES if row.level == "type" else QUERIES[:1]:
        body, headers = sent(world, row, type_name, id)
        yield f"{row.method} {shape}{query}", speaker.send(row.method, shape + query, body, headers)


@pytest.mark.parametrize(("role", "type_name"), [
    pytest.param(role, name, id=f"{role}-{name}")
    for role in ROLES for name in FEW if name != ADMINISTRATIVE.get(role)
])  # fmt: skip
def test_no_interaction_shows_or_changes_anything_clinical(world: World, role: str, type_name: str) -> None:
    speaker = world.speaker(role)
    for row in world.server.context.dispatcher.interactions:
        for door, answer in asked(world, speaker, row, type_name):
            if row.name in ABOUT_NOBODY:
                continue
            assert CANARY not in answer.get_data(as_text=True), door
            if row.method == "GET" and not (role == "auditor" and type_name == "AuditEvent"):
                assert answer.status_code >= 400, door
    assert world.unchanged()


@pytest.mark.parametrize("role", ROLES)
def test_no_type_is_read_or_found(world: World, role: str) -> None:
    speaker = world.speaker(role)
    for type_name in world.clinical:
        if type_name == ADMINISTRATIVE.get(role):
            continue
        read = speaker.get(f"/{type_name}/{world.ids.get(type_name, 'x-1')}")
        page = speaker.get(f"/{type_name}?patient={OWNER}")
        assert read.status_code == (403 if type_name == "Patient" else 404), type_name
        assert page.status_code in (400, 403), type_name
        assert CANARY not in read.get_data(as_text=True) + page.get_data(as_text=True), type_name


@pytest.mark.parametrize("role", ["operator", "support"])
def test_who_runs_the_server_sees_who_the_person_is(world: World, role: str) -> None:
    answer = world.speaker(role).get(f"/Patient/{OWNER}")
    assert answer.status_code == 200
    assert answer.get_json()["name"][0]["family"] == "Martin"


@pytest.mark.parametrize("role", ["payer", "auditor", "analytics"])
def test_others_do_not_even_see_that(world: World, role: str) -> None:
    answer = world.speaker(role).get(f"/Patient/{OWNER}")
    assert (answer.status_code, situation(answer)) == (403, "refused")
