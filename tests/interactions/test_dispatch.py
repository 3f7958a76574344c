"""From a method and an address to the interaction.  Spec: https://hl7.org/fhir/R4/http.html#summary"""

from __future__ import annotations

import pytest

from fhir_server.interactions.dispatch import Address, Dispatcher, parse_query
from fhir_server.interactions.table import INTERACTIONS
from fhir_server.model.outcome import FhirError

BASE = "https://example.org/fhir"
DISPATCHER = Dispatcher(INTERACTIONS, frozenset({"Patient", "Observation"}), BASE)


def parts(address: Address) -> tuple[str, ...]:
    return (address.interaction.name, address.resource_type, address.id, address.version_id)


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        pytest.param("GET", "metadata", ("capabilities", "", "", ""), id="metadata"),
        pytest.param("POST", "", ("transaction", "", "", ""), id="base"),
        pytest.param("POST", "/", ("transaction", "", "", ""), id="base-with-a-slash"),
        pytest.param("GET", "Patient/1", ("read", "Patient", "1", ""), id="read"),
        pytest.param("GET", "/Patient/1", ("read", "Patient", "1", ""), id="leading-slash"),
        pytest.param("GET", "Patient/1/", ("read", "Patient", "1", ""), id="trailing-slash"),
        pytest.param("GET", f"{BASE}/Patient/1", ("read", "Patient", "1", ""), id="absolute"),
        pytest.param("HEAD", "Patient/1", ("read", "Patient", "1", ""), id="head-is-get"),
        pytest.param("GET", "Patient/metadata", ("read", "Patient", "metadata", ""), id="id-metadata"),
        pytest.param("GET", "Patient/1/_history/2", ("vread", "Patient", "1", "2"), id="vread"),
        pytest.param("GET", "Patient/1/_history", ("history-instance", "Patient", "1", ""), id="history"),
        pytest.param("PUT", "Patient/1", ("update", "Patient", "1", ""), id="update"),
        pytest.param("DELETE", "Patient/1", ("delete", "Patient", "1", ""), id="delete"),
        pytest.param("POST", "Patient", ("create", "Patient", "", ""), id="create"),
        pytest.param("GET", "Patient", ("search-type", "Patient", "", ""), id="search"),
        pytest.param("GET", "Patient?_id=1", ("search-type", "Patient", "", ""), id="search-with-a-query"),
        pytest.param("POST", "Patient/_search", ("search-type", "Patient", "", ""), id="search-form"),
        pytest.param("GET", "?_type=Patient", ("search-system", "", "", ""), id="search-of-types"),
        pytest.param(
            "GET", f"{BASE}?_type=Patient", ("search-system", "", "", ""), id="absolute-search-of-types"
        ),
        pytest.param("POST", "_search", ("search-system", "", "", ""), id="search-form-of-types"),
        pytest.param("GET", "Patient/1/Observation", ("search-type", "Observation", "", ""), id="members"),
        pytest.param("GET", "Patient/1/*", ("search-system", "", "", ""), id="all-members"),
    ],
)
def test_an_address_has_its_interaction(method: str, url: str, expected: tuple[str, ...]) -> None:
    assert parts(DISPATCHER.find(method, url)) == expected


@pytest.mark.parametrize(
    ("method", "url", "status", "situation"),
    [
        pytest.param("GET", "Nonsense/1", 404, "unknown-type", id="unknown-type"),
        pytest.param("GET", "Patient/a_b", 400, "illegal-id", id="illegal-id"),
        pytest.param("GET", "Patient/1/_history/a_b", 400, "illegal-id", id="illegal-version"),
        pytest.param("GET", "Patient/1/2", 404, "unknown-type", id="no-type-in-a-compartment"),
        pytest.param("GET", "Patient/1/2/3", 404, "unknown-address", id="unknown-address"),
        pytest.param("GET", "Patient/$x", 404, "unknown-operation", id="type-operation"),
        pytest.param("POST", "$x", 404, "unknown-operation", id="system-operation"),
        pytest.param("GET", "https://elsewhere.org/fhir/Patient/1", 404, "unknown-address", id="elsewhere"),
        pytest.param("POST", "Patient/1", 405, "method-not-allowed", id="method"),
        pytest.param("POST", "metadata", 405, "method-not-allowed", id="post-metadata"),
        pytest.param("GET", "Patient/_search", 405, "method-not-allowed", id="get-the-form"),
        pytest.param("PUT", "", 405, "method-not-allowed", id="put-the-base"),
    ],
)
def test_a_wrong_address_is_refused(method: str, url: str, status: int, situation: str) -> None:
    with pytest.raises(FhirError) as refused:
        DISPATCHER.find(method, url)
    assert (refused.value.status, refused.value.issues[0].situation) == (status, situation)


def test_a_refused_method_names_the_others() -> None:
    with pytest.raises(FhirError) as refused:
        DISPATCHER.find("POST", "Patient/1")
    assert refused.value.headers == {"Allow": "DELETE, GET, HEAD, PATCH, PUT"}


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("a=1&a=2", (("a", "1"), ("a", "2")), id="repeated"),
        pytest.param("a", (("a", ""),), id="no-value"),
        pytest.param("a=%3A%2B+b", (("a", ":+ b"),), id="encoded"),
        pytest.param("a=%C3%A9", (("a", "é"),), id="utf-8"),
    ],
)
def test_a_query_is_decoded_in_order(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert parse_query(text) == pairs
