"""`fhir-server keys`: the keys that seal records: their state, sealing, rotation, destruction."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fhir_server.commands.sealing.report import show, show_state, state_of
from fhir_server.commands.sealing.session import EXIT_DONE, EXIT_STOPPED, Session, open_session, refuse
from fhir_server.store.sealing.erasing import Erasing
from fhir_server.store.sealing.master import add_master_key
from fhir_server.store.sealing.resealing import Resealing
from fhir_server.store.sealing.rewrapping import rewrap_all

Command = TypeVar("Command", bound=Callable[..., Any])

HELP = """The keys that seal records (FHIR_SEALING): their state, sealing, rotation, destruction.

All of it works beside a running server. With an embedded MongoDB, either stop the server, or set
FHIR_MONGODB_URI to the address that `serve` prints.

\b
Example:
  fhir-server keys status
"""

STATUS_HELP = """Show the vault, the master keys that are needed, and what is not sealed yet.

\b
Example:
  fhir-server keys status --json

\b
Exit codes:
  0  shown
  2  not possible: sealing is off, or vault, master key or database cannot be opened
"""

SEAL_HELP = """Seal all that was stored before sealing was switched on, old versions and attachments too.

Every server on the database has to be one that seals. Once nothing is left, servers that start refuse to read
what is not sealed. What is done is not done again: a run that was stopped is simply repeated.

\b
Example:
  fhir-server keys seal

\b
Exit codes:
  0    everything is sealed
  2    not possible: sealing is off, or vault, master key or database cannot be opened
  130  stopped by Ctrl-C, or others wrote unsealed meanwhile: run it again
"""

ROTATE_HELP = """Wrap the keys of all persons by the newest master key, or give one person a new key.

Without --person: the last line of FHIR_KEY_MASTER_FILE wraps; --generate adds one first. On several machines,
add the line to the file of each of them before. The records are not touched. Once it is done the older lines
can be removed.

With --person: the person gets a new key, everything is sealed with it anew, and the older keys are forgotten.

\b
Example:
  fhir-server keys rotate --generate

\b
Exit codes:
  0    done
  2    not possible: sealing is off, an unknown person, or something cannot be opened
  130  stopped by Ctrl-C: run it again, without --generate
"""

DESTROY_HELP = """Destroy the keys of a person and delete the person's record. Nothing brings it back.

When the command ends no server reads any of it, and what backups of the database have of it cannot be opened,
except with a backup of the vault that is older. PERSON is the id of the Patient.

\b
Example:
  fhir-server keys destroy 0190f1c4-5a6b-7c8d-9e0f-a1b2c3d4e5f6 --yes

\b
Exit codes:
  0  destroyed and deleted
  1  not confirmed
  2  not possible: sealing is off, an unknown person, or something cannot be opened
"""

CONFIRM = "Destroy the keys of this person and delete the record, for good?"
NO_PERSON = "The vault has no keys of a person of that id."


def common(command: Command) -> Command:
    """Give a command the options that all of them have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text."),
        click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings."),
    ):
        command = option(command)
    return command


@click.group(help=HELP)
def keys() -> None:
    """Run one of the commands."""


@keys.command(help=STATUS_HELP)
@common
def status(config: Path | None, as_json: bool) -> None:
    """Show the state."""
    with open_session(config) as session:
        show_state(state_of(session), as_json)


@keys.command(help=SEAL_HELP)
@common
def seal(config: Path | None, as_json: bool) -> None:
    """Seal what is not."""
    counts: Counter[str] = Counter()
    with open_session(config) as session:
        done = _passes(session, counts).seal_all()
        _end(done, {"sealed": dict(sorted(counts.items()))}, f"{counts.total()} sealed", as_json)


@keys.command(help=ROTATE_HELP)
@click.option("--generate", is_flag=True, help="Add a new master key to the file first.")
@click.option("--person", metavar="ID", help="Rotate the key of this person only.")
@common
def rotate(generate: bool, person: str | None, config: Path | None, as_json: bool) -> None:
    """Rotate the master key, or the key of one person."""
    if generate and person is not None:
        raise click.UsageError("--generate makes a master key: it does not go with --person.")
    with open_session(config) as session:
        if person is None:
            _rotate_master(session, generate, as_json)
        else:
            _rotate_person(session, person, as_json)


@keys.command(help=DESTROY_HELP)
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def destroy(person: str, yes: bool, config: Path | None, as_json: bool) -> None:
    """Destroy the keys of a person and delete the record."""
    with open_session(config) as session:
        if session.sealing.keyring.vault.read(person) is None:
            refuse(NO_PERSON)
        if not yes:
            click.confirm(CONFIRM, abort=True)
        session.sealing.keyring.destroy(person)
        deleted = Erasing(session.store.catalogue, session.store.blobs, session.sealing.keyring).erase(person)
        text = f"The keys are destroyed; {deleted} documents were deleted."
        show({"destroyed": True, "deleted": deleted}, text, as_json)


def _rotate_master(session: Session, generate: bool, as_json: bool) -> None:
    keyring = session.sealing.keyring
    if generate:
        add_master_key(keyring.master_file)
    counts: Counter[str] = Counter()
    done = rewrap_all(keyring, session.stopped, lambda count: counts.update({"persons": count}))
    current = keyring.masters.current
    text = f"Master key {current} is in use; the keys of {counts['persons']} persons were wrapped anew"
    _end(done, {"master": current, "rewrapped": counts["persons"]}, text, as_json)


def _rotate_person(session: Session, person: str, as_json: bool) -> None:
    counts: Counter[str] = Counter()
    try:
        session.sealing.keyring.renew(person)
        done = _passes(session, counts).seal_anew(person)
    except KeyError:
        refuse(NO_PERSON)
        return
    _end(done, {"sealed": dict(sorted(counts.items()))}, f"{counts.total()} sealed anew", as_json)


def _passes(session: Session, counts: Counter[str]) -> Resealing:
    def told(name: str, count: int) -> None:
        counts[name] += count

    return Resealing(session.store.catalogue, session.store.blobs, session.sealing, session.stopped, told)


def _end(done: bool, report: dict[str, Any], text: str, as_json: bool) -> None:
    show({"done": done, **report}, f"{text}." if done else f"{text} so far; run it again.", as_json)
    sys.exit(EXIT_DONE if done else EXIT_STOPPED)
