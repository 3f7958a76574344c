"""The REST interactions: one file each, a function `(context, request) -> reply`, no framework.

To add one: write `interactions/<name>.py` with the specification's word as the function's name, raise
FhirError for every refusal, return a `Reply`; add one row to `table.INTERACTIONS`.  The row feeds the HTTP
routes, the entries of a Bundle, the OpenAPI document and the CapabilityStatement; nothing else has to change.

A write goes through `writing.commit`, which adds the audit entries, the notices and the idempotency key to
the one UnitOfWork.  `transaction/` does in five steps what the others do in one: plan, resolve, validate,
index, commit.
"""
