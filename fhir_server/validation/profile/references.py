"""What a reference may point to: resource types, and profiles that the target has to conform to.

Spec: https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.targetProfile
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from fhir_server.fhirpath import Node, TypeModel
from fhir_server.model.outcome import Severity
from fhir_server.model.reference import parse_reference
from fhir_server.validation.profile.claims import claims_profile
from fhir_server.validation.profile.named import unknown_check
from fhir_server.validation.profile.session import MAX_HOPS, Check, Session
from profiles.definitions import Profile


class Definitions(Protocol):
    """What references ask of the other definitions."""

    model: TypeModel
    unknown: Severity

    def profile(self, canonical: str) -> Profile | None:
        """Return the profile of a canonical, None if there is none."""
        ...

    def profile_check(self, canonical: str) -> Check | None:
        """Return the check of a whole profile, None if there is no such profile."""
        ...

    def lineage(self, canonical: str) -> frozenset[str]:
        """Return the url of a profile and of all that it is derived from."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that may be pointed to; `profile` is None for a plain type, `type` where it is not known."""

    type: str | None
    profile: str | None
    shown: str


def targets_of(canonicals: Iterable[str], definitions: Definitions) -> Iterator[Target]:
    """Yield the targets that canonicals and type names stand for."""
    for canonical in canonicals:
        if definitions.model.has_type(canonical):
            yield Target(canonical, None, canonical)
            continue
        profile = definitions.profile(canonical)
        yield Target(profile.type if profile is not None else None, canonical, canonical)


def reference_check(targets: tuple[Target, ...], definitions: Definitions) -> Check:
    """Return the check that a Reference points to one of the targets, as far as that can be seen."""
    allowed = ", ".join(target.shown for target in targets)
    wrong = f" may only point to {allowed}."
    not_here = unknown_check((target.shown for target in targets), definitions.unknown)

    def is_unknown(target: Target) -> bool:
        return target.profile is not None and definitions.profile_check(target.profile) is None

    def check(node: Node, session: Session) -> None:
        if type(node.value) is not dict or node.type != "Reference":
            return
        found = session.reach.target(node)
        kind = found.type if found is not None else _named_type(node)
        fitting = [target for target in targets if _fits(kind, target, definitions.model)]
        if not fitting:
            session.fault("illegal-reference", wrong, f"{node.path}.reference")
        elif found is None:
            return
        elif all(map(is_unknown, fitting)):
            not_here(node, session)
        elif not _conforms(found, fitting, session, definitions):
            text = f" points to a {kind} that does not conform to {_listed(fitting)}."
            session.fault("profile-mismatch", text, f"{node.path}.reference")

    return check


def _fits(kind: str | None, target: Target, model: TypeModel) -> bool:
    return kind is None or target.type is None or model.is_subtype(kind, target.type)


def _named_type(node: Node) -> str | None:
    """The type that the reference itself tells."""
    text = node.value.get("reference")
    if type(text) is str and not text.startswith("#"):
        named = parse_reference(text).type
        if named is not None:
            return named
    stated = node.value.get("type")
    return stated if type(stated) is str and stated.isalpha() else None


def _conforms(found: Node, targets: list[Target], session: Session, definitions: Definitions) -> bool:
    if session.hops >= MAX_HOPS:
        return True
    session.hops += 1
    try:
        return any(_keeps(found, target, session, definitions) for target in targets)
    finally:
        session.hops -= 1


def _keeps(found: Node, target: Target, session: Session, definitions: Definitions) -> bool:
    if target.profile is None:
        return True
    if session.reach.holds(found) and claims_profile(found, target.profile, definitions.lineage):
        return True  # it is held to the profile at its own place
    check = definitions.profile_check(target.profile)
    return check is None or session.passes(check, found)


def _listed(targets: list[Target]) -> str:
    return " or ".join(target.shown for target in targets)
