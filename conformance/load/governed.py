"""What access control costs: a governed server beside the open one, over the same documents.

Both are ours, with the same process model and the same database.  Each person whose record is read has let
one physician consult it; every request of the governed side carries the physician's token.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.load.options import Options
from conformance.load.processes import ServerProcess, free_port
from conformance.load.seed import Seed
from conformance.load.target import LoadRefused, Target
from conformance.load.workload import Workload

NAME = "governed"
READY_PATH = "/metadata"
POLICY = "fr"
RELATION = "care-team"
SYSTEM, VALUE = "urn:example:physician", "1"
PHYSICIAN = (
    "--role", "professional", "--profession", "doctor", "--name", "Dr Load",
    "--identity", f"{SYSTEM}|{VALUE}", "--structure", "urn:example:structure|1",
)  # fmt: skip
ANSWER_S = 60.0
COMMAND_S = 600.0

P99_AT_MOST = 2.0
TARGETS: Mapping[str, Mapping[int, float]] = {"read": {8: 0.60, 32: 0.50}, "page": {8: 0.65, 32: 0.65}}
"""By workload and connections: the least share of the open server's rate that is good enough."""


def governed_workloads(table: Mapping[str, Workload]) -> tuple[Workload, ...]:
    """Return the workloads that are compared, each number of connections with its own target."""
    return tuple(
        replace(table[name], connections=(connections,), ratio_target=share, p99_target=P99_AT_MOST)
        for name, by_connections in TARGETS.items()
        for connections, share in by_connections.items()
    )


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes development tokens with the server's own command."""

    command: str
    data_dir: Path
    base: str

    def of(self, *actor: str) -> str:
        """Return a token good for an hour; `actor` are options of `token`.  Raises LoadRefused."""
        directory = ("--data-dir", str(self.data_dir))
        return _run([self.command, "token", *actor, "--for", "1h", "--base", self.base, *directory], {})


@contextmanager
def governed(
    options: Options, uri: str, seed: Seed, directory: Path
) -> Iterator[tuple[Target, ServerProcess]]:
    """Give a governed server over the documents of the open one, its physician let in everywhere.

    Raises LoadRefused.
    """
    target = Target(NAME, "127.0.0.1", free_port(), "/fhir")
    data_dir = directory / NAME
    data_dir.mkdir(mode=0o700)
    command = [
        options.serve_command[0], "serve", "--data-dir", str(data_dir),
        "--host", target.host, "--port", str(target.port),
        "--workers", str(options.model.workers), "--threads", str(options.model.threads),
    ]  # fmt: skip
    environment = {
        "FHIR_MONGODB_URI": uri, "FHIR_DATABASE": options.database, "FHIR_POLICY": POLICY,
        "FHIR_CROSS_PERSON_TYPES": "*",
    }  # fmt: skip
    # What the open server wrote has no classes of the policy yet.
    _run([options.serve_command[0], "reindex"], {**environment, "FHIR_DATA_DIR": str(data_dir)})
    with ServerProcess(command, directory / f"{NAME}.log", environment) as process:
        process.wait_until_ready(target, READY_PATH)
        tokens = Tokens(options.serve_command[0], data_dir, target.url)
        for person in _persons(seed):
            _let_in(target, person, tokens.of("--role", "person", "--patient", person))
        yield replace(target, token=tokens.of(*PHYSICIAN)), process


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    """Return what a command of the server printed; `environment` is added to that of this process."""
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=COMMAND_S, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    if ran.returncode != 0:
        raise LoadRefused(f"`{command[1]}` ended with {ran.returncode}: {ran.stderr.strip()[-500:]}")
    return ran.stdout.strip()


def _persons(seed: Seed) -> list[str]:
    return sorted({id for planted in seed.planted for kind, id in planted.places if kind == "Patient"})


def _let_in(target: Target, person: str, token: str) -> None:
    """Let the physician consult a record, in the name of its person."""
    party = {"name": "identifier", "valueIdentifier": {"system": SYSTEM, "value": VALUE}}
    given = {
        "resourceType": "Parameters",
        "parameter": [party, {"name": "relation", "valueCode": RELATION}],
    }
    status, answer = _post(target, f"/Patient/{person}/$authorise", given, token)
    if status != http.client.OK:
        raise LoadRefused(f"{target.url} did not let the physician in, with {status}: {answer[:300]!r}")


def _post(target: Target, path: str, body: Mapping[str, Any], token: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(target.host, target.port, timeout=ANSWER_S)
    headers = {"Content-Type": "application/fhir+json", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", target.path + path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
