"""When the access log cannot be written: 503, nothing is shown, nothing was changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.governed import DOCTOR, HOSPITAL, Governed, Speaker
from tests.http.calls import bundle, entry, new_id, observation, situation
from tests.http.governed.choices import call
from tests.http.governed.test_choices_hiding import document
from tests.http.imported import XML
from tests.http.imported import document as letter

SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"
CANARY = "zq-canary-cholera"
PDF = {"Accept": "application/pdf"}
TOLD = ("ETag", "Last-Modified", "Location", "Content-Location", "Content-Disposition")


@pytest.fixture
def owner(governed: Governed) -> str:
    id = new_id()
    governed.enrol(id, f"{SYSTEM}|{id}")
    governed.authorise(id)
    content = {
        "resourceType": "Binary", "id": f"b-{id}", "contentType": "application/pdf", "data": "enEtY2FuYXJ5",
        "securityContext": {"reference": f"Patient/{id}"},
    }  # fmt: skip
    items = (document(id, f"d-{id}"), observation(f"Patient/{id}", f"o-{id}", note=[{"text": CANARY}]))
    governed.plant(*items, content, authors=(DOCTOR, HOSPITAL))
    return id


@pytest.fixture
def unwritable(governed: Governed, owner: str) -> Iterator[None]:
    """The database takes no entry of the log any more, and everything else."""
    database = governed.store.client[governed.store.database]
    database.command("collMod", "audit", validator={"never": {"$exists": True}})
    yield
    database.command("collMod", "audit", validator={})


READS = {
    "read": ("GET", "/Observation/o-{id}", None, {}),
    "head": ("HEAD", "/Observation/o-{id}", None, {}),
    "unless": ("GET", "/Observation/o-{id}", None, {"If-None-Match": 'W/"1"'}),
    "vread": ("GET", "/Observation/o-{id}/_history/1", None, {}),
    "history": ("GET", "/Observation/o-{id}/_history", None, {}),
    "search": ("GET", "/Observation?patient={id}", None, {}),
    "count": ("GET", "/Observation?patient={id}&_summary=count", None, {}),
    "all-types": ("GET", "/?patient={id}", None, {}),
    "compartment": ("GET", "/Patient/{id}/Observation", None, {}),
    "everything": ("GET", "/Patient/{id}/$everything", None, {}),
    "lastn": ("GET", "/Observation/$lastn?patient={id}", None, {}),
    "meta": ("GET", "/Observation/o-{id}/$meta", None, {}),
    "validate": ("GET", "/Observation/o-{id}/$validate", None, {}),
    "content": ("GET", "/Binary/b-{id}", None, PDF),
    "xml": ("GET", "/Observation/o-{id}", None, {"Accept": "application/fhir+xml"}),
    "batch": ("POST", "/", bundle("batch", entry("GET", "Observation/o-{id}")), {}),
    "absent": ("GET", "/Observation/never-{id}", None, {}),
    "refused": ("GET", "/Observation?patient=never-{id}", None, {}),
    "own-lines": ("GET", "/AuditEvent?patient={id}", None, {}),
}
WRITES = {
    "create": ("POST", "/Observation", observation("Patient/{id}"), {}),
    "update": ("PUT", "/Observation/o-{id}", observation("Patient/{id}", "o-{id}"), {}),
    "delete": ("DELETE", "/Observation/o-{id}", None, {}),
    "transaction": (
        "POST", "/",
        bundle(
            "transaction",
            entry("POST", "Observation", observation("Patient/{id}")),
            entry("GET", "Observation/o-{id}"),
        ),
        {},
    ),
    "batch": ("POST", "/", bundle("batch", entry("POST", "Observation", observation("Patient/{id}"))), {}),
    "meta-add": (
        "POST", "/Observation/o-{id}/$meta-add",
        {"resourceType": "Parameters",
         "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "urn:t", "code": "t"}]}}]},
        {},
    ),
}  # fmt: skip
CHOICES = {
    "hide": ("/Observation/o-{id}/$hide", call()),
    "hide-all": ("/Patient/{id}/$hide", call(all=True)),
    "switch": ("/Patient/{id}/$emergency-switch", call(switch="break-glass", on=False)),
}


def named(tree: Any, id: str) -> Any:
    """The tree about a person."""
    if isinstance(tree, dict):
        return {name: named(value, id) for name, value in tree.items()}
    if isinstance(tree, list):
        return [named(one, id) for one in tree]
    return tree.replace("{id}", id) if isinstance(tree, str) else tree


def stored(governed: Governed, owner: str) -> dict[str, Any]:
    """All that the database holds of a person, the log aside."""
    database = governed.store.client[governed.store.database]
    held = {}
    for name in sorted(database.list_collection_names()):
        if name != "audit" and not name.startswith("system."):
            about = {"$or": [{"owner": owner}, {"_id": owner}]}
            held[name] = list(database[name].find(about).sort("_id", 1))
    return {name: found for name, found in held.items() if found}


def ask(speaker: Speaker, owner: str, row: tuple[str, str, Any, dict[str, str]]) -> Any:
    method, path, body, headers = row
    return speaker.send(method, path.replace("{id}", owner), named(body, owner), headers)


@pytest.mark.usefixtures("unwritable")
@pytest.mark.parametrize("name", READS)
def test_nothing_is_shown_that_cannot_be_told(governed: Governed, owner: str, name: str) -> None:
    before = stored(governed, owner)
    answer = ask(governed.doctor(), owner, READS[name])
    assert answer.status_code == 503, answer.text
    assert "Retry-After" in answer.headers
    assert not set(TOLD) & set(answer.headers.keys())
    assert CANARY not in answer.text and owner not in answer.text and "canary" not in answer.text
    if name not in ("head", "xml"):
        assert situation(answer) == "database-unavailable"
    assert stored(governed, owner) == before


@pytest.mark.usefixtures("unwritable")
@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_written_that_cannot_be_told(governed: Governed, owner: str, name: str) -> None:
    before = stored(governed, owner)
    answer = ask(governed.doctor(), owner, WRITES[name])
    assert answer.status_code == 503, answer.text
    assert stored(governed, owner) == before


@pytest.mark.usefixtures("unwritable")
@pytest.mark.parametrize("name", CHOICES)
def test_nothing_is_chosen_that_cannot_be_told(governed: Governed, owner: str, name: str) -> None:
    before = stored(governed, owner)
    answer = ask(governed.person(owner), owner, ("POST", *CHOICES[name], {}))
    assert answer.status_code == 503, answer.text
    assert stored(governed, owner) == before


@pytest.mark.usefixtures("unwritable")
def test_nothing_is_imported_that_cannot_be_told(governed: Governed, owner: str) -> None:
    before = stored(governed, owner)
    answer = governed.doctor().send("POST", "/$import-document", letter(new_id(), owner), XML)
    assert answer.status_code == 503, answer.text
    assert stored(governed, owner) == before


@pytest.mark.usefixtures("unwritable")
@pytest.mark.parametrize("path", ["/Observation", "/no-such-address", "/Patient/x"])
def test_who_is_not_known_is_told_nothing_either(governed: Governed, path: str) -> None:
    assert governed.nobody().get(path).status_code == 503


def test_it_is_answered_again_as_soon_as_the_log_is_written(governed: Governed, owner: str) -> None:
    database = governed.store.client[governed.store.database]
    database.command("collMod", "audit", validator={"never": {"$exists": True}})
    speaker = governed.doctor()
    assert speaker.get(f"/Observation/o-{owner}").status_code == 503
    database.command("collMod", "audit", validator={})
    assert speaker.get(f"/Observation/o-{owner}").status_code == 200
    lines = [one for one in governed.journal(owner) if one["interaction"] == "read"]
    assert len(lines) == 1
