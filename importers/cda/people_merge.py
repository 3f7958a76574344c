"""Two mentions of one party become one resource that says all that either said."""

from __future__ import annotations

from typing import Any

from importers.cda.conversion import Conversion, Element, Resource
from importers.cda.extensions import ADDRESS, own

_NAMED = frozenset({"Organization", "Location"})
"""Types with one name, and aliases."""


def merge(cv: Conversion, node: Element, kept: Resource, other: Resource) -> None:
    """Add to `kept` what `other`, made of `node` and of the same type, says besides.

    Lists are united, a second name becomes an alias, a second address an extension.  Where other single
    values differ the first stands, and that is reported.
    """
    for key, value in other.items():
        known = kept.get(key)
        if known is None:
            kept[key] = value
        elif isinstance(value, list):
            known.extend(each for each in value if each not in known)
        elif value != known:
            _differ(cv, node, kept, key, value)


def _differ(cv: Conversion, node: Element, kept: dict[str, Any], key: str, value: Any) -> None:
    if key == "name" and kept["resourceType"] in _NAMED:
        _add(kept, "alias", value)
    elif key == "address":
        _add(kept, "extension", own(cv.base, ADDRESS, "Address", value))
    else:
        text = f"Two mentions of one {kept['resourceType']} differ in `{key}`; the first stands."
        cv.issue("warning", "identifier", text, node)


def _add(kept: dict[str, Any], key: str, value: Any) -> None:
    values = kept.setdefault(key, [])
    if value not in values:
        values.append(value)
