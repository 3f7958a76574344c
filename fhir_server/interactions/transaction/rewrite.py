"""The third step: final addresses where placeholders and conditional references stood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry, inside
from fhir_server.interactions.lookup import bind, find
from fhir_server.interactions.patch import result_of
from fhir_server.interactions.request import Request
from fhir_server.interactions.transaction.links import LinkFault
from fhir_server.interactions.transaction.plan import Planned
from fhir_server.interactions.transaction.resolve import Resolved
from fhir_server.interactions.transaction.target import Target
from fhir_server.model.outcome import FhirError, Issue
from fhir_server.model.reference import ReferenceKind, parse_reference

PLACEHOLDERS = ("urn:uuid:", "urn:oid:")
MAX_ISSUES = 100

Lookup = Callable[[str, str], str]
"""From (type, query) of a conditional reference to `Type/id`."""


def rewrite(
    context: Context, request: Request, planned: Planned, resolved: Resolved
) -> Mapping[int, dict[str, Any]]:
    """Return the resources to be stored, by position.

    Raises FhirError with every link that leads nowhere: `unresolved-reference`, `reference-criteria`; and
    those of a patch, at its entry.
    """
    conditional = _Conditional(context, request, resolved)
    resources: dict[int, dict[str, Any]] = {}
    issues: list[Issue] = []
    for entry in planned.entries:
        target = resolved.targets.get(entry.position)
        name = entry.address.interaction.name
        if target is None or name == "delete" or (name == "create" and _gives_way(target)):
            continue
        resolver = _EntryResolver(resolved.addresses, _base_of(entry, context.base_url), conditional)
        try:
            rewritten = context.links.rewrite(entry.resource, resolver)
        except LinkFault as fault:
            issues.append(fault.issue(f"{entry.path}.resource"))
            continue
        if name == "patch":
            rewritten = _patched(context, entry, rewritten, target, resolved.addresses)
        resources[entry.position] = rewritten
    if issues:
        raise FhirError(*issues[:MAX_ISSUES])
    return resources


def _patched(
    context: Context, entry: Entry, described: dict[str, Any], target: Target, addresses: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the patch of an entry, its own links rewritten, makes of the resource that it meets."""
    assert target.current is not None
    try:
        change = context.patches.of_entry(described, f"{entry.path}.resource")
        result = result_of(context, change, target.current)
    except FhirError as error:
        raise inside(error, entry) from None
    # A patch inside a Binary could not be rewritten: its placeholders stand in what it made.
    return context.links.rewrite(result, _Placeholders(addresses))


class _Placeholders:
    """Resolves the fullUrls of entries that are placeholders, and leaves what it does not know."""

    __slots__ = ("_addresses",)

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    def reference(self, text: str) -> str:
        whole, mark, fragment = text.partition("#")
        found = self._addresses.get(whole) if text.startswith(PLACEHOLDERS) else None
        return text if found is None else found + mark + fragment

    uri = name = reference


def _gives_way(target: Target) -> bool:
    return target.current is not None or target.same_as is not None


def _base_of(entry: Entry, own: str) -> str:
    """Return the base against which relative references of an entry are read, with a slash at the end."""
    if entry.full_url is not None:
        reference = parse_reference(entry.full_url)
        if reference.kind is ReferenceKind.ABSOLUTE and reference.base is not None:
            return reference.base
    return own + "/"


class _Conditional:
    """Conditional references, each looked up once."""

    def __init__(self, context: Context, request: Request, resolved: Resolved) -> None:
        self._context = context
        self._request = request
        self._created = resolved.criteria
        self._known: dict[str, str] = {}

    def __call__(self, resource_type: str, query: str) -> str:
        text = f"{resource_type}?{query}"
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._look_up(resource_type, query)
        return found

    def _look_up(self, resource_type: str, query: str) -> str:
        if resource_type not in self._context.registry.resource_types:
            raise LinkFault("illegal-reference", "The conditional reference names no resource type.")
        try:
            wanted = bind(self._context, self._request, resource_type, query)
        except FhirError as error:
            raise LinkFault(error.issues[0].situation, error.issues[0].text) from None
        created = self._created.get((resource_type, wanted.key))
        if created is not None:
            return created
        matches = find(self._context, self._request, wanted)
        if len(matches) != 1:
            how_many = "More than one resource matches" if matches else "No resource matches"
            raise LinkFault("reference-criteria", f"{how_many} the conditional reference.")
        return f"{resource_type}/{matches[0].id}"


class _EntryResolver:
    """Resolves the links of one entry."""

    __slots__ = ("_addresses", "_base", "_conditional")

    def __init__(self, addresses: Mapping[str, str], base: str, conditional: Lookup) -> None:
        self._addresses = addresses
        self._base = base
        self._conditional = conditional

    def reference(self, text: str) -> str:
        """Return where a `Reference.reference` leads.  Raises LinkFault where that is nowhere."""
        if text.startswith("#"):
            return text
        return self._find(text) or self._elsewhere(text) or text

    def uri(self, text: str) -> str:
        """Return where a uri leads, itself if nowhere."""
        return self._find(text) or text

    def name(self, text: str) -> str:
        """Return the address of a placeholder; other names stay."""
        return (self._find(text) if text.startswith("urn:") else None) or text

    def _elsewhere(self, text: str) -> str | None:
        if text.startswith(PLACEHOLDERS):
            raise LinkFault("unresolved-reference", "No entry of the transaction has this fullUrl.")
        if "?" not in text:
            return None
        parsed = parse_reference(text)
        if parsed.kind is not ReferenceKind.CONDITIONAL or parsed.type is None or parsed.query is None:
            return None
        return self._conditional(parsed.type, parsed.query)

    def _find(self, text: str) -> str | None:
        known = self._addresses.get(text)
        if known is not None:
            return known
        whole, mark, fragment = text.partition("#")
        whole = whole.partition("/_history/")[0]
        found = self._addresses.get(whole) or self._addresses.get(self._base + whole)
        return found if found is None else found + mark + fragment
