"""An emergency access that the person opposed is told as what it was."""

from __future__ import annotations

import pytest

from tests.governed import OTHER_DOCTOR, Governed, Speaker
from tests.http.calls import new_id, observation, situation


def emergency(server: Governed, purpose: str) -> Speaker:
    if purpose == "BTG":
        return server.doctor(OTHER_DOCTOR, purpose=purpose, reason="unconscious")
    return server.doctor(OTHER_DOCTOR, purpose=purpose, situation="regulation")


@pytest.mark.parametrize(
    ("purpose", "mode"),
    [
        pytest.param("BTG", "break-glass", id="break-glass"),
        pytest.param("ETREAT", "regulation", id="regulation"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_an_opposed_emergency_is_refused_and_logged_in_its_mode(
    governed: Governed, purpose: str, mode: str, named: bool
) -> None:
    owner = new_id()
    governed.enrol(owner)
    governed.plant(observation(f"Patient/{owner}", f"o-{owner}"))
    governed.switch(owner, mode, on=False)
    url = f"/Observation?patient={owner}" if named else f"/Observation/o-{owner}"
    answer = emergency(governed, purpose).get(url)
    assert (answer.status_code, situation(answer)) == ((403, "refused") if named else (404, "not-found"))
    (line,) = governed.journal(owner)
    assert (line["mode"], line["purpose"]) == (mode, purpose)
    told = governed.store.catalogue.service("outbox").find({"owner": owner})
    assert [one["kind"] for one in told] == ["attempt"]
