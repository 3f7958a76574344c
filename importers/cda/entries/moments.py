"""When something was: `effectiveTime` in the elements that R4 has for it."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.entries import statement as st
from importers.cda.xml import child


def put_when(cv: Conversion, resource: dict[str, Any], statement: Element, name: str) -> None:
    """Set `nameDateTime` or `namePeriod` from `effectiveTime`; a null flavor says why there is none."""
    node = child(statement, "effectiveTime")
    found = st.when(cv, node)
    if found is not None:
        resource[f"{name}{found[0]}"] = found[1]
    elif node is not None and node.get("nullFlavor") is not None:
        cv.take(node)
        resource[f"_{name}DateTime"] = {"extension": [st.absent(node)]}


def period_of(cv: Conversion, node: Element | None) -> dict[str, Any] | None:
    """Return a time as a Period: a point is both its start and its end."""
    found = st.when(cv, node)
    if found is None:
        return None
    if found[0] == "Period":
        return dict(found[1])
    return {"start": found[1], "end": found[1]}


def start_of(cv: Conversion, node: Element | None) -> str | None:
    """Return the point in time, or where a period begins."""
    found = st.when(cv, node)
    if found is None:
        return None
    return str(found[1]) if found[0] == "DateTime" else found[1].get("start")
