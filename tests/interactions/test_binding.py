"""Which person a request names, told from the request alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.interactions.binding import Binder
from fhir_server.interactions.dispatch import Dispatcher, parse_query
from fhir_server.interactions.names import (
    AnyNames,
    Directory,
    Names,
    NamesIdentifier,
    NamesResource,
    NewPerson,
    Nobody,
    Nothing,
    Several,
    one_of,
)
from fhir_server.interactions.request import Conditions, Request
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.interactions.transaction.naming import naming
from fhir_server.model.view import View
from fhir_server.operations import operations
from fhir_server.search.owner import Owners
from profiles.registry import Registry

BASE = "http://fhir.example.org/fhir"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DIRECTORY = frozenset({"Practitioner", "Organization", "Location"})
ROWS = (*INTERACTIONS, *operations(governed=True))


@pytest.fixture(scope="module")
def binder(registry: Registry) -> Binder:
    return Binder(registry, Owners(registry, BASE), DIRECTORY, BASE)


def named(
    binder: Binder, registry: Registry, line: str, body: Any = None, if_none_exist: str | None = None
) -> AnyNames:
    """Return what `METHOD address` names."""
    method, _, url = line.partition(" ")
    address = Dispatcher(ROWS, registry.resource_types, BASE).find(method, url)
    query = url.partition("?")[2]
    request = Request(
        address.interaction.name, View.unrestricted("test"), NOW, "r",
        address.resource_type, address.id, address.version_id, parse_query(query), body,
        conditions=Conditions(if_none_exist=if_none_exist), compartment=address.within,
    )  # fmt: skip
    return binder.of(address.interaction, request)


def ref(text: str) -> dict[str, str]:
    return {"reference": text}


INS = "urn:ins|1"
NAMES_INS = NamesIdentifier(INS)


@pytest.mark.parametrize(("line", "expected"), [
    pytest.param("GET metadata", Nothing(), id="metadata"),
    pytest.param("GET Patient/p1", Names("p1"), id="the-patient"),
    pytest.param("GET Patient/p1/_history", Names("p1"), id="the-patient-s-history"),
    pytest.param("GET Patient/p1/_history/2", Names("p1"), id="a-version-of-the-patient"),
    pytest.param("DELETE Patient/p1", Names("p1"), id="deleting-the-patient"),
    pytest.param("GET Observation/o1", NamesResource("Observation", "o1"), id="a-resource"),
    pytest.param("GET Observation/o1/_history/1", NamesResource("Observation", "o1"), id="a-version"),
    pytest.param("GET Observation/o1/_history", NamesResource("Observation", "o1"), id="a-history"),
    pytest.param("DELETE Observation/o1", NamesResource("Observation", "o1"), id="deleting"),
    pytest.param("GET Practitioner/d1", Directory(), id="of-the-directory"),
    pytest.param("GET Practitioner?name=x", Directory(), id="searching-the-directory"),
    pytest.param("GET Practitioner/_history", Directory(), id="history-of-the-directory"),
    pytest.param("GET Patient", Nobody(), id="all-patients"),
    pytest.param("GET Patient?name=Martin", Nobody(), id="patients-by-name"),
    pytest.param("GET Patient?_id=p1", Names("p1"), id="patient-by-id"),
    pytest.param("GET Patient?_id=p1,p1", Names("p1"), id="the-same-twice"),
    pytest.param("GET Patient?_id=p1,p2", Several(), id="two-by-id"),
    pytest.param("GET Patient?_id:missing=false", Nobody(), id="by-having-an-id"),
    pytest.param("GET Patient?identifier=urn:ins|1", NAMES_INS, id="by-identifier"),
    pytest.param("GET Patient?identifier=urn:ins|1,urn:ins|2", Several(), id="two-identifiers"),
    pytest.param("GET Patient?identifier=1", Nobody(), id="a-value-without-its-system"),
    pytest.param("GET Patient?identifier=urn:ins|", Nobody(), id="a-system-without-a-value"),
    pytest.param("GET Patient?identifier:not=urn:ins|1", Nobody(), id="all-but-one"),
    pytest.param("GET Patient?_id=p1&identifier=urn:ins|1", Names("p1", (INS,)), id="id-and-identifier"),
    pytest.param("GET Observation", Nobody(), id="all-of-a-type"),
    pytest.param("GET Observation?code=x", Nobody(), id="by-code-alone"),
    pytest.param("GET Observation?patient=p1&code=x", Names("p1"), id="patient"),
    pytest.param("GET Observation?patient=Patient/p1", Names("p1"), id="patient-with-its-type"),
    pytest.param(f"GET Observation?patient={BASE}/Patient/p1", Names("p1"), id="absolute-on-this-server"),
    pytest.param("GET Observation?patient=http://x.org/Patient/p1", Nobody(), id="absolute-elsewhere"),
    pytest.param("GET Observation?subject=Patient/p1", Names("p1"), id="subject"),
    pytest.param("GET Observation?subject:Patient=p1", Names("p1"), id="subject-by-its-type"),
    pytest.param("GET Observation?subject=Group/g1", Nobody(), id="another-subject"),
    pytest.param("GET Observation?subject:Group=g1", Nobody(), id="another-type"),
    pytest.param("GET Observation?patient:missing=false", Nobody(), id="anyone"),
    pytest.param("GET Observation?patient=p1&subject=Patient/p1", Names("p1"), id="one-person-twice"),
    pytest.param("GET Observation?patient=p1&subject=Patient/p2", Several(), id="two-persons"),
    pytest.param("GET Observation?patient=p1,p2", Several(), id="one-of-two"),
    pytest.param("GET Observation?patient=p1&performer=Patient/p2", Names("p1"), id="another-role"),
    pytest.param("GET Observation?patient.identifier=urn:ins|1", NAMES_INS, id="chained-identifier"),
    pytest.param("GET Observation?subject:Patient.identifier=urn:ins|1", NAMES_INS, id="chained-by-type"),
    pytest.param("GET Observation?patient:identifier=urn:ins|1", NAMES_INS, id="logical-reference"),
    pytest.param("GET Observation?patient.name=Martin", Nobody(), id="another-chain"),
    pytest.param("GET Coverage?beneficiary=Patient/p1", Names("p1"), id="the-word-of-the-type"),
    pytest.param("GET Appointment?actor=Patient/p1", Names("p1"), id="an-actor"),
    pytest.param("GET Appointment?actor=Practitioner/d1", Nobody(), id="another-actor"),
    pytest.param("GET AuditEvent?patient=p1", Names("p1"), id="the-journal"),
    pytest.param("GET Provenance?patient=p1", Names("p1"), id="provenance"),
    pytest.param("GET Patient/p1/Observation?code=x", Names("p1"), id="compartment"),
    pytest.param("GET Patient/p1/Observation?patient=p2", Several(), id="compartment-of-another"),
    pytest.param("GET Patient/p1/*", Names("p1"), id="whole-compartment"),
    pytest.param("GET Encounter/e1/Observation", NamesResource("Encounter", "e1"), id="compartment-of-a-visit"),
    pytest.param("GET Practitioner/d1/Observation", Nobody(), id="compartment-of-nobody"),
    pytest.param("GET Practitioner/d1/Observation?patient=p1", Names("p1"), id="compartment-and-person"),
    pytest.param("GET ?_type=Observation,Condition&patient=p1", Names("p1"), id="types-of-a-person"),
    pytest.param("GET ?_type=Observation,Practitioner&patient=p1", Names("p1"), id="types-and-directory"),
    pytest.param("GET ?_type=Observation,Practitioner", Nobody(), id="types-of-nobody"),
    pytest.param("GET ?_type=Practitioner", Directory(), id="types-of-the-directory"),
    pytest.param("GET ?_id=o1", Nobody(), id="all-types"),
    pytest.param("GET Patient?_has:Observation:patient:code=x", Nobody(), id="reverse-chain"),
    pytest.param("GET Observation/_history", Nobody(), id="history-of-a-type"),
    pytest.param("GET _history", Nobody(), id="history-of-all"),
    pytest.param("GET $meta", Nobody(), id="meta-of-all"),
    pytest.param("GET Observation/$meta", Nobody(), id="meta-of-a-type"),
    pytest.param("GET Observation/o1/$meta", NamesResource("Observation", "o1"), id="meta-of-a-resource"),
    pytest.param("GET Patient/p1/$meta", Names("p1"), id="meta-of-the-patient"),
    pytest.param("POST Observation/$validate", Nothing(), id="validating-what-is-sent"),
    pytest.param("GET Observation/o1/$validate", NamesResource("Observation", "o1"), id="validating-what-is-stored"),
    pytest.param("DELETE Observation?patient=p1&code=x", Names("p1"), id="conditional-delete"),
    pytest.param("DELETE Observation?code=x", Nobody(), id="conditional-delete-of-anyone"),
])  # fmt: skip
def test_an_address_names(binder: Binder, registry: Registry, line: str, expected: AnyNames) -> None:
    assert named(binder, registry, line) == expected


@pytest.mark.parametrize(("line", "body", "expected"), [
    pytest.param("POST Observation", {"subject": ref("Patient/p1")}, Names("p1"), id="subject"),
    pytest.param("POST Observation", {"subject": ref(f"{BASE}/Patient/p1")}, Names("p1"), id="absolute"),
    pytest.param("POST Observation", {"subject": ref("Patient/p1/_history/3")}, Names("p1"), id="with-a-version"),
    pytest.param("POST Observation", {"subject": ref("Patient?identifier=urn:ins|1")}, NAMES_INS, id="conditional"),
    pytest.param("POST Observation", {}, Nobody(), id="nobody"),
    pytest.param("POST Observation", {"subject": ref("Group/g1")}, NamesResource("Group", "g1"), id="a-group"),
    pytest.param("POST Observation", {"subject": {"display": "x"}}, Nobody(), id="a-display-alone"),
    pytest.param("POST Observation", {"subject": ref("#p")}, Nobody(), id="contained"),
    pytest.param("POST Observation", {"subject": ref("urn:uuid:1")}, Nobody(), id="a-placeholder"),
    pytest.param("POST Observation", {"subject": "Patient/p1"}, Nobody(), id="malformed-reference"),
    pytest.param("POST Observation", {"subject": [ref("Patient/p1")]}, Names("p1"), id="malformed-list"),
    pytest.param("POST Observation", {"subject": {"reference": 1}}, Nobody(), id="malformed-text"),
    pytest.param("POST Observation", {"performer": [ref("Patient/p1")]}, Names("p1"), id="where-there-is-no-subject"),
    pytest.param("POST Coverage", {"beneficiary": ref("Patient/p1"), "payor": [ref("Patient/p2")]}, Names("p1"), id="the-insured"),
    pytest.param("POST Appointment", {"participant": [{"actor": ref("Patient/p1")}, {"actor": ref("Practitioner/d")}]}, Names("p1"), id="one-of-the-actors"),
    pytest.param("POST Appointment", {"participant": [{"actor": ref("Patient/p1")}, {"actor": ref("Patient/p2")}]}, Several(), id="two-persons"),
    pytest.param("POST Provenance", {"target": [ref("Observation/o1")]}, NamesResource("Observation", "o1"), id="a-target"),
    pytest.param("POST Provenance", {"target": [ref("Patient/p1"), ref("Observation/o1")]}, Names("p1"), id="a-person-outweighs"),
    pytest.param("POST Binary", {"securityContext": ref("DocumentReference/d1")}, NamesResource("DocumentReference", "d1"), id="content-of-a-document"),
    pytest.param("POST Binary", {}, Nobody(), id="content-of-nobody"),
    pytest.param("POST Practitioner", {}, Directory(), id="of-the-directory"),
    pytest.param("POST Patient", {}, NewPerson(), id="a-new-person"),
    pytest.param("PUT Patient/p1", {"id": "p1"}, Names("p1"), id="updating-the-patient"),
    pytest.param("PUT Patient?identifier=urn:ins|1", {}, NAMES_INS, id="conditional-update-of-the-patient"),
    pytest.param("PUT Patient?identifier=urn:ins|1", {"id": "p1"}, Names("p1", (INS,)), id="and-with-an-id"),
    pytest.param("PUT Observation/o1", {"subject": ref("Patient/p1")}, Names("p1"), id="update-by-what-it-says"),
    pytest.param("PUT Binary/b1", {}, NamesResource("Binary", "b1"), id="update-by-its-address"),
    pytest.param("PUT Provenance/v1", {"target": [ref("Observation/o1")]}, NamesResource("Provenance", "v1"), id="update-of-a-container"),
    pytest.param("PUT Observation?patient=p1&code=x", {"subject": ref("Patient/p1")}, Names("p1"), id="conditional-update"),
    pytest.param("PUT Observation?patient=p2&code=x", {"subject": ref("Patient/p1")}, Several(), id="criteria-of-another"),
    pytest.param("PATCH Observation/o1", None, NamesResource("Observation", "o1"), id="patch"),
    pytest.param("PATCH Observation?patient=p1&code=x", None, Names("p1"), id="conditional-patch"),
    pytest.param("POST Patient/p1/$hide", {"resourceType": "Parameters"}, Names("p1"), id="an-operation"),
    pytest.param("POST Observation/o1/$hide", {"resourceType": "Parameters"}, NamesResource("Observation", "o1"), id="on-a-resource"),
    pytest.param("POST ", {"resourceType": "Bundle", "type": "batch"}, Nothing(), id="a-batch"),
])  # fmt: skip
def test_a_body_names(
    binder: Binder, registry: Registry, line: str, body: dict[str, Any] | None, expected: AnyNames
) -> None:
    resource_type = line.partition(" ")[2].partition("/")[0].partition("?")[0]
    resource = None if body is None else {"resourceType": resource_type, **body}
    assert named(binder, registry, line, resource) == expected


@pytest.mark.parametrize(("criteria", "expected"), [
    pytest.param("identifier=urn:ins|1", NamesIdentifier(INS, creates=True), id="identifier"),
    pytest.param("?identifier=urn:ins|1", NamesIdentifier(INS, creates=True), id="with-a-question-mark"),
    pytest.param("_id=p1", Names("p1"), id="id"),
    pytest.param("name=x", Nobody(), id="a-name"),
    pytest.param("%ff=%ff", Nobody(), id="malformed"),
])  # fmt: skip
def test_a_conditional_create_of_a_patient_names_whom_its_criteria_name(
    binder: Binder, registry: Registry, criteria: str, expected: AnyNames
) -> None:
    found = named(binder, registry, "POST Patient", {"resourceType": "Patient"}, criteria)
    assert found == expected


def entry(line: str, resource: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return an entry of a transaction; `full_url` and members of `request` by name."""
    method, _, url = line.partition(" ")
    full_url = more.pop("full_url", None)
    return {
        **({"fullUrl": full_url} if full_url else {}),
        **({"resource": resource} if resource is not None else {}),
        "request": {"method": method, "url": url, **more},
    }


