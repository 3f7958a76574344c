"""The Python client `fhirpy`, as its documentation uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
from steps import Steps, run

FAMILY = "Fhirpy"
COUNT = 7
URN = "urn:uuid:0b7a6a7e-6a53-4b5e-8a45-9f8ce3b0d9a1"


class Person:
    """One patient that the steps follow from creation to deletion."""

    def __init__(self, base: str) -> None:
        self.client = SyncFHIRClient(base)
        # `patch()` of this client sends a merge patch, which R4 does not have; `execute` sends any other.
        self.patching = SyncFHIRClient(base, extra_headers={"Content-Type": "application/json-patch+json"})
        self.patient: Any = None

    def capability(self) -> None:
        assert self.client.execute("metadata", method="get")["fhirVersion"] == "4.0.1"

    def create(self) -> None:
        self.patient = self.client.resource("Patient", name=[{"family": FAMILY, "given": ["Zoé"]}])
        self.patient.save()
        assert self.patient.meta.versionId == "1"

    def read(self) -> None:
        read = self.client.reference("Patient", self.patient.id).to_resource()
        assert read.get_by_path(["name", 0, "given", 0]) == "Zoé"

    def search(self) -> None:
        found = self.client.resources("Patient").search(family=FAMILY).get()
        assert found.id == self.patient.id
        assert self.client.resources("Patient").search(family=FAMILY).count() == 1

    def page(self) -> None:
        made = {self._create(f"{FAMILY}Page").id for _ in range(COUNT)}
        search = self.client.resources("Patient").search(family=f"{FAMILY}Page").limit(2)
        ids = [patient.id for patient in search]
        assert len(ids) == COUNT
        assert set(ids) == made

    def update(self) -> None:
        self.patient.gender = "female"
        self.patient.save()
        assert self.patient.meta.versionId == "2"
        self.patient.refresh()
        assert self.patient.gender == "female"

    def patch(self) -> None:
        patch: Any = [{"op": "replace", "path": "/gender", "value": "other"}]
        patched = self.patching.execute(f"Patient/{self.patient.id}", method="patch", data=patch)
        assert (patched["gender"], patched["meta"]["versionId"]) == ("other", "3")

    def transaction(self) -> None:
        patient = {"resourceType": "Patient", "name": [{"family": f"{FAMILY}Transaction"}]}
        observation = {
            "resourceType": "Observation", "status": "final", "code": {"text": "weight"},
            "subject": {"reference": URN},
        }  # fmt: skip
        entries = [
            {"fullUrl": URN, "resource": patient, "request": {"method": "POST", "url": "Patient"}},
            {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
        ]
        answer = self.client.execute("", data=self._bundle(entries))
        assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]

    def vread(self) -> None:
        first = self.client.execute(f"Patient/{self.patient.id}/_history/1", method="get")
        assert "gender" not in first

    def history(self) -> None:
        history = self.client.execute(f"Patient/{self.patient.id}/_history", method="get")
        assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["3", "2", "1"]

    def delete(self) -> None:
        self.patient.delete()
        refused(ResourceNotFound, lambda: self.client.get("Patient", self.patient.id))

    def refusal(self) -> None:
        refused(ResourceNotFound, lambda: self.client.get("Patient", "no-such-patient"))
        wrong = self.client.resource("Patient", gender="none of the codes")
        outcome = refused(OperationOutcome, wrong.save)
        assert outcome.resource["issue"][0]["expression"] == ["Patient.gender"]

    def merge_patch(self) -> None:
        """A merge patch is refused with a reason: it is no kind of patch that R4 knows."""
        one = self._create(f"{FAMILY}Merge")
        outcome = refused(OperationOutcome, lambda: one.patch(active=True))
        assert outcome.resource["resourceType"] == "OperationOutcome"

    def _create(self, family: str) -> Any:
        return self.client.resource("Patient", name=[{"family": family}]).save()

    def _bundle(self, entries: list[dict[str, Any]]) -> Any:
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def refused(error: type[Exception], call: Callable[[], Any]) -> Any:
    """Return the error of that class that a call ends with."""
    try:
        call()
    except error as refusal:
        return refusal
    raise AssertionError("the call was not refused")


def steps(base: str) -> Steps:
    person = Person(base)
    return {
        "capability": person.capability, "create": person.create, "read": person.read,
        "search": person.search, "page": person.page, "update": person.update, "patch": person.patch,
        "transaction": person.transaction, "vread": person.vread, "history": person.history,
        "delete": person.delete, "refusal": person.refusal, "merge patch refused": person.merge_patch,
    }  # fmt: skip


if __name__ == "__main__":
    run(steps)
