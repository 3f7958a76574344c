"""Labels as facts: what a resource says of who may see it, in the words of the policy.

Own labels are a function of the resource alone, so they can be worked out again at any time; what flows in
from other resources, and what a choice of the person gave, is remembered as the `source` of its facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from fhir_server.access.flow import Edges
from fhir_server.access.policy import (
    CHOICE,
    CLASSES,
    CONFIDENTIALITY,
    WITHHELD_FROM_PERSON,
    Policy,
)
from fhir_server.access.spread import GIVEN, OWN, Effect, Node, spread
from fhir_server.model.document import Access, Facts
from fhir_server.model.own import LABEL, code_system

Coding = dict[str, Any]

OPENING: Final = frozenset({WITHHELD_FROM_PERSON})
"""Labels that end by themselves."""
DOCUMENT: Final = "DocumentReference"
"""The type that has an element of its own for labels, beside `meta.security`."""
SELF: Final = "#self"


class Labelling:
    """The labels of one policy; immutable.

    `base_url` tells references to this server.  Below `canonical_base` are the code systems of ours: that of
    the categories of Consents which mirror choices, and that of labels for which the policy has no code.
    """

    __slots__ = ("_by_coding", "_canonical_base", "_policy", "edges", "governs", "protected")

    def __init__(self, policy: Policy, *, base_url: str = "", canonical_base: str = "") -> None:
        apart = frozenset({"Patient", *policy.directory.types})
        self._policy = policy
        self._canonical_base = canonical_base
        own_system = code_system(canonical_base, LABEL)
        self._by_coding = {**{f"{own_system}|{name}": name for name in policy.labels}, **policy.label_of}
        self.edges = Edges(policy.flows, apart=apart, base_url=base_url)
        self.governs = bool(policy.labels or policy.rules)
        """Whether access is governed at all; without, nothing is carried on or guarded."""
        self.protected = frozenset(policy.labels) | {CHOICE}
        """Labels that no ordinary write takes away."""

    @property
    def policy(self) -> Policy:
        """The policy that says what the codes mean."""
        return self._policy

    def own(self, resource: dict[str, Any]) -> tuple[tuple[str, ...], int]:
        """Return the labels that the resource itself has and its confidentiality (0 normal, rising)."""
        labels = tuple(dict.fromkeys(self._own(resource)))
        return labels, self.confidentiality(labels)

    def confidentiality(self, labels: Iterable[str]) -> int:
        """Return the highest confidentiality among labels, 0 where none says it."""
        levels = self._policy.confidentiality
        return max((levels.get(label, 0) for label in labels), default=0)

    def facts(
        self,
        resource: dict[str, Any],
        resource_type: str,
        id: str,
        owner: str | None,
        *,
        authors: tuple[str, ...] = (),
        inherited: Iterable[Facts] = (),
        sources: Iterable[str] = (),
        before: Facts | None = None,
        now: datetime,
    ) -> Facts:
        """Return what access predicates see of a resource.

        `inherited` are the facts of what labels flow in from, `sources` all of that by name, there or not;
        `before` are the facts of the version that it follows: its authors stay.
        """
        outside = {f"{facts.resource_type}/{facts.id}": facts for facts in inherited}
        node = self.node(resource, tuple(dict.fromkeys((*outside, *sources))), before, now)
        effect = spread({SELF: node}, outside, OPENING)[SELF]
        empty = Facts(resource_type, id, owner, access=Access(authors=authors))
        since = empty if before is None else replace(empty, access=before.access)
        return self.settled(since, self.class_of(resource), node, effect)

    def node(
        self, resource: dict[str, Any], sources: tuple[str, ...], before: Facts | None, now: datetime
    ) -> Node:
        """Return a resource as `spread` takes it."""
        labels, _ = self.own(resource)
        opens = None
        if OPENING.intersection(labels):
            was = before is not None and OPENING.intersection(before.access.labels)
            opens = before.access.from_ if was and before is not None else self._policy.opens_at(now)
        return Node(frozenset(labels), sources, opens)

    def settled(self, facts: Facts, type_class: int, node: Node, effect: Effect) -> Facts:
        """Return `facts` with the labels that were worked out; the authors and the state stay."""
        labels = tuple(sorted(effect.labels))
        doubled = tuple(OWN + label for label in sorted(effect.doubled))
        before = facts.access
        return Facts(
            facts.resource_type, facts.id, facts.owner,
            self._policy.visibility(type_class, self.confidentiality(labels), labels),
            Access(labels, before.authors, node.sources + doubled, effect.opens, before.state),
        )  # fmt: skip

    def renewed(self, facts: Facts, resource: dict[str, Any]) -> Facts:
        """Return facts whose visibility this policy made of the labels that are there.

        A class that was passed on by a source stays.
        """
        own = self.class_of(resource)
        type_class = own or (class_in(facts) if facts.access.source else 0)
        labels = facts.access.labels
        visibility = self._policy.visibility(type_class, self.confidentiality(labels), labels)
        return replace(facts, visibility=visibility)

    def class_of(self, resource: dict[str, Any]) -> int:
        """Return the type class of a resource, 0 where it has none of its own."""
        return self._policy.class_of(resource)

    def codings(self, label: str) -> list[Coding]:
        """Return the codings with which a neutral label is written, none for one that the policy has not."""
        known = self._policy.labels.get(label)
        if known is None:
            return []
        own = f"{code_system(self._canonical_base, LABEL)}|{label}"
        return [_coding(text) for text in known.codings[:1] or (own,)]

    def with_label(self, resource: dict[str, Any], label: str) -> dict[str, Any]:
        """Return the resource with the coding of a label, itself where it has it; nothing else changes."""
        if label in self._own(resource):
            return resource
        for coding in self.codings(label):
            resource = with_coding(resource, coding)
        return resource

    def without_label(self, resource: dict[str, Any], label: str) -> dict[str, Any]:
        """Return the resource without any coding of a label, itself where it has none; all else stays."""

        def keeps(coding: Coding) -> bool:
            return self._label_of(coding) != label

        meta = resource.get("meta") or {}
        kept = [coding for coding in meta.get("security") or () if keeps(coding)]
        if len(kept) != len(meta.get("security") or ()):
            resource = {**resource, "meta": _with(meta, "security", kept)}
        if resource["resourceType"] != DOCUMENT or "securityLabel" not in resource:
            return resource
        concepts = [_concept_without(concept, keeps) for concept in resource["securityLabel"]]
        return _with(resource, "securityLabel", [concept for concept in concepts if concept])

    def label_codings(self, resource: dict[str, Any]) -> Iterator[tuple[str, Coding]]:
        """Yield the labels of a resource with the codings that say them, as they stand."""
        for coding in _labels(resource):
            yield self._label_of(coding), coding

    def is_choice(self, resource: dict[str, Any]) -> bool:
        """Return whether it is a Consent that mirrors a choice, or says that it is."""
        if resource["resourceType"] != "Consent" or not self._canonical_base:
            return False
        system = code_system(self._canonical_base, CHOICE)
        return any(
            coding.get("system") == system
            for concept in resource.get("category") or ()
            for coding in concept.get("coding") or ()
        )

    def names_choice(self, resource: dict[str, Any]) -> bool:
        """Return whether the resource is labelled as a choice, which only being one makes it."""
        systems = {code_system(self._canonical_base, name) for name in (CHOICE, LABEL)}
        return any(
            coding.get("system") in systems
            and (coding.get("code") == CHOICE or coding["system"].endswith(f"/{CHOICE}"))
            for coding in _labels(resource)
        )

    def may_set(self, label: str, role: str) -> bool:
        """Return whether an actor of this role may give an item the label."""
        known = self._policy.labels.get(label)
        return label not in self.protected if known is None else role in known.set_by

    def forbidden(self, labels: Iterable[str]) -> frozenset[str] | None:
        """Return labels among these that no item may have together, None where there are none."""
        there = frozenset(labels)
        return next((pair for pair in self._policy.forbidden_together if pair <= there), None)

    def given(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return labels that a choice gives, as sources."""
        return tuple(GIVEN + label for label in labels)

    def _own(self, resource: dict[str, Any]) -> Iterator[str]:
        for coding in _labels(resource):
            yield self._label_of(coding)
        if self.is_choice(resource):
            yield CHOICE
        match resource["resourceType"]:
            case "Composition" if "confidentiality" in resource:
                yield f"{CONFIDENTIALITY}|{resource['confidentiality']}"
            case "Bundle":
                # What is stored as one is seen as one: by whoever may see all of it.
                for entry in resource.get("entry") or ():
                    if "resource" in entry:
                        yield from self._own(entry["resource"])

    def _label_of(self, coding: Mapping[str, Any]) -> str:
        text = f"{coding.get('system', '')}|{coding.get('code', '')}"
        return self._by_coding.get(text, text)


