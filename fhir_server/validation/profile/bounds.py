"""The least and the greatest value that a profile allows, for dates also as a time from now.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import DecimalException
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath import Compiled, FhirPathError, Node, compile
from fhir_server.fhirpath.values import compare
from fhir_server.model.number import is_number, literal
from fhir_server.validation.profile.session import Check, Session

_NOW: Mapping[str, str] = MappingProxyType({"date": "today()", "dateTime": "now()", "instant": "now()"})
"""The types that a Duration limits, and what it is counted from."""
_UNITS: Mapping[str, str] = MappingProxyType(
    {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours", "min": "minutes", "s": "seconds"}
)
"""UCUM code → the calendar unit of FHIRPath."""
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)


def bound_check(limit: Any, *, below: bool) -> Check:
    """Return the check of `minValue` (`below`: what is below it is refused) or `maxValue`.

    What cannot be compared (other units, too coarse a date) is not judged.
    """
    if type(limit) is dict:
        return _quantity(limit, below)
    return _plain(limit, _text(limit, below), below)


def _quantity(limit: dict[str, Any], below: bool) -> Check:
    plain = _plain(limit, _text(limit, below), below)
    moments = {kind: _moment(now, limit, below) for kind, now in _NOW.items()}

    def check(node: Node, session: Session) -> None:
        if node.type in moments:
            _hold(moments[node.type], node, session)
        else:
            plain(node, session)

    def _hold(moment: Compiled | None, node: Node, session: Session) -> None:
        if moment is None or node.value is None:
            return
        try:
            held = moment.truth(node, session.environment)
        except FhirPathError:
            return  # no time was given, or the value is no date
        if held is False:
            session.fault("illegal-value", text, node)

    side = "earlier than" if below else "later than"
    text = f" may not be {side} {_shown(limit)} {'ago' if below else 'from now'}."
    return check


def _moment(now: str, limit: dict[str, Any], below: bool) -> Compiled | None:
    """Whether a date is not beyond the limit, as an expression; None for a duration that cannot be added."""
    amount = literal(limit["value"]) if is_number(limit.get("value")) else ""
    unit = _UNITS.get(str(limit.get("code") or limit.get("unit")))
    if unit is None or _PLAIN.fullmatch(amount) is None:
        return None
    return compile(f"$this >= {now} - {amount} {unit}" if below else f"$this <= {now} + {amount} {unit}")


def _plain(limit: Any, text: str, below: bool) -> Check:
    beyond = -1 if below else 1

    def check(node: Node, session: Session) -> None:
        if node.value is None:
            return
        try:
            order = compare(node, Node(limit, node.type))
        except (FhirPathError, DecimalException, OverflowError):
            return  # another type than the limit's, or out of range in its unit
        if order == beyond:
            session.fault("illegal-value", text, node)

    return check


def _text(limit: Any, below: bool) -> str:
    return f" must be {'at least' if below else 'at most'} {_shown(limit)}."


def _shown(limit: Any) -> str:
    if type(limit) is dict and is_number(limit.get("value")):
        return f"{literal(limit['value'])} {limit.get('unit') or limit.get('code') or ''}".rstrip()
    return (
        f"`{limit}`" if type(limit) is str else literal(limit) if is_number(limit) else "that of the profile"
    )
