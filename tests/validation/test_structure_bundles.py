"""What each type of Bundle demands of its entries."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.validation.structure import StructureValidator
from profiles.registry import Registry

REQUEST = {"method": "PUT", "url": "Basic/a"}
RESPONSE = {"status": "200"}
IDENTIFIER = {"system": "https://example.org", "value": "1"}
INSTANT = "2024-02-29T08:15:30Z"
BASE = "https://example.org/fhir"


@pytest.fixture(scope="module")
def validator(registry: Registry) -> StructureValidator:
    return StructureValidator(registry)


def basic(id: str = "a", version: str | None = None) -> dict[str, Any]:
    meta = {"meta": {"versionId": version}} if version else {}
    return {"resourceType": "Basic", "id": id, **meta, "code": {"text": "x"}}


def composition() -> dict[str, Any]:
    return {
        "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "date": "2024",
        "author": [{"display": "x"}], "title": "x",
    }  # fmt: skip


def header() -> dict[str, Any]:
    source = {"endpoint": "https://example.org"}
    return {"resourceType": "MessageHeader", "eventUri": "https://example.org/e", "source": source}


def bundle(kind: str, *entries: dict[str, Any], **elements: Any) -> dict[str, Any]:
    found = {"entry": list(entries)} if entries else {}
    return {"resourceType": "Bundle", "type": kind, **elements, **found}


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(bundle("collection"), id="empty"),
        pytest.param(bundle("searchset", {"resource": basic(), "search": {"mode": "match"}}, total=1),
                     id="searchset"),
        pytest.param(bundle("history", {"request": REQUEST, "response": RESPONSE}, total=1), id="history"),
        pytest.param(bundle("transaction", {"request": {"method": "DELETE", "url": "Basic/a"}}),
                     id="delete-in-a-transaction"),
        pytest.param(bundle("batch", {"resource": basic(), "request": REQUEST}), id="batch"),
        pytest.param(bundle("transaction-response", {"response": RESPONSE}), id="response"),
        pytest.param(bundle("document", {"resource": composition()}, identifier=IDENTIFIER,
                            timestamp=INSTANT), id="document"),
        pytest.param(bundle("message", {"resource": header()}), id="message"),
        pytest.param(bundle("collection", {"resource": basic() | {
            "contained": [{"resourceType": "Patient", "id": "p", "active": True}],
            "subject": {"reference": "#p"}}}), id="contained-in-an-entry"),
        pytest.param(bundle("collection", {"fullUrl": f"{BASE}/Basic/a", "resource": basic(version="1")},
                            {"fullUrl": f"{BASE}/Basic/a", "resource": basic(version="2")}),
                     id="versions-of-one"),
        pytest.param(bundle("history", *[{"fullUrl": f"{BASE}/Basic/a", "request": REQUEST,
                                          "response": RESPONSE}] * 2), id="one-twice-in-a-history"),
        pytest.param(bundle("collection", {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
                                           "resource": basic()}), id="urn"),
    ],
)  # fmt: skip
def test_legal_bundle_is_accepted(validator: StructureValidator, resource: dict[str, Any]) -> None:
    assert validator.accepts(resource)
    assert validator.explain(resource) == []


@pytest.mark.parametrize(
    ("resource", "key", "expression"),
    [
        pytest.param(bundle("batch", total=0), "bdl-1", "Bundle.total", id="total"),
        pytest.param(bundle("history", {"request": REQUEST, "response": RESPONSE, "search": {"score": 1}}),
                     "bdl-2", "Bundle.entry[0].search", id="search"),
        pytest.param(bundle("searchset", {"resource": basic(), "request": REQUEST}), "bdl-3",
                     "Bundle.entry[0].request", id="request"),
        pytest.param(bundle("batch", {"resource": basic(), "request": REQUEST}, {"resource": basic()}),
                     "bdl-3", "Bundle.entry[1].request", id="no-request"),
        pytest.param(bundle("transaction", {"request": REQUEST, "response": RESPONSE}), "bdl-4",
                     "Bundle.entry[0].response", id="response"),
        pytest.param(bundle("collection", {"fullUrl": "urn:x"}), "bdl-5", "Bundle.entry[0]", id="nothing"),
        pytest.param(bundle("collection", *[{"fullUrl": f"{BASE}/Basic/a", "resource": basic()}] * 2),
                     "bdl-7", "Bundle.entry[1].fullUrl", id="one-twice"),
        pytest.param(bundle("collection", {"fullUrl": f"{BASE}/Basic/a/_history/1", "resource": basic()}),
                     "bdl-8", "Bundle.entry[0].fullUrl", id="version"),
        pytest.param(bundle("document", {"resource": composition()}, timestamp=INSTANT,
                            identifier={"system": "https://example.org"}), "bdl-9", "Bundle.identifier",
                     id="identifier-without-value"),
        pytest.param(bundle("document", {"resource": composition()}, identifier=IDENTIFIER), "bdl-10",
                     "Bundle.timestamp", id="no-timestamp"),
        pytest.param(bundle("document", {"resource": basic()}, identifier=IDENTIFIER, timestamp=INSTANT),
                     "bdl-11", "Bundle.entry[0].resource", id="no-composition"),
        pytest.param(bundle("message"), "bdl-12", "Bundle.entry[0].resource", id="empty-message"),
    ],
)  # fmt: skip
def test_broken_bundle_is_refused(
    validator: StructureValidator, resource: dict[str, Any], key: str, expression: str
) -> None:
    assert not validator.accepts(resource)
    (issue,) = validator.validate(resource)
    assert issue.expression == expression
    assert f"({key})" in issue.text


@pytest.mark.parametrize(
    ("full_url", "is_right"),
    [
        (f"{BASE}/Basic/a", True),
        (f"{BASE}/Other/b", True),
        ("https://example.org", True),
        (f"{BASE}/Basic/b", False),
    ],
)
def test_only_a_strict_validator_compares_full_url_and_id(
    full_url: str, is_right: bool, registry: Registry, validator: StructureValidator
) -> None:
    resource = bundle("collection", {"fullUrl": full_url, "resource": basic()})
    assert validator.validate(resource) == []
    issues = StructureValidator(registry, strict=True).validate(resource)
    assert [issue.expression for issue in issues] == ([] if is_right else ["Bundle.entry[0].fullUrl"])
