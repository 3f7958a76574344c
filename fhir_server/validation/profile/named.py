"""Profiles that an element names for its value: it conforms to one of them.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.profile
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fhir_server.fhirpath import Node
from fhir_server.model.outcome import Severity
from fhir_server.validation.profile.session import Check, Session


class Named(Protocol):
    """What is asked of the other definitions."""

    unknown: Severity

    def profile_check(self, canonical: str) -> Check | None:
        """Return the check of a whole profile, None if there is no such profile."""
        ...


def one_profile(canonicals: tuple[str, ...], definitions: Named) -> Check:
    """Return the check that a value conforms to one profile; a single one says itself what is wrong.

    Where one of them is not here, nobody can tell, and that is said.
    """
    found = [(each, definitions.profile_check(each)) for each in canonicals]
    unknown = [canonical for canonical, check in found if check is None]
    checks = [check for _, check in found if check is not None]
    if len(checks) == 1 and not unknown:
        return checks[0]
    if unknown:
        severity = "warning" if checks else definitions.unknown
        return _conforms_to_known(checks, unknown_check(unknown, severity))
    return _conforms_to_any(checks, f" conforms to none of {', '.join(canonicals)}.")


def unknown_check(canonicals: Iterable[str], severity: Severity) -> Check:
    """Return the check that says of every value which of its profiles are not here."""
    text = f": not checked against {', '.join(canonicals)}, which is not known here."

    def check(node: Node, session: Session) -> None:
        session.fault("unknown-profile", text, node, severity)

    return check


def _conforms_to_any(checks: list[Check], text: str) -> Check:
    def check(node: Node, session: Session) -> None:
        if not any(session.passes(each, node) for each in checks):
            session.fault("profile-mismatch", text, node)

    return check


def _conforms_to_known(checks: list[Check], otherwise: Check) -> Check:
    def check(node: Node, session: Session) -> None:
        if not any(session.passes(each, node) for each in checks):
            otherwise(node, session)

    return check
