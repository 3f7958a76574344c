"""`_list=42`: what the List 42 has as items.  It is `_has:List:item:_id=42`, and read as that.

The lists that R4 names for servers to keep (`$current-problems` …) are not kept here.
Spec: https://hl7.org/fhir/R4/search.html#list
"""

from __future__ import annotations

from typing import Final

from fhir_server.model.outcome import refuse
from fhir_server.search.escape import split_unescaped

LIST: Final = "_list"
MEMBERS: Final = "_has:List:item:_id"


def as_members(name: str, value: str) -> tuple[str, str]:
    """Return the pair that `_list` stands for.

    Raises FhirError `unsupported-modifier`, `illegal-parameter-value`.
    """
    if name != LIST:
        raise refuse("unsupported-modifier", f"`{LIST}` does not support modifiers.")
    ids = split_unescaped(value, ",")
    if any(id.startswith("$") for id in ids):
        text = f"`{LIST}` needs the id of a List; no lists are kept by function."
        raise refuse("illegal-parameter-value", text)
    return MEMBERS, ",".join(id.removeprefix("List/") for id in ids)
