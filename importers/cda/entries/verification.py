"""How sure a statement of an illness or an allergy is of itself."""

from __future__ import annotations

from importers.cda.conversion import Conversion, Element, Resource
from importers.cda.entries import statement as st
from importers.cda.entries.answers import answer
from importers.cda.entries.meanings import code_for, with_code
from importers.cda.entries.parts import Part


def verification(
    cv: Conversion, statement: Element, parts: list[Part], table: str, system: str
) -> tuple[Resource | None, Resource | None]:
    """Return the verification status with a code of `system`, and the certainty that the parts state.

    `table` leads from certainties to codes.  A negation wins over any certainty, an error over both; the
    status is None where neither is there and the certainty has no code.
    """
    said = answer(cv, parts, "certainty")
    code = code_for(table, said)
    negated = st.is_negated(cv, statement)
    if st.is_nullified(statement):
        return with_code(said, system, "entered-in-error"), said
    if negated:
        if code not in (None, "refuted"):
            text = "The statement is negated and also has a certainty; it is taken as refuted."
            cv.issue("warning", "code", text, statement)
        return with_code(said, system, "refuted"), said
    return (None if code is None else with_code(said, system, code)), said


def is_refuted(resource: Resource) -> bool:
    """Return whether a resource, whose verification status was set, is denied."""
    codings = resource.get("verificationStatus", {}).get("coding", ())
    return any(coding.get("code") == "refuted" for coding in codings)
