"""What the keys and the sealed database are like, and how reports are shown."""

from __future__ import annotations

import json
from typing import Any

import click

from fhir_server.commands.sealing.session import Session
from fhir_server.store.sealing.opening import database_in_vault
from fhir_server.store.sealing.resealing import Resealing
from fhir_server.store.sealing.rewrapping import uses


def state_of(session: Session) -> dict[str, Any]:
    """Return the state of the vault and of the database.  Looks at every person and every collection."""
    keyring = session.sealing.keyring
    destroyed = list(keyring.vault.destroyed())
    masters = uses(keyring)
    passes = Resealing(
        session.store.catalogue, session.store.blobs, session.sealing, session.stopped, lambda _name, _n: None
    )
    return {
        "vault": keyring.vault.id,
        "master": keyring.masters.current,
        "persons_by_master": dict(sorted(masters.items())),
        "destroyed": len(destroyed),
        "destroyed_not_erased": sum(record.erased is None for record in destroyed),
        "unsealed": passes.unsealed(),
        "complete": database_in_vault(session.store.catalogue) in keyring.vault.facts("complete"),
    }


def show_state(state: dict[str, Any], as_json: bool) -> None:
    """Print the state, as text or as one JSON object."""
    if as_json:
        click.echo(json.dumps(state))
        return
    click.echo(f"Vault {state['vault']}, master key {state['master']}")
    for master, persons in state["persons_by_master"].items():
        needed = "" if persons or master == state["master"] else ", not needed any more"
        click.echo(f"  under master key {master}: keys of {persons} persons{needed}")
    click.echo(f"  destroyed: {state['destroyed']}, of which not erased yet: {state['destroyed_not_erased']}")
    for name, count in state["unsealed"].items():
        click.echo(f"  not sealed: {count} in {name}")
    if state["complete"]:
        click.echo("Everything is sealed; what is not is not read any more.")
    else:
        click.echo("`fhir-server keys seal` seals what is from before, and marks the database as sealed.")


def show(report: dict[str, Any], text: str, as_json: bool) -> None:
    """Print what a command did, as text or as one JSON object."""
    click.echo(json.dumps(report) if as_json else text)
