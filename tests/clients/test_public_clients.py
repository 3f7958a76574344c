"""Public FHIR clients, unmodified, against a running server: `make clients` installs and runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-clients" / "bin" / "python"
NODE_MODULES = HERE / "node" / "node_modules"
TIMEOUT_S = 180

STEPS = (
    "capability", "create", "read", "search", "page", "update", "patch", "transaction", "vread", "history",
    "delete", "refusal",
)  # fmt: skip

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not os.environ.get("RUN_CLIENTS"), reason="only `make clients` runs public clients"),
]


@dataclass(frozen=True)
class Client:
    """A client: its program, what it does not offer at all, and what only it does."""

    name: str
    program: Path
    lacks: frozenset[str] = frozenset()
    more: tuple[str, ...] = field(default=())

    @property
    def steps(self) -> tuple[str, ...]:
        return (*STEPS, *self.more)


CLIENTS = (
    Client("fhirclient (PyPI)", HERE / "python" / "run_fhirclient.py", lacks=frozenset({"patch"})),
    Client("fhirpy (PyPI)", HERE / "python" / "run_fhirpy.py", more=("merge patch refused",)),
    Client("fhir-kit-client (npm)", HERE / "node" / "run_fhir_kit_client.js"),
    Client("fhirclient (npm)", HERE / "node" / "run_fhirclient.js"),
)

Outcomes = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def outcomes_of(server: Running) -> Callable[[Client], Outcomes]:
    """Run a client once and return its outcomes by step; skips where what it runs on is absent."""

    @cache
    def outcomes(client: Client) -> Outcomes:
        run = subprocess.run(
            [command_for(client.program), client.program, server.url],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        return {outcome["step"]: outcome for outcome in map(json.loads, run.stdout.splitlines())}

    return outcomes


def command_for(program: Path) -> str:
    """Return what runs a program, or skip where it is absent."""
    if program.suffix == ".py":
        if not PYTHON.exists():
            pytest.skip(".venv-clients is absent: `make clients` makes it")
        return str(PYTHON)
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is absent: the npm clients were not run")
    if not NODE_MODULES.is_dir():
        pytest.skip("tests/clients/node/node_modules is absent: `make clients` makes it")
    return node


@pytest.mark.parametrize(("client", "step"), [
    pytest.param(client, step, id=f"{client.name}-{step}") for client in CLIENTS for step in client.steps
])  # fmt: skip
def test_a_public_client_finds_what_it_expects(
    client: Client,
    step: str,
    outcomes_of: Callable[[Client], Outcomes],
    table: dict[tuple[str, str], str],
) -> None:
    if step in client.lacks:
        table[client.name, step] = "not offered"
        return
    outcome = outcomes_of(client)[step]
    table[client.name, step] = "ok" if outcome["ok"] else "FAILED"
    assert outcome["ok"], outcome["detail"]
