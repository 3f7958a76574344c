"""`$proof`: that one entry of the access log is under a signed checkpoint, for whoever may read the entry.

The answer leads from the entry's leaf to the root of a checkpoint; whoever has that checkpoint from elsewhere
needs to trust nobody.  `docs/audit-proof.md` defines the forms.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

from fhir_server.access.batches import NotInBatch, Proof
from fhir_server.access.merkle import leaf_hash
from fhir_server.interactions.audit_log import AUDIT_EVENT
from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Interaction
from fhir_server.interactions.journal_lines import rendering, seen
from fhir_server.interactions.operation_input import PARAMETERS, read_input
from fhir_server.interactions.read import not_found
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.table import INSTANCE
from fhir_server.model import exact_json, own
from fhir_server.model.outcome import refuse
from profiles.definitions import OperationDefinition, OperationParameter

CODE: Final = "proof"

DEFINITION = OperationDefinition(
    url=own.operation(CODE),
    code=CODE,
    system=False,
    type=False,
    instance=True,
    affects_state=False,
    resources=(AUDIT_EVENT,),
    parameters=(
        OperationParameter("index", "out", 1, 1, "integer"),
        OperationParameter("leaf", "out", 1, 1, "base64Binary"),
        OperationParameter("path", "out", 0, None, "base64Binary"),
        OperationParameter("checkpoint", "out", 1, 1, "string"),
        OperationParameter("entry", "out", 0, 1, "base64Binary"),
    ),
)

WAITS: Final = "The entry is not under a checkpoint yet; it is a few seconds after it was written."
ALTERED: Final = "The entry is not what was put under its checkpoint: the access log has to be verified."


def proof(context: Context, request: Request) -> Reply:
    """Return Parameters with the place of the entry, the path to the root and the signed checkpoint.

    `entry` is there for those from whom nothing of it is hidden.  Raises FhirError `not-found`, `unproven`.
    """
    if request.resource_type != AUDIT_EVENT:
        raise refuse("unknown-operation", "This operation is called on an AuditEvent.")
    read_input(context, request, own.operation(CODE))
    is_whole = _is_whole(context, request)
    assert context.proofs is not None
    try:
        found = context.proofs.proof(request.id)
    except NotInBatch as reason:
        raise refuse("unproven", WAITS if reason.waits else ALTERED) from None
    if found is None:
        raise not_found()
    answer = {"resourceType": PARAMETERS, "parameter": _parameters(found, is_whole)}
    return Reply(200, exact_json.encode(answer))


def _is_whole(context: Context, request: Request) -> bool:
    """Whether nothing of the entry is hidden from the reader.  Raises FhirError `not-found`."""
    assert context.journal is not None
    entry = context.journal.read(request.id, request.view)
    line = None if entry is None else next(seen(context, request, [entry]), None)
    if line is None:
        raise not_found()
    return rendering(context, request).whole and line.entry == entry


def _parameters(found: Proof, is_whole: bool) -> list[dict[str, Any]]:
    return [
        {"name": "index", "valueInteger": found.index},
        {"name": "leaf", "valueBase64Binary": _base64(leaf_hash(found.canonical))},
        *({"name": "path", "valueBase64Binary": _base64(step)} for step in found.path),
        {"name": "checkpoint", "valueString": found.note},
        *([{"name": "entry", "valueBase64Binary": _base64(found.canonical)}] if is_whole else []),
    ]


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


INTERACTIONS = (
    Interaction(
        "$proof", "instance", "GET", f"{INSTANCE}/${CODE}", proof,
        declared=False, definition=own.operation(CODE), governed=True,
    ),
)  # fmt: skip
