"""The access log as lines for those who verify it with tools of their own.

One JSON object for each leaf of the tree, in its order: `{"index", "batch", "worker", "number", "leaf",
"entry"}`, `leaf` in base64, `entry` the canonical form or null where the entry is gone.  Entries in no batch
follow, without index, batch and leaf.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from fhir_server.access.batches import Batch, Span
from fhir_server.store.batch_documents import read_batch
from fhir_server.store.ledger import Logged, MongoLedger


def exported_lines(ledger: MongoLedger) -> Iterator[str]:
    """Yield the lines.  Raises IllegalBatch for a batch that cannot be read."""
    covered: dict[str, list[Span]] = defaultdict(list)
    for document in ledger.documents():
        batch = read_batch(document)
        yield from _batch_lines(ledger, batch)
        for span in batch.spans:
            covered[span.worker].append(span)
    for worker in sorted(ledger.tips().keys() | covered.keys()):
        for logged in ledger.outside(worker, covered.get(worker, [])):
            yield _line({"worker": logged.worker, "number": logged.number}, logged)
    for logged in ledger.strays():
        yield _line({"worker": logged.worker, "number": logged.number}, logged)


def _batch_lines(ledger: MongoLedger, batch: Batch) -> Iterator[str]:
    found: dict[tuple[str | None, int | None], list[Logged]] = defaultdict(list)
    for logged in ledger.within(batch.spans):
        found[logged.worker, logged.number].append(logged)
    index, hashes = batch.first_index, iter(batch.hashes())
    for span in batch.spans:
        for number in range(span.first, span.last + 1):
            leaf = next(hashes)
            entries = found[span.worker, number]
            right = next((logged for logged in entries if logged.leaf == leaf), None)
            place = {"index": index, "batch": batch.number, "worker": span.worker, "number": number,
                     "leaf": b64encode(leaf).decode("ascii")}  # fmt: skip
            yield _line(place, right or (entries[0] if entries else None))
            others = [logged for logged in entries if logged is not (right or entries[0])]
            yield from (_line({"worker": span.worker, "number": number}, logged) for logged in others)
            index += 1


def _line(place: dict[str, Any], logged: Logged | None) -> str:
    entry = "null" if logged is None else logged.canonical.decode()
    return f'{json.dumps(place)[:-1]}, "entry": {entry}}}\n'
