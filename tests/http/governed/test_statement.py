"""What a governed server says of itself to who has no token yet."""

from __future__ import annotations

from tests.governed import Governed
from tests.http.calls import new_id


def test_the_statement_says_that_access_is_governed_and_who_names_resources(governed: Governed) -> None:
    answer = governed.nobody().get("/metadata")
    assert answer.status_code == 200
    (rest,) = answer.get_json()["rest"]
    assert "Bearer" in rest["security"]["description"]
    assert rest["security"]["service"][0]["text"]
    assert {row["updateCreate"] for row in rest["resource"]} == {False}
    id = new_id()
    governed.enrol(f"p-{id}")
    governed.authorise(f"p-{id}")
    named = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}}
    subject = {"subject": {"reference": f"Patient/p-{id}"}}
    assert governed.doctor().put(f"/Observation/{id}", {**named, **subject}).status_code == 405
