"""`fhir-server audit`: proof that the access log is what it was: verification, checkpoints, export, key."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from fhir_server.access.checkpoint_key import public_pem, read_signing_key
from fhir_server.access.checkpoints import IllegalCheckpoint, read_note
from fhir_server.access.merkle import Edge, consistency_proof
from fhir_server.commands.auditing.exported import exported_lines
from fhir_server.commands.auditing.session import open_session, refuse, settings_of
from fhir_server.commands.auditing.told import lines_of, tree_of
from fhir_server.commands.serving.sequencing import key_path
from fhir_server.model.clock import SystemClock
from fhir_server.store.audit_check import Check, Period
from fhir_server.store.batch_documents import IllegalBatch, read_batch
from fhir_server.store.ledger import MongoLedger

EXIT_FOUND = 1
Command = TypeVar("Command", bound=Callable[..., Any])

HELP = """Prove that the access log is what it was when it was written.

All of it works beside a running server. With an embedded MongoDB, either stop the server, or set
FHIR_MONGODB_URI to the address that `serve` prints. docs/audit-proof.md says what is found and what not.

\b
Example:
  fhir-server audit verify
"""

VERIFY_HELP = """Compare entries with their batches, batches with their checkpoints, these with their copies.

Whatever was edited, deleted, inserted or swapped before the last checkpoint is named. --from and --to bound
the entries that are looked at; the chain of checkpoints is verified whole.

\b
Example:
  fhir-server audit verify --copies /mnt/witness --key audit-public.pem --from 2026-11-01

\b
Exit codes:
  0  nothing was found
  1  something was found
  2  not possible: no database, no key, wrong option
"""

CHECKPOINTS_HELP = """Print the signed checkpoints of the database, for whoever keeps or witnesses them.

With --prove N: print the proof that the log of the last checkpoint begins with that of batch N.

\b
Example:
  fhir-server audit checkpoints --after 1200 --json >> checkpoints.ndjson

\b
Exit codes:
  0  printed
  2  not possible: no database, no such batch, a batch is damaged
"""

EXPORT_HELP = """Write the entries in the order of the tree, for a verifier that is not this server.

The lines hold what the log holds: who looked at whose record. `python -m conformance.verify` reads them.

\b
Example:
  fhir-server audit export entries.ndjson

\b
Exit codes:
  0  written
  2  not possible: no database, a file that cannot be written, a damaged batch
"""

KEY_HELP = """Print the public key of the checkpoints, which those who verify must have got beforehand.

\b
Example:
  fhir-server audit key > audit-public.pem

\b
Exit codes:
  0  printed
  2  not possible: there is no key, or it cannot be used
"""

INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
FOLDER = click.Path(path_type=Path, file_okay=False)


def common(command: Command) -> Command:
    """Give a command the options that all of them have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text."),
        click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings."),
    ):
        command = option(command)
    return command


@click.group(help=HELP)
def audit() -> None:
    """Run one of the commands."""


@audit.command(help=VERIFY_HELP)
@click.option("--from", "since", type=INSTANT, help="Entries of this day (UTC) or instant and later.")
@click.option("--to", "before", type=INSTANT, help="Entries before this day (UTC) or instant.")
@click.option("--copies", type=FOLDER, help="The second place of checkpoints, instead of FHIR_AUDIT_EXPORT.")
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path),
    help="A public key that may have signed (PEM); may be repeated. Unset: the server's own.",
)  # fmt: skip
@common
def verify(
    since: datetime | None, before: datetime | None, copies: Path | None, keys: tuple[Path, ...],
    config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Verify, and turn what was found into an exit code."""
    now = SystemClock().now()
    with open_session(config) as session:
        notes = session.copies(copies)
        period = Period(_utc(since), _utc(before))
        report = Check(session.ledger, session.keys(keys), notes, now, period).run()
    if as_json:
        click.echo(json.dumps(tree_of(report, has_copies=notes is not None, now=now)))
    else:
        click.echo("\n".join(lines_of(report, has_copies=notes is not None, now=now)))
    sys.exit(EXIT_FOUND if report.findings else 0)


@audit.command(help=CHECKPOINTS_HELP)
@click.option("--after", default=0, type=click.IntRange(0), help="Only those after this batch.")
@click.option("--prove", type=click.IntRange(1), help="The proof of growth since this batch instead.")
@common
def checkpoints(after: int, prove: int | None, config: Path | None, as_json: bool) -> None:
    """Print notes, or one proof."""
    with open_session(config) as session:
        if prove is not None:
            click.echo(json.dumps(_proof_of_growth(session.ledger, prove)))
            return
        for document in session.ledger.documents(after + 1, ("note",)):
            number, note = document["_id"], document.get("note")
            click.echo(json.dumps({"number": number, "note": note}) if as_json else f"{note}")


@audit.command(help=EXPORT_HELP)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@common
def export(file: Path, config: Path | None, as_json: bool) -> None:
    """Write the lines, readable by this user alone."""
    count = 0
    with open_session(config) as session:
        file.touch(mode=0o600)
        with file.open("w", encoding="utf-8") as lines:
            try:
                for line in exported_lines(session.ledger):
                    lines.write(line)
                    count += 1
            except IllegalBatch as reason:
                refuse(f"A batch is damaged ({reason}): see `fhir-server audit verify`.")
    click.echo(json.dumps({"entries": count, "file": str(file)}) if as_json else f"{count} entries in {file}")


@audit.command(help=KEY_HELP)
@common
def key(config: Path | None, as_json: bool) -> None:
    """Print the public key."""
    with settings_of(config) as settings:
        path = key_path(settings)
        pem = public_pem(read_signing_key(path).public_key())
    click.echo(json.dumps({"public_key": pem, "file": str(path)}) if as_json else pem, nl=as_json)


def _proof_of_growth(ledger: MongoLedger, number: int) -> dict[str, Any]:
    try:
        batches = [read_batch(document) for document in ledger.documents(number)]
        if not batches or batches[0].number != number:
            refuse(f"There is no batch {number}.")
        leaves = [leaf for batch in batches[1:] for leaf in batch.hashes()]
        old, new = (read_note(batch.note)[0].size for batch in (batches[0], batches[-1]))
        path = consistency_proof(old, new, Edge(batches[0].frontier, leaves).subtree)
    except (IllegalBatch, IllegalCheckpoint, KeyError, IndexError):
        refuse("A batch is damaged: see `fhir-server audit verify`.")
    return {
        "old": {"size": old, "note": batches[0].note},
        "new": {"size": new, "note": batches[-1].note},
        "path": [b64encode(step).decode("ascii") for step in path],
    }


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)