PATIENT = {"resourceType": "Patient"}
P = "urn:uuid:00000000-0000-0000-0000-000000000001"
D = "urn:uuid:00000000-0000-0000-0000-000000000002"


def obs(subject: str | None) -> dict[str, Any]:
    return {"resourceType": "Observation", **({"subject": ref(subject)} if subject else {})}


@pytest.mark.parametrize(("entries", "expected"), [
    pytest.param([], Nothing(), id="empty"),
    pytest.param([entry("POST Observation", obs("Patient/p1")), entry("POST Observation", obs("Patient/p1"))], Names("p1"), id="one-person"),
    pytest.param([entry("POST Observation", obs("Patient/p1")), entry("POST Observation", obs("Patient/p2"))], Several(), id="two-persons"),
    pytest.param([entry("POST Observation", obs(None))], Nobody(), id="nobody"),
    pytest.param([entry("POST Observation", obs(None)), entry("GET Patient/p1")], Names("p1"), id="one-names-for-all"),
    pytest.param([entry("POST Observation", obs("Patient/p1")), entry("PUT Practitioner/d", {"resourceType": "Practitioner"})], Names("p1"), id="with-the-directory"),
    pytest.param([entry("PUT Practitioner/d", {"resourceType": "Practitioner"})], Directory(), id="the-directory-alone"),
    pytest.param([entry("PUT Patient/p1", PATIENT, full_url=P), entry("POST Observation", obs(P))], Names("p1"), id="placeholder-of-a-known-person"),
    pytest.param([entry("POST Patient", PATIENT, full_url=P), entry("POST Observation", obs(P))], NewPerson(), id="a-new-person"),
    pytest.param([entry("POST Patient", PATIENT, full_url=P), entry("POST Observation", obs("Patient/p1"))], Several(), id="a-new-person-and-another"),
    pytest.param([entry("POST Patient", PATIENT, full_url=P, ifNoneExist="identifier=urn:ins|1"), entry("POST Observation", obs(P))], NamesIdentifier(INS, creates=True), id="new-unless-known"),
    pytest.param([entry("POST Patient", PATIENT, full_url=P, ifNoneExist="identifier=urn:ins|1"), entry("POST Observation", obs("Patient?identifier=urn:ins|1"))], NamesIdentifier(INS, creates=True), id="known-by-the-same-identifier"),
    pytest.param([entry("POST Observation", obs("Patient?identifier=urn:ins|1"))], NAMES_INS, id="conditional-reference"),
    pytest.param([entry("POST Observation", obs("Patient?identifier=urn:ins|1")), entry("POST Observation", obs("Patient/p1"))], Names("p1", (INS,)), id="id-and-identifier"),
    pytest.param([entry("POST Observation", obs("Patient?identifier=urn:ins|1")), entry("POST Observation", obs("Patient?identifier=urn:ins|2"))], NamesIdentifier(INS, also=("urn:ins|2",)), id="two-spellings"),
    pytest.param([entry("POST Observation", obs(f"Patient?identifier=urn:ins|{n}")) for n in range(5)], Several(), id="too-many-spellings"),
    pytest.param([entry("POST Patient", PATIENT, full_url=P, ifNoneExist="identifier=urn:ins|1"), entry("POST Observation", obs("Patient?identifier=urn:ins|2"))], Several(), id="new-and-another-spelling"),
    pytest.param([entry("POST Patient", PATIENT, full_url="http://other.org/fhir/Patient/9"), entry("POST Observation", obs("Patient/9"), full_url="http://other.org/fhir/Observation/1")], NewPerson(), id="relative-to-the-sender"),
    pytest.param([entry("DELETE Observation/o1")], NamesResource("Observation", "o1"), id="a-resource"),
    pytest.param([entry("DELETE Observation/o1"), entry("POST Observation", obs("Patient/p1"))], Names("p1"), id="a-person-outweighs-it"),
    pytest.param([entry("GET Observation?patient=p1"), entry("GET Condition?patient=p2")], Several(), id="reading-two"),
    pytest.param([entry(f"GET {BASE}/Patient/p1")], Names("p1"), id="absolute-address"),
    pytest.param([entry("PUT Patient?identifier=urn:ins|1", PATIENT, full_url=P), entry("POST Observation", obs(P))], NAMES_INS, id="conditional-update"),
    pytest.param([entry("POST Provenance", {"resourceType": "Provenance", "target": [ref(D)]}), entry("POST DocumentReference", {"resourceType": "DocumentReference", "subject": ref("Patient/p1")}, full_url=D)], Names("p1"), id="another-entry-speaks-for-itself"),
    pytest.param([{}, {"request": 1}, "x", entry("GET Patient/p1")], Names("p1"), id="malformed-entries"),
    pytest.param([entry("GET %ff?%ff=%ff"), {"request": {"method": 1, "url": 2}}], Nobody(), id="malformed-addresses"),
])  # fmt: skip
def test_a_transaction_names(binder: Binder, entries: list[Any], expected: AnyNames) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert naming(binder, bundle) == expected


