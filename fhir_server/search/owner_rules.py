"""Whose record a resource belongs to, as a table: which parameters say so and what several persons mean.

Types of the Patient compartment follow one derived rule: `subject` and `patient` decide; the other
parameters of the compartment count, in the order of the compartment, only where no subject is stated.  Two
persons in the deciding parameters are refused.  `EXCEPTIONS` are the types that the rule does not fit.

Of the specification's 516 examples these name more than one person:
- Group/102 has four members, Person/pp links two records: such types may, they are of no single person
  (`several="none"`).
- Task/example3 is `for` one patient and asked for by another: `for` decides.
- Consent/consent-example-grantor is given by one patient to another: `patient` decides.
- AuditEvent/example-disclosure names one patient twice, once with a version: the version does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from profiles.registry import Registry


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """`deciding` parameters all count; `fallback` ones in turn, where no deciding element is present.

    `targets` are JSON paths of references whose target's owner is asked last.  `several`: what two persons
    in `deciding` or `targets` mean: refused, or a resource of no single person.
    """

    deciding: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    targets: tuple[tuple[str, ...], ...] = ()
    several: Literal["refuse", "none"] = "refuse"


EXCEPTIONS: Mapping[str, OwnerRule] = {
    # A record that concerns several persons by nature.
    "Account": OwnerRule(("subject",), several="none"),
    "Appointment": OwnerRule(("actor",), several="none"),
    "AppointmentResponse": OwnerRule(("actor",), several="none"),
    "Contract": OwnerRule(("subject",), several="none"),
    "Group": OwnerRule(),
    "Person": OwnerRule(("patient",), several="none"),
    "Schedule": OwnerRule(("actor",), several="none"),
    # The insured person, whoever holds or pays the policy.
    "Coverage": OwnerRule(("beneficiary",)),
    # Outside the compartment, yet of one person.
    "Device": OwnerRule(("patient",)),
    "GuidanceResponse": OwnerRule(("subject",)),
    "EnrollmentRequest": OwnerRule(("subject",)),
    "ResearchSubject": OwnerRule(("individual",)),
    # Of the person whose record it speaks of.
    "AuditEvent": OwnerRule(("patient",), targets=(("entity", "what"),), several="none"),
    "Binary": OwnerRule(targets=(("securityContext",),)),
    "List": OwnerRule(("subject",), ("source",), targets=(("entry", "item"),), several="none"),
    "Provenance": OwnerRule(targets=(("target",),)),
    "Task": OwnerRule(("subject",), targets=(("focus",), ("basedOn",)), several="refuse"),
}

_SUBJECT = ("subject", "patient")
_NONE = OwnerRule()


def owner_rule(registry: Registry, resource_type: str) -> OwnerRule:
    """Return the rule of a type; a rule without parameters and targets makes it part of the directory."""
    exception = EXCEPTIONS.get(resource_type)
    if exception is not None:
        return exception
    codes = registry.compartments.get("Patient", {}).get(resource_type, ())
    if not codes or resource_type == "Patient":
        return _NONE
    deciding = tuple(code for code in _SUBJECT if code in codes)
    if not deciding:
        return OwnerRule(codes)
    return OwnerRule(deciding, tuple(code for code in codes if code not in deciding))
