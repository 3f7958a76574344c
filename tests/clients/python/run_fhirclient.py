"""The Python client `fhirclient` (SMART on FHIR), as its documentation uses it."""

from __future__ import annotations

from typing import Any

from fhirclient import client
from fhirclient.models.bundle import Bundle
from fhirclient.models.humanname import HumanName
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException
from requests import HTTPError
from steps import Steps, run

FAMILY = "Fhirclient-Python"
COUNT = 7


class Person:
    """One patient that the steps follow from creation to deletion."""

    def __init__(self, base: str) -> None:
        self.smart = client.FHIRClient(settings={"app_id": "clients", "api_base": base})
        self.id = ""

    def capability(self) -> None:
        assert self.smart.prepare(), "the client waits for an authorization that an open server does not ask"
        assert self.smart.server.capabilityStatement.fhirVersion == "4.0.1"

    def create(self) -> None:
        patient = Patient()
        patient.name = [HumanName({"family": FAMILY, "given": ["Zoé"]})]
        self.id = patient.create(self.smart.server)["id"]

    def read(self) -> None:
        patient = Patient.read(self.id, self.smart.server)
        assert self.smart.human_name(patient.name[0]) == f"Zoé {FAMILY}"

    def search(self) -> None:
        [found] = Patient.where({"family": FAMILY}).perform_resources_iter(self.smart.server)
        assert found.id == self.id

    def page(self) -> None:
        made = [self._create(f"{FAMILY}-Page") for _ in range(COUNT)]
        search = Patient.where({"family": f"{FAMILY}-Page", "_count": "2"})
        pages = list(search.perform_iter(self.smart.server))
        ids = [entry.resource.id for page in pages for entry in page.entry or []]
        assert len(pages) == 4
        assert sorted(ids) == sorted(made)

    def update(self) -> None:
        patient = Patient.read(self.id, self.smart.server)
        patient.gender = "female"
        assert patient.update(self.smart.server)["meta"]["versionId"] == "2"

    def transaction(self) -> None:
        bundle = Bundle(transaction(f"{FAMILY}-Transaction"))
        answer = Bundle(bundle.create(self.smart.server))
        assert [entry.response.status[:3] for entry in answer.entry] == ["201", "201"]

    def vread(self) -> None:
        first = Patient.read_from(f"Patient/{self.id}/_history/1", self.smart.server)
        assert (first.meta.versionId, first.gender) == ("1", None)

    def history(self) -> None:
        history = Bundle.read_from(f"Patient/{self.id}/_history", self.smart.server)
        assert [entry.resource.meta.versionId for entry in history.entry] == ["2", "1"]

    def delete(self) -> None:
        Patient.read(self.id, self.smart.server).delete()
        error = refused(lambda: Patient.read(self.id, self.smart.server))
        assert error.response.status_code == 410

    def refusal(self) -> None:
        missing = refused(lambda: Patient.read("no-such-patient", self.smart.server))
        assert missing.response.json()["issue"][0]["code"] == "not-found"
        wrong = {"resourceType": "Patient", "gender": "none of the codes"}
        invalid = refused(lambda: self.smart.server.post_json("Patient", wrong))
        assert invalid.response.json()["issue"][0]["expression"] == ["Patient.gender"]

    def _create(self, family: str) -> str:
        patient = Patient()
        patient.name = [HumanName({"family": family})]
        return str(patient.create(self.smart.server)["id"])


def transaction(family: str) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "name": [{"family": family}]}
    observation = {
        "resourceType": "Observation", "status": "final", "code": {"text": "weight"},
        "subject": {"reference": "urn:uuid:6d4ef0a2-71a1-4b1c-9c3f-0d5a8c2b4f10"},
    }  # fmt: skip
    return {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:6d4ef0a2-71a1-4b1c-9c3f-0d5a8c2b4f10", "resource": patient,
             "request": {"method": "POST", "url": "Patient"}},
            {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
        ],
    }  # fmt: skip


def refused(call: Any) -> Any:
    """Return the error that a call ends with."""
    try:
        call()
    except (HTTPError, FHIRNotFoundException) as error:
        return error
    raise AssertionError("the call was not refused")


def steps(base: str) -> Steps:
    person = Person(base)
    return {
        "capability": person.capability, "create": person.create, "read": person.read,
        "search": person.search, "page": person.page, "update": person.update,
        "transaction": person.transaction, "vread": person.vread, "history": person.history,
        "delete": person.delete, "refusal": person.refusal,
    }  # fmt: skip


if __name__ == "__main__":
    run(steps)
