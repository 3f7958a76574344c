"""`$proof`: whoever may read a line of the log can show that it is there, and learns nothing more."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance.verify.__main__ import main
from fhir_server.access.checkpoint_key import public_pem
from fhir_server.model.clock import SystemClock
from fhir_server.store.checkpoint_files import CheckpointFiles
from fhir_server.store.sequencer import Sequencer
from tests.governed import OTHER_DOCTOR, Governed
from tests.http.calls import new_id, observation, situation

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def person(governed: Governed) -> str:
    """A person whose record a doctor of the care team has looked at."""
    id = new_id()
    governed.enrol(id)
    governed.authorise(id)
    governed.plant(observation(f"Patient/{id}", f"o-{id}"))
    assert governed.doctor().get(f"/Observation/o-{id}").status_code == 200
    return id


def event_of(governed: Governed, person: str, interaction: str = "read") -> str:
    return str(next(one["_id"] for one in governed.journal(person) if one["interaction"] == interaction))


def sequence(governed: Governed, directory: Path) -> None:
    Sequencer(governed.store.ledger, KEY, CheckpointFiles(directory), print).run(SystemClock().now())


def parts(answer: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in answer.get_json()["parameter"]:
        found.setdefault(part["name"], []).append(next(part[key] for key in part if key != "name"))
    return found


def test_the_person_can_prove_a_line_to_somebody_else(
    governed: Governed, person: str, tmp_path: Path
) -> None:
    event = event_of(governed, person)
    copies = tmp_path / "copies"
    sequence(governed, copies)
    answer = governed.person(person).get(f"/AuditEvent/{event}/$proof")
    assert answer.status_code == 200, answer.text
    entry = json.loads(b64decode(parts(answer)["entry"][0]))
    assert (entry["_id"], entry["owner"]) == (f"s:{event}", f"s:{person}")
    (tmp_path / "proof.json").write_text(answer.text)
    (tmp_path / "public.pem").write_text(public_pem(KEY.public_key()))
    # The verifier takes the whole chain: this log is shared, its checkpoints come from the database.
    notes = [{"number": one["_id"], "note": one["note"]} for one in governed.store.ledger.documents()]
    chain = tmp_path / "chain.ndjson"
    chain.write_text("".join(json.dumps(note) + "\n" for note in notes))
    options = ["--key", str(tmp_path / "public.pem"), "--checkpoints", str(chain)]
    assert main([*options, "--proof", str(tmp_path / "proof.json")]) == 0


def test_an_entry_of_the_last_seconds_is_not_proven_yet(governed: Governed, person: str) -> None:
    answer = governed.person(person).get(f"/AuditEvent/{event_of(governed, person)}/$proof")
    assert answer.status_code == 409
    assert situation(answer) == "unproven"


def test_an_entry_that_was_altered_is_not_proven(governed: Governed, person: str, tmp_path: Path) -> None:
    event = event_of(governed, person)
    sequence(governed, tmp_path)
    log = governed.store.catalogue.service("audit")
    log.update_one({"_id": event}, {"$set": {"status": 404}})
    answer = governed.person(person).get(f"/AuditEvent/{event}/$proof")
    log.update_one({"_id": event}, {"$set": {"status": 200}})
    assert answer.status_code == 409
    assert "verified" in answer.get_json()["issue"][0]["diagnostics"]


def test_whoever_may_not_read_a_line_has_no_proof_of_it(
    governed: Governed, person: str, tmp_path: Path
) -> None:
    event = event_of(governed, person)
    sequence(governed, tmp_path)
    stranger = new_id()
    governed.enrol(stranger)
    for speaker in (governed.person(stranger), governed.doctor(OTHER_DOCTOR), governed.as_("payer")):
        hidden, absent = (
            speaker.get(f"/AuditEvent/{id}/$proof") for id in (event, "01900000-0000-7000-8000-000000000000")
        )
        assert hidden.status_code == absent.status_code == 404
        assert hidden.data == absent.data


def test_a_professional_has_the_proof_of_an_own_act_without_what_only_the_person_is_told(
    governed: Governed, person: str, tmp_path: Path
) -> None:
    event = event_of(governed, person)
    sequence(governed, tmp_path)
    seen = governed.doctor().get(f"/AuditEvent/{event}")
    answer = governed.doctor().get(f"/AuditEvent/{event}/$proof")
    assert answer.status_code == seen.status_code
    if answer.status_code == 200:
        assert "entry" not in parts(answer)


def test_an_auditor_has_the_whole_entry(governed: Governed, person: str, tmp_path: Path) -> None:
    event = event_of(governed, person)
    sequence(governed, tmp_path)
    answer = governed.as_("auditor").get(f"/AuditEvent/{event}/$proof")
    assert answer.status_code == 200, answer.text
    assert json.loads(b64decode(parts(answer)["entry"][0]))["status"] == "i:200"


def test_only_an_audit_event_has_a_proof(governed: Governed, person: str) -> None:
    answer = governed.person(person).get(f"/Observation/o-{person}/$proof")
    assert answer.status_code == 404
