"""The owner of a resource: the one person whose record it is part of.

Spec: https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.model.outcome import refuse
from fhir_server.model.reference import is_id
from fhir_server.search.owner_rules import owner_rule
from fhir_server.search.source import Elements, Hop, parameter_sources
from fhir_server.search.types.reference import normalise
from profiles.registry import Registry

TargetOwner = Callable[[str, str], str | None]
"""(resource type, id) → the owner of that resource, None where there is none or it is not known."""

PATIENT = "Patient/"


@dataclass(frozen=True, slots=True)
class _Compiled:
    deciding: tuple[tuple[Hop, ...], ...]
    fallback: tuple[tuple[tuple[Hop, ...], ...], ...]
    targets: tuple[tuple[str, ...], ...]
    refuses_several: bool
    subject: str | None = None
    """The one element that decides, where it is a single reference at the top."""


_NOTHING: Mapping[str, Any] = {}
_OWN_WAY = frozenset({"Patient", "Bundle"})


class Owners:
    """Finds owners by the table of `owner_rules`; immutable but for its cache of compiled rules."""

    __slots__ = ("_base_url", "_elements", "_registry", "_rules")

    def __init__(self, registry: Registry, base_url: str) -> None:
        self._registry = registry
        self._base_url = base_url
        self._elements = Elements(registry)
        self._rules: dict[str, _Compiled] = {}

    def owner_of(self, resource: Mapping[str, Any], *, target_owner: TargetOwner | None = None) -> str | None:
        """Return the logical id of the Patient whose record holds `resource`; None for the directory.

        `target_owner` is asked for Provenance, AuditEvent, List, Task and Binary, and with the type and id
        of the Binary itself where that has no `securityContext`: who knows which DocumentReference of the
        same commit refers to it can say.  A patient is its own owner;
        a Bundle that is stored as such is of the person of its Composition, or of all its entries.
        Raises FhirError `two-persons`.
        """
        resource_type = resource["resourceType"]
        if resource_type not in _OWN_WAY:
            rule = self._rule(resource_type)
            if rule.subject is not None:
                text = (resource.get(rule.subject) or _NOTHING).get("reference")
                if type(text) is str and text.startswith(PATIENT) and is_id(text[len(PATIENT) :]):
                    return text[len(PATIENT) :]
        persons = self._candidates(resource, target_owner)
        if len(persons) > 1 and resource_type != "Bundle" and self._rule(resource_type).refuses_several:
            raise refuse(
                "two-persons",
                f"This {resource_type} concerns {len(persons)} persons; it belongs to the record of one.",
                resource_type,
            )
        return next(iter(persons)) if len(persons) == 1 else None

    def naming(self, resource: Mapping[str, Any]) -> Iterator[str]:
        """Yield the references, as they were sent, by which a resource says whose record it is part of.

        These are the references that decide, or those of the first parameter that stands in for them, and
        the targets where there is neither.  Takes any tree, also one that is no legal resource.
        """
        resource_type = resource.get("resourceType")
        if resource_type == "Bundle":
            for entry in _walk(resource, (Hop("entry"), Hop("resource"))):
                if isinstance(entry, Mapping):
                    yield from self.naming(entry)
        elif isinstance(resource_type, str) and resource_type != "Patient":
            yield from self._naming(resource, self._rule(resource_type))

    def _naming(self, resource: Mapping[str, Any], rule: _Compiled) -> Iterator[str]:
        targets = tuple(tuple(Hop(key) for key in path) for path in rule.targets)
        for paths in (rule.deciding, *rule.fallback, targets):
            found = [value.get("reference") for hops in paths for value in _objects(resource, hops)]
            if found:
                yield from (text for text in found if isinstance(text, str))
                return

    def _candidates(self, resource: Mapping[str, Any], target_owner: TargetOwner | None) -> dict[str, None]:
        """Return the persons whose record the resource may be part of."""
        match resource.get("resourceType"):
            case "Patient":
                return {resource["id"]: None} if "id" in resource else {}
            case "Bundle":
                return self._of_bundle(resource, target_owner)
            case str(resource_type):
                return self._by_rule(resource, self._rule(resource_type), target_owner)
        return {}

    def _by_rule(
        self, resource: Mapping[str, Any], rule: _Compiled, target_owner: TargetOwner | None
    ) -> dict[str, None]:
        present, persons = self._persons(resource, rule.deciding)
        if persons:
            return persons
        for paths in () if present else rule.fallback:
            _, persons = self._persons(resource, paths)
            if persons:
                # Several of a parameter that does not decide are of no account.
                return persons if len(persons) == 1 else {}
        return self._of_targets(resource, rule, target_owner) if rule.targets else {}

    def _persons(
        self, resource: Mapping[str, Any], paths: Sequence[tuple[Hop, ...]]
    ) -> tuple[bool, dict[str, None]]:
        present, persons = False, dict[str, None]()
        for hops in paths:
            for value in _walk(resource, hops):
                present = True
                text = value.get("reference") if isinstance(value, dict) else None
                local = normalise(text, self._base_url) if isinstance(text, str) else None
                if local is not None and local.startswith(PATIENT):
                    persons[local[len(PATIENT) :]] = None
        return present, persons

    def _of_targets(
        self, resource: Mapping[str, Any], rule: _Compiled, target_owner: TargetOwner | None
    ) -> dict[str, None]:
        owners, asked = dict[str, None](), False
        for path in rule.targets:
            for value in _walk(resource, tuple(Hop(key) for key in path)):
                text = value.get("reference") if isinstance(value, dict) else None
                local = normalise(text, self._base_url) if isinstance(text, str) else None
                if local is None or ":" in local or "/" not in local:
                    continue
                asked = True
                target_name, _, id = local.partition("/")
                owner = id if target_name == "Patient" else target_owner and target_owner(target_name, id)
                if owner:
                    owners[owner] = None
        if not asked and resource["resourceType"] == "Binary" and target_owner and "id" in resource:
            owner = target_owner("Binary", resource["id"])
            return {owner: None} if owner else {}
        return owners

    def _of_bundle(self, bundle: Mapping[str, Any], target_owner: TargetOwner | None) -> dict[str, None]:
        resources = [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]
        if bundle.get("type") == "document" and resources:
            persons = self._candidates(resources[0], target_owner)
            if persons:
                return persons
        return {person: None for resource in resources for person in self._candidates(resource, target_owner)}

    def _rule(self, resource_type: str) -> _Compiled:
        rule = self._rules.get(resource_type)
        if rule is None:
            rule = self._rules[resource_type] = self._compile(resource_type)
        return rule

    def _compile(self, resource_type: str) -> _Compiled:
        rule = owner_rule(self._registry, resource_type)
        deciding = self._paths(resource_type, rule.deciding)
        fallback = tuple(self._paths(resource_type, (code,)) for code in rule.fallback)
        subject = deciding[0][0].key if len(deciding) == 1 and len(deciding[0]) == 1 else None
        if subject is not None and self._repeats(resource_type, subject):
            subject = None
        return _Compiled(deciding, fallback, rule.targets, rule.several == "refuse", subject)

    def _repeats(self, resource_type: str, name: str) -> bool:
        element = self._elements.child(resource_type, resource_type, name)
        return element is None or element.max != 1

    def _paths(self, resource_type: str, codes: Iterable[str]) -> tuple[tuple[Hop, ...], ...]:
        # A person is told by the reference itself, so `where(resolve() is Patient)` adds nothing.
        found = [
            tuple(replace(hop, guards=()) for hop in source.hops)
            for code in codes
            for source in parameter_sources(self._registry, self._elements, resource_type, code)
            if source.type == "Reference"
        ]
        return tuple(dict.fromkeys(found))


def _objects(value: Any, hops: tuple[Hop, ...]) -> Iterator[Mapping[str, Any]]:
    return (found for found in _walk(value, hops) if isinstance(found, Mapping))


def _walk(value: Any, hops: tuple[Hop, ...]) -> Iterator[Any]:
    if not hops:
        yield value
        return
    below = value.get(hops[0].key) if isinstance(value, Mapping) else None
    for item in below if isinstance(below, list) else () if below is None else (below,):
        yield from _walk(item, hops[1:])
