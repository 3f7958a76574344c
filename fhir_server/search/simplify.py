"""Conditions made shorter by what is known: whose record is searched, and what one part says of another.

A condition that comes of several parameters says some things twice; what is said once can drive an index.
"""

from __future__ import annotations

from fhir_server.model.plan import And, Condition, Or, OwnerIn

ALWAYS = And(())
NEVER = Or(())


def simplified(condition: Condition, owner: str | None) -> Condition:
    """Return a condition that holds for the same documents, of the record of `owner` if that is given."""
    match condition:
        case OwnerIn(owners) if owner is not None:
            return ALWAYS if owner in owners else NEVER
        case And(parts):
            return _and([simplified(part, owner) for part in parts])
        case Or(parts):
            return _or([simplified(part, owner) for part in parts])
    return condition


def _and(parts: list[Condition]) -> Condition:
    if NEVER in parts:
        return NEVER
    kept = tuple(dict.fromkeys(part for part in parts if part != ALWAYS))
    return kept[0] if len(kept) == 1 else And(kept)


def _or(parts: list[Condition]) -> Condition:
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))]
    if ALWAYS in flat:
        return ALWAYS
    # What holds only together with another part adds nothing to that part alone.
    kept = tuple(
        dict.fromkeys(
            part for part in flat if not (isinstance(part, And) and any(one in flat for one in part.parts))
        )
    )
    return kept[0] if len(kept) == 1 else Or(kept)