def test_entries_of_a_batch_are_asked_one_by_one(binder: Binder) -> None:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entry("GET Patient/p1")]}
    assert naming(binder, bundle) == Nothing()


KINDS = st.sampled_from([
    Names("a"), Names("b"), Names("a", (INS,)), NAMES_INS, NamesIdentifier("urn:ins|2"), NewPerson(),
    NamesResource("Observation", "o"), Directory(), Nothing(), Nobody(), Several(),
])  # fmt: skip


@given(st.lists(KINDS, max_size=5), st.randoms(use_true_random=False))
@settings(deadline=None, derandomize=True)
def test_the_order_of_parts_does_not_matter_but_among_resources(found: list[AnyNames], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert one_of(shuffled) == one_of(found)


@given(st.lists(KINDS, max_size=5), KINDS)
@settings(deadline=None, derandomize=True)
def test_another_part_never_brings_another_person(found: list[AnyNames], more: AnyNames) -> None:
    before, after = one_of(found), one_of([*found, more])
    if isinstance(before, Names):
        assert isinstance(after, Several) or (isinstance(after, Names) and after.owner == before.owner)
    if isinstance(before, Several):
        assert after == Several()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["resourceType", "type", "entry", "request", "method", "url", "resource", "subject", "reference", "target", "id", "fullUrl", "ifNoneExist"]),
        inner | st.sampled_from(["Patient", "Observation", "transaction", "Bundle", "POST", "Patient/p1", "Provenance"]), max_size=5),
    max_leaves=30,
)  # fmt: skip


@given(tree=JSON)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_tree_can_be_asked(binder: Binder, tree: Any) -> None:
    binder.of_resource(tree)
    naming(binder, {"resourceType": "Bundle", "type": "transaction", "entry": tree})
