"""What is ours rather than of FHIR: the names of our code systems and operations, below one canonical base.

Everything of our own has its canonical from here: `[base]/CodeSystem/situation`,
`[base]/OperationDefinition/hide`.  The base is the setting FHIR_CANONICAL_BASE.  The operations are
listed by `operations.definitions`, each from its own file.
"""

from __future__ import annotations

from typing import Final

SITUATION: Final = "situation"
"""Code system: why something was refused."""
CHOICE: Final = "choice"
"""Code system: the kinds of choice that a Consent mirrors."""
LABEL: Final = "label"
"""Code system: labels in neutral words."""
SWITCH: Final = "emergency-switch"
"""Code system: purposes of emergency access beyond those of HL7."""
ROLE: Final = "role"
"""Code system: what a party is to the person."""
CATEGORY: Final = "category"
"""Code system: names of the type classes of the policy."""
EXCHANGE: Final = "exchange"
"""Code system: purposes of access beyond care in the country, as `cross-border`."""

CODE_SYSTEMS: Final = (SITUATION, CHOICE, LABEL, SWITCH, ROLE, CATEGORY, EXCHANGE)

POLICY: Final = "policy"
"""Where the policy that a Consent is under is named: `[base]/policy/[id]`."""


IMPORTED: Final = "imported"
"""Identifier system: what an import finds again by all that it says, having no identifier of its own."""


def identifier_system(base: str, name: str) -> str:
    """Return the system of identifiers of ours."""
    return f"{base}/identifier/{name}"


def code_system(base: str, name: str) -> str:
    """Return the canonical of one of `CODE_SYSTEMS`."""
    return f"{base}/CodeSystem/{name}"


def operation(code: str) -> str:
    """Return the canonical of one of our operations below the base; `code` is its name without `$`."""
    return f"OperationDefinition/{code}"


def policy_url(base: str, id: str) -> str:
    """Return the address that names a policy."""
    return f"{base}/{POLICY}/{id}"


def absolute(base: str, canonical: str) -> str:
    """Return the canonical that a definition of ours has on this server; another's is left as it is.

    Ours stand in the code relative to the base: `OperationDefinition/hide`.
    """
    return canonical if ":" in canonical else f"{base}/{canonical}"
