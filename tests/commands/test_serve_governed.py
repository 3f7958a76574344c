"""A governed server as a user starts it: what it refuses, and that all its workers honour a choice at once."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fhir_server.access.choices import changed, no_choices, read_choices, with_block, without_block
from fhir_server.access.policy_file import load_policy
from fhir_server.cli import main
from fhir_server.model.unit_of_work import UnitOfWork
from fhir_server.model.view import View
from fhir_server.store.open import Store, open_store
from tests.running import Running

OPERATOR = ("--role", "operator", "--identity", "urn:op|1", "--purpose", "HSYSADMIN")
HOSPITAL = "urn:oid:1.2.250.1.71.4.2.2|750000001"
ESTABLISHMENT = ("--role", "establishment", "--identity", HOSPITAL, "--structure", HOSPITAL)
RPPS = "urn:oid:1.2.250.1.71.4.2.1"
DOCTOR = ("--role", "professional", "--identity", f"{RPPS}|899700000001", "--profession", "doctor")
TOKEN_ID = "01a20174-2ead-74b5-ace3-4e2f7d15ad2b"
WORKERS = 2
ROUNDS, CALLS = 10, 6


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, [*arguments], env=environment)


@pytest.mark.parametrize(("arguments", "environment", "says"), [
    pytest.param((), {}, "FHIR_POLICY", id="no-policy"),
    pytest.param(("--host", "0.0.0.0"), {"FHIR_POLICY": "fr"}, "FHIR_DEVELOPMENT_TOKENS", id="development-tokens-abroad"),
    pytest.param((), {"FHIR_POLICY": "fr", "FHIR_PRODUCTION": "on"}, "FHIR_PRODUCTION", id="production"),
    pytest.param(("--open",), {"FHIR_PRODUCTION": "on"}, "FHIR_PRODUCTION", id="open-in-production"),
])  # fmt: skip
def test_a_server_that_would_not_be_safe_does_not_start(
    arguments: tuple[str, ...], environment: dict[str, str], says: str
) -> None:
    result = run("serve", "--port", "0", *arguments, **environment)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(("arguments", "says"), [
    pytest.param((), "--role is missing", id="no-role"),
    pytest.param(("--role", "person"), "--patient is missing", id="no-person"),
    pytest.param(("--role", "professional"), "--identity is missing", id="nobody"),
    pytest.param(("--role", "person", "--patient", "p1", "--for", "2h"), "no time between", id="too-long"),
    pytest.param(("--role", "person", "--patient", "p1", "--for", "soon"), "no time between", id="no-time"),
])  # fmt: skip
def test_a_token_that_says_too_little_is_not_made(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = run("token", "--data-dir", str(tmp_path), *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(("arguments", "says"), [
    pytest.param(("--role", "docter", "--identity", "urn:x|1"), "--role docter: the policy fr has app, ", id="role"),
    pytest.param((*DOCTOR[:-1], "docter"), "--profession docter: the policy fr has dentist, ", id="profession"),
    pytest.param((*DOCTOR, "--purpose", "treat"), "--purpose treat: the policy fr has ", id="purpose"),
])  # fmt: skip
def test_a_token_that_the_policy_would_not_understand_is_not_made(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = run("token", "--data-dir", str(tmp_path), *arguments, FHIR_POLICY="fr")
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "token.key").exists()
    assert run("token", "--data-dir", str(tmp_path), *arguments).exit_code == 0


def test_no_token_is_made_in_production(tmp_path: Path) -> None:
    arguments = ("token", "--role", "person", "--patient", "p1", "--data-dir", str(tmp_path))
    assert run(*arguments, FHIR_PRODUCTION="on").exit_code == 2
    assert not (tmp_path / "token.key").exists()


def test_revoking_needs_a_database_and_an_id() -> None:
    assert "FHIR_MONGODB_URI" in run("token", "revoke", TOKEN_ID).stderr
    for wrong in ("a b", "t-1", TOKEN_ID[:-1], f"{TOKEN_ID}0"):
        result = run("token", "revoke", wrong, FHIR_MONGODB_URI="mongodb://127.0.0.1:1/?replicaSet=none")
        assert (result.exit_code, "no id of a token" in result.stderr) == (2, True)


class Server:
    """A running governed server and its data directory."""

    def __init__(self, running: Running, data_dir: Path, store: Store) -> None:
        self.running = running
        self.data_dir = data_dir
        self.store = store
        self.policy = load_policy("fr")

    def token(self, *arguments: str) -> dict[str, Any]:
        made = run(
            "token", "--json", "--data-dir", str(self.data_dir), "--base", self.running.url, *arguments
        )
        assert made.exit_code == 0, made.stderr
        return dict(json.loads(made.stdout))

    def send(self, token: str, method: str, path: str, resource: Any = None) -> tuple[int, Any]:
        """Send over a connection of its own, which either worker may take."""
        data = None if resource is None else json.dumps(resource).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        request = urllib.request.Request(self.running.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def block(self, owner: str, party: str, on: bool) -> None:
        found = self.store.choices.of(owner)
        before = no_choices(owner) if found is None else read_choices(found)
        make = with_block if on else without_block
        after = make(self.policy, before, party, datetime.now(UTC))
        self.store.records.commit(UnitOfWork(View.unrestricted("test"), choices=changed(before, after)))


def test_every_worker_honours_a_choice_and_a_revocation(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fhir_server", "serve", "--json", "--port", "0", "--quiet"]
    command += ["--workers", str(WORKERS), "--data-dir", str(tmp_path / "data")]
    with Running(environment={"FHIR_POLICY": "fr"}, command=command) as running:
        store = open_store(running.ready["mongodb_uri"], "fhir")
        try:
            server = Server(running, tmp_path / "data", store)
            _hides(server)
            _honours(server)
        finally:
            store.close()


def _hides(server: Server) -> None:
    """What the person hides is absent, and what it shows is there, in the next request on every worker."""
    operator = server.token(*OPERATOR)["token"]
    status, enrolled = server.send(operator, "POST", "/Patient", {"resourceType": "Patient"})
    assert status == 201, enrolled
    id = enrolled["id"]
    person = server.token("--role", "person", "--patient", id)["token"]
    doctor = server.token(*DOCTOR)["token"]
    party = {"name": "actor", "valueReference": {"identifier": {"system": RPPS, "value": "899700000001"}}}
    relation = {"name": "relation", "valueCode": "care-team"}
    given = {"resourceType": "Parameters", "parameter": [party, relation]}
    assert server.send(person, "POST", f"/Patient/{id}/$authorise", given)[0] == 200
    item = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    status, made = server.send(
        person, "POST", "/Observation", {**item, "subject": {"reference": f"Patient/{id}"}}
    )
    assert status == 201, made
    nothing = {"resourceType": "Parameters"}
    for _ in range(ROUNDS):
        for operation, expected in (("$hide", 404), ("$show", 200)):
            path = f"/Observation/{made['id']}"
            assert server.send(person, "POST", f"{path}/{operation}", nothing)[0] == 200
            assert [server.send(doctor, "GET", path)[0] for _ in range(CALLS)] == [expected] * CALLS


def _honours(server: Server) -> None:
    status, enrolled = server.send(
        server.token(*OPERATOR)["token"], "POST", "/Patient", {"resourceType": "Patient"}
    )
    assert status == 201, enrolled
    id = enrolled["id"]
    hospital = server.token(*ESTABLISHMENT)
    for _ in range(ROUNDS):
        for blocked, expected in ((False, 200), (True, 403)):
            server.block(id, HOSPITAL, blocked)
            found = [server.send(hospital["token"], "GET", f"/Patient/{id}")[0] for _ in range(CALLS)]
            assert found == [expected] * CALLS
    server.block(id, HOSPITAL, on=False)
    uri = {"FHIR_MONGODB_URI": str(server.running.ready["mongodb_uri"])}
    revoked = run("token", "revoke", hospital["id"], "--json", **uri)
    assert revoked.exit_code == 0, revoked.stderr
    deadline = datetime.now(UTC).timestamp() + 1.0
    while datetime.now(UTC).timestamp() < deadline:
        server.send(hospital["token"], "GET", f"/Patient/{id}")
    found = [server.send(hospital["token"], "GET", f"/Patient/{id}")[0] for _ in range(CALLS)]
    assert found == [401] * CALLS
