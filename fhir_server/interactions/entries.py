"""The entries of a posted batch or transaction, read one by one.

Spec: https://hl7.org/fhir/R4/bundle.html#transaction
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.dispatch import Address
from fhir_server.interactions.request import Conditions
from fhir_server.model.outcome import FhirError, refuse

MEMBERS = {
    "if_match": "ifMatch",
    "if_none_match": "ifNoneMatch",
    "if_modified_since": "ifModifiedSince",
    "if_none_exist": "ifNoneExist",
}
BODIES = frozenset({"POST", "PUT", "PATCH"})
NO_CONDITIONS: Final = Conditions()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that was understood.  `position` is its index in the request."""

    position: int
    method: str
    url: str
    address: Address
    full_url: str | None
    resource: Any
    conditions: Conditions

    @property
    def path(self) -> str:
        """The entry in a FHIRPath expression."""
        return path_of(self.position)


def path_of(position: int) -> str:
    """Return the FHIRPath expression of an entry."""
    return f"Bundle.entry[{position}]"


def entries_of(context: Context, bundle: Any) -> list[Any]:
    """Return the entries of a Bundle as they were sent.

    Raises FhirError `malformed-entry`, `too-many-entries`.
    """
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise refuse("malformed-entry", "Bundle.entry is a list.", "Bundle.entry")
    most = context.limits.max_entries
    if len(entries) > most:
        text = f"A Bundle has at most {most} entries here; this one has {len(entries)}. Send several."
        raise refuse("too-many-entries", text, "Bundle.entry")
    return entries


def read_entry(context: Context, raw: Any, position: int) -> Entry:
    """Return the entry.  Raises FhirError, its expressions below `Bundle.entry[position]`."""
    path = path_of(position)
    asked = raw.get("request") if isinstance(raw, dict) else None
    if not isinstance(asked, dict):
        raise refuse(
            "malformed-entry", "An entry of a batch or transaction has a request.", f"{path}.request"
        )
    method, url = asked.get("method"), asked.get("url")
    if not isinstance(method, str) or not isinstance(url, str):
        raise refuse("malformed-entry", "A request has a method and a url.", f"{path}.request")
    try:
        address = context.dispatcher.find(method, url)
    except FhirError as error:
        raise below(error, f"{path}.request.url") from None
    resource, full_url = raw.get("resource"), raw.get("fullUrl")
    if method in BODIES and resource is None:
        raise refuse("malformed-entry", f"An entry that says {method} has a resource.", f"{path}.resource")
    conditions = NO_CONDITIONS if len(asked) == 2 else Conditions(
        **{name: _text(asked, member, path) for name, member in MEMBERS.items()}
    )  # fmt: skip
    return Entry(
        position, method, url, address,
        full_url if isinstance(full_url, str) else None, resource, conditions,
    )  # fmt: skip


def below(error: FhirError, path: str) -> FhirError:
    """Return the error with the path of its entry where an issue has no place of its own."""
    issues = [replace(issue, expression=issue.expression or path) for issue in error.issues]
    return FhirError(*issues, status=error.status)


def inside(error: FhirError, entry: Entry) -> FhirError:
    """Return the error of an entry's resource or request with expressions of the whole Bundle."""
    # The resource of a patch entry is the patch; what it makes of another resource has no place here.
    is_patch = entry.address.interaction.takes == "patch"
    own = "Parameters." if is_patch else f"{entry.address.resource_type}."
    issues = [replace(issue, expression=_deeper(issue.expression, own, entry.path)) for issue in error.issues]
    return FhirError(*issues, status=error.status)


def _deeper(expression: str | None, own: str, path: str) -> str:
    if expression is None:
        return path
    if own != "." and expression.startswith(own):
        return f"{path}.resource.{expression.removeprefix(own)}"
    return expression if expression.startswith("Bundle.entry[") else path


def _text(asked: dict[str, Any], member: str, path: str) -> str | None:
    value = asked.get(member)
    if value is not None and not isinstance(value, str):
        raise refuse("malformed-entry", f"{member} is a string.", f"{path}.request.{member}")
    return value
