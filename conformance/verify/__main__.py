"""`python -m conformance.verify`: the command line.

Exit codes: 0 everything agrees, 1 something does not, 2 the command line is wrong or a file cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conformance.verify.log import (
    Note,
    NotVerified,
    leaf_hash,
    named,
    read_json,
    read_key,
    read_notes,
    readable,
    root_by_path,
    roots,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what is given, print what does not agree, and return the exit code."""
    parser = argparse.ArgumentParser("conformance.verify", description="Verify an exported access log.")
    parser.add_argument("--key", type=Path, required=True, help="public key (PEM), got from elsewhere")
    parser.add_argument("--checkpoints", type=Path, required=True, help="file or folder of checkpoints")
    parser.add_argument("--entries", type=Path, help="file of `fhir-server audit export`")
    parser.add_argument("--proof", type=Path, help="answer of AuditEvent/[id]/$proof")
    chosen = parser.parse_args(arguments)
    try:
        notes = read_notes(chosen.checkpoints, read_key(chosen.key))
        faults = list(_entries(chosen.entries, notes)) if chosen.entries else []
        if chosen.proof:
            with readable("the proof is not of the form that the documentation defines"):
                _proof(read_json(chosen.proof.read_text("utf-8")), notes)
        if not notes and not faults:
            raise NotVerified("there is no checkpoint: nothing was verified")
    except NotVerified as reason:
        faults = [str(reason)]
    except (OSError, ValueError) as reason:
        print(reason, file=sys.stderr)
        return 2
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{len(notes)} checkpoints agree, {notes[-1].size if notes else 0} entries.")
    return 1 if faults else 0


def _entries(file: Path, notes: Sequence[Note]) -> Iterator[str]:
    """Yield what does not agree between exported entries and checkpoints."""
    leaves: list[bytes] = []
    seen: set[tuple[Any, Any]] = set()
    last = notes[-1].size if notes else 0
    for place, text in enumerate(file.read_text("utf-8").split("\n"), 1):
        if not text:
            continue
        try:
            with readable(f"line {place} of the entries is not of the form that the documentation defines"):
                yield from _line(read_json(text), leaves, seen)
        except NotVerified as reason:
            yield str(reason)
    for note, root in zip(notes, roots(leaves, [note.size for note in notes])):
        if root != note.root:
            yield f"the entries up to {note.size} do not give the root of checkpoint {note.batch}"
            return  # each later root is over the same entries
    if len(leaves) < last:
        yield f"{last - len(leaves)} entries are missing at the end"


def _line(line: Any, leaves: list[bytes], seen: set[tuple[Any, Any]]) -> Sequence[str]:
    """Return what does not agree of one exported line; its leaf and its number join those before."""
    faults: list[str] = []
    place = (line["worker"], line["number"])
    if "index" in line:
        leaf, entry = base64.b64decode(line["leaf"], validate=True), line["entry"]
        leaves.append(leaf)
        if line["index"] != len(leaves) - 1:
            faults.append("is not at its place in the tree")
        if entry is None:
            faults.append("is gone")
        elif leaf_hash(entry) != leaf:
            faults.append("was altered")
        elif _number(entry) != place:
            faults.append("has another number than its place")
    if place in seen:
        faults.append("has a number that another one has")
    seen.add(place)
    return [f"{named(line)} {fault}" for fault in faults]


def _number(entry: Any) -> tuple[Any, Any]:
    worker, number = str(entry.get("worker")), str(entry.get("n"))
    return worker.removeprefix("s:"), int(number.removeprefix("l:"))


def _proof(answer: Any, notes: Sequence[Note]) -> None:
    """Raise NotVerified unless the proof leads from its entry to a checkpoint that is known."""
    given: dict[str, list[Any]] = {}
    for part in answer["parameter"]:
        value = next(value for name, value in part.items() if name.startswith("value"))
        given.setdefault(part["name"], []).append(value)
    leaf = base64.b64decode(given["leaf"][0])
    if "entry" in given and leaf_hash(json.loads(base64.b64decode(given["entry"][0]))) != leaf:
        raise NotVerified("the entry of the proof is not what its leaf is of")
    text = given["checkpoint"][0].partition("\n\n")[0] + "\n"
    note = next((note for note in notes if note.text == text), None)
    if note is None:
        raise NotVerified("the proof names a checkpoint that is not among those given")
    path = [base64.b64decode(step) for step in given.get("path", ())]
    if root_by_path(leaf, given["index"][0], note.size, path) != note.root:
        raise NotVerified("the path of the proof does not lead to the root of its checkpoint")


if __name__ == "__main__":
    sys.exit(main())
