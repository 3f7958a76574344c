"""What of the original no resource carries, as lines of the report."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

from importers.cda.conversion import Conversion
from importers.cda.xml import local, step_of

_POSITION = re.compile(r"\[[0-9]+\]")


def unmapped(cv: Conversion) -> Mapping[str, int]:
    """Return place without positions → how many elements and attributes of it nothing carries.

    What only the format needs is not counted: `report_lines.toml` names it, with the reason.  Each reason
    for which a converter left something on purpose becomes an issue with the first place.
    """
    counts: Counter[str] = Counter()
    for node, names, reason in cv.unused():
        name = local(node)
        missing = [each for each in names if not _is_structural(name, each)]
        if not missing:
            continue
        place = _POSITION.sub("", cv.xpath(node))
        for each in missing:
            counts[_line(place, each)] += 1
        if reason:
            cv.issue_once("information", "unmapped", f"Left in the original: {reason}.", node)
    total = sum(counts.values())
    if total:
        cv.issue("information", "unmapped", f"{total} elements or attributes are only in the original.")
    return dict(sorted(counts.items()))


def _line(place: str, name: str) -> str:
    qualified = name if name == "text()" else f"@{step_of(name) if name.startswith('{') else name}"
    return f"{place}/{qualified}"


@lru_cache(maxsize=4096)
def _is_structural(element: str, attribute: str) -> bool:
    known = _structural()
    if (element, attribute) in known or ("*", attribute) in known:
        return True
    return attribute != "text()" and (element, "*") in known


@cache
def _structural() -> frozenset[tuple[str, str]]:
    data = tomllib.loads(files(__package__).joinpath("report_lines.toml").read_text("utf-8"))
    return frozenset((row["element"], row["attribute"]) for row in data["structural"])
