"""Invariants as checks: the direct truth where there is one, FHIRPath for the rest.

Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from __future__ import annotations

from fhir_server.fhirpath import FhirPathError, FhirPathSyntaxError, Node, TypeModel, compile
from fhir_server.validation.profile.session import Check, Session
from fhir_server.validation.profile.truth import Undecided, truth_of
from profiles.definitions import Invariant


def assertion(
    invariant: Invariant, kind: str, model: TypeModel, owner: str, *, from_around: bool = False
) -> Check:
    """Return the check of an invariant over elements of type `kind`.

    `from_around`: an element that is a resource is spoken of by the one around it (`%resource`).
    `owner` names the definition and the element for the issue that stands for an expression which does not
    compile; that issue comes with every resource that meets the invariant, and the rest goes on.
    """
    try:
        compiled = compile(invariant.expression, types=model)
    except FhirPathSyntaxError as error:
        return _unusable(f": invariant {invariant.key} of {owner} does not compile: {error}.")
    direct = truth_of(invariant.expression, kind, model)
    text = f" breaks the rule {invariant.key}: {_shown(invariant)}"
    severity = invariant.severity

    def check(node: Node, session: Session) -> None:
        if direct is not None:
            try:
                if direct(node.value) is not False:
                    return
            except Undecided:
                pass
        is_inner = from_around and node.is_resource
        try:
            held = compiled.truth(node, session.environment_around(node) if is_inner else session.environment)
        except FhirPathError as error:
            reason = f": invariant {invariant.key} of {owner} cannot be evaluated: {error}."
            session.fault("faulty-profile", reason, node, "warning")
            return
        if held is False:
            session.fault("invariant", text, node, severity)

    return check


def _shown(invariant: Invariant) -> str:
    """What the definition calls the rule, else its expression: both are public."""
    return f"`{invariant.expression}`." if invariant.human == invariant.key else invariant.human


def _unusable(text: str) -> Check:
    def check(node: Node, session: Session) -> None:
        session.fault("faulty-profile", text, node, "warning")

    return check
