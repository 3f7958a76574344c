"""Labelled resources of one person, and what operations of the person do to their labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from werkzeug.test import TestResponse

from fhir_server.access.policy import MASKED
from fhir_server.interactions.assemble import Version, rewrite
from fhir_server.interactions.request import Request
from fhir_server.model import exact_json
from fhir_server.model.document import Facts, Stored
from fhir_server.model.unit_of_work import Replace, UnitOfWork
from fhir_server.model.view import View
from tests.governed import OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import BASE

VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
)
MASK = {"system": VISIBILITY, "code": "MASQUE_PS"}
FROM_PERSON = {"system": VISIBILITY, "code": "INVISIBLE_PATIENT"}
FROM_PARENTS = {"system": VISIBILITY, "code": "INVISIBLE_REPRESENTANTS_LEGAUX"}
NORMAL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}
ALL = View.unrestricted("test")


def observation(person: str, *security: dict[str, str], **more: Any) -> dict[str, Any]:
    meta = {"meta": {"security": list(security)}} if security else {}
    code = {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}
    subject = {"reference": f"Patient/{person}"}
    return {
        "resourceType": "Observation", **meta, "status": "final", "code": code, "subject": subject, **more,
    }  # fmt: skip


def document(person: str, *labels: dict[str, str], url: str = "Binary/none", **more: Any) -> dict[str, Any]:
    concepts = {"securityLabel": [{"coding": [label]} for label in labels]} if labels else {}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]},
        "subject": {"reference": f"Patient/{person}"},
        **concepts,
        "content": [{"attachment": {"contentType": "application/pdf", "url": url}}],
        **more,
    }


def created(response: TestResponse) -> str:
    assert response.status_code == 201, response.text
    location = response.headers["Location"].removeprefix(BASE).strip("/")
    return location.partition("/_history/")[0]


def stored(governed: Governed, name: str) -> Stored:
    resource_type, _, id = name.partition("/")
    found = governed.context.records.read(resource_type, id, ALL, facts=True)
    assert found is not None
    return found


def facts(governed: Governed, name: str) -> Facts:
    known = stored(governed, name).facts
    assert known is not None
    return known


def labels(governed: Governed, name: str) -> set[str]:
    return {label for label in facts(governed, name).access.labels if "|" not in label}


def relabelled(
    governed: Governed, name: str, add: Iterable[str] = (), drop: Iterable[str] = ()
) -> tuple[Version, Stored]:
    """Return what an operation of the person would write: one label more or less on one resource."""
    current, context = stored(governed, name), governed.context
    resource = exact_json.decode(current.body)
    for label in add:
        resource = context.labelling.with_label(resource, label)
    for label in drop:
        resource = context.labelling.without_label(resource, label)
    request = Request("$test", ALL, context.clock.now(), "test")
    return rewrite(context, request, resource, current, frozenset(drop)), current


def commit(governed: Governed, version: Version, current: Stored) -> None:
    rewrites = (Replace(version.document, current.version, current.facts),)
    work = UnitOfWork(ALL, rewrites=rewrites, relabels=version.relabels, flows=version.flows)
    governed.context.records.commit(work)


def hide(governed: Governed, name: str) -> None:
    commit(governed, *relabelled(governed, name, add=[MASKED]))


def show(governed: Governed, name: str) -> None:
    commit(governed, *relabelled(governed, name, drop=[MASKED]))


def other(governed: Governed) -> Speaker:
    return governed.doctor(OTHER_DOCTOR, structure=None)


def situation(response: TestResponse) -> str:
    code: str = exact_json.decode(response.data)["issue"][0]["details"]["coding"][0]["code"]
    return code
