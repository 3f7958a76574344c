"""Nobody deletes a Patient where access is governed: a record ends in another way."""

from __future__ import annotations

import pytest

from tests.governed import Governed
from tests.http.calls import bundle, entry, new_id


@pytest.mark.parametrize("role", ["operator", "person", "professional"])
def test_a_patient_is_not_deleted(governed: Governed, role: str) -> None:
    owner = new_id()
    governed.enrol(owner)
    governed.authorise(owner)
    purpose = "HSYSADMIN" if role == "operator" else "TREAT"
    speaker = {
        "operator": lambda: governed.as_("operator", "urn:test|operator", purpose=purpose),
        "person": lambda: governed.person(owner),
        "professional": governed.doctor,
    }[role]()
    assert speaker.send("DELETE", f"/Patient/{owner}").status_code in (403, 404)
    transaction = bundle("transaction", entry("DELETE", f"Patient/{owner}"))
    assert speaker.post("", transaction).status_code in (403, 404)
    assert governed.person(owner).get(f"/Patient/{owner}").status_code == 200
