"""transaction: all entries or none.  Spec: https://hl7.org/fhir/R4/http.html#trules

Five steps, one file each: `plan` reads the entries and checks their structure; `resolve` finds what each one
is about; `rewrite` puts the final addresses where placeholders and conditional references stood (`links`
knows where they can stand); `index` makes the documents (`owners` says whose they are); the commit is one
UnitOfWork.  Entries that only read run after the commit and see it.
"""

from __future__ import annotations

from fhir_server.interactions.transaction.handler import transaction

__all__ = ["transaction"]