def class_in(facts: Facts) -> int:
    """Return the type class in the visibility of stored facts."""
    return facts.visibility % CLASSES


def with_coding(resource: dict[str, Any], coding: Coding) -> dict[str, Any]:
    """Return the resource with one label more: in `meta.security`, and in `securityLabel` of a document."""
    meta = resource.get("meta") or {}
    resource = {**resource, "meta": {**meta, "security": [*(meta.get("security") or ()), dict(coding)]}}
    if resource["resourceType"] == DOCUMENT:
        concepts = resource.get("securityLabel") or ()
        resource = {**resource, "securityLabel": [*concepts, {"coding": [dict(coding)]}]}
    return resource


def _labels(resource: dict[str, Any]) -> Iterator[Coding]:
    yield from (resource.get("meta") or {}).get("security") or ()
    for concept in (resource.get("securityLabel") or ()) if resource["resourceType"] == DOCUMENT else ():
        yield from concept.get("coding") or ()


def _concept_without(concept: dict[str, Any], keeps: Any) -> dict[str, Any]:
    codings = concept.get("coding") or []
    kept = [coding for coding in codings if keeps(coding)]
    if len(kept) == len(codings):
        return concept
    # The text of a concept is that of its codings: it goes with the last of them.
    return {**concept, "coding": kept} if kept else {}


def _with(node: Mapping[str, Any], key: str, values: list[Any]) -> dict[str, Any]:
    changed = dict(node)
    if values:
        changed[key] = values
    else:
        changed.pop(key, None)
    return changed


def _coding(text: str) -> Coding:
    system, _, code = text.partition("|")
    return {key: part for key, part in (("system", system), ("code", code)) if part}
