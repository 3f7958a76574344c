"""What a section is called: its own title and code, or those of its template."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import codeable_concept
from importers.cda.text import text_of
from importers.cda.xml import attr, child, children

Json = dict[str, Any]

LOINC = "http://loinc.org"
_LOINC_CODE = re.compile(r"[0-9]{1,7}-[0-9]")
_EMPTY_REASON = "http://terminology.hl7.org/CodeSystem/list-empty-reason"


def section_code(cv: Conversion, node: Element) -> Json | None:
    """Return the code of a section, that of its template where it has none; None if neither is known."""
    given = child(node, "code")
    concept = None if given is None else codeable_concept(cv, given)
    if concept:
        for coding in concept.get("coding", ()):
            _settle(cv, given, coding)
        return concept
    row = _row(node)
    if row is None:
        cv.issue("warning", "structure", "The section has no code, nor does any of its templates.", node)
        return None
    cv.issue("information", "structure", "The section has no code; that of its template was taken.", node)
    return {"coding": [{"system": LOINC, "code": row["code"]}]}


def section_title(cv: Conversion, node: Element, code: Json | None) -> str:
    """Return the title of a section: its own, the words of its code, or those of its template."""
    given = child(node, "title")
    words = "" if given is None else text_of(given)
    if given is not None and words:
        cv.take_all(given)
        return words
    cv.issue(
        "information", "structure", "The section has no title; the words of its code stand for it.", node
    )
    shown = [each.get("display") for each in (code or {}).get("coding", ())]
    words = (code or {}).get("text") or next(filter(None, shown), "")
    row = _row(node)
    if not words and row is not None:
        return str(row["title"])
    codes = [each.get("code", "") for each in (code or {}).get("coding", ())]
    return words or next(filter(None, codes), "Section")


def empty_reason(flavor: str | None) -> Json:
    """Return why a section is empty, for its null flavour; `unavailable` where it does not say."""
    reason = _tables()["empty"].get(flavor or "", "unavailable")
    return {"coding": [{"system": _EMPTY_REASON, "code": reason}]}


def holds_active_problems(templates: Collection[str]) -> bool:
    """Return whether a section of these templates holds what is active when the document is written."""
    return not _tables()["active-problems"].isdisjoint(templates)


def holds_prescriptions(templates: Collection[str]) -> bool:
    """Return whether a section of these templates holds what is prescribed."""
    return not _tables()["prescriptions"].isdisjoint(templates)


def _settle(cv: Conversion, node: Element | None, coding: Json) -> None:
    """Move a code that is not of LOINC, but stands in its slot, to its own system."""
    if coding.get("system") != LOINC or _LOINC_CODE.fullmatch(coding.get("code", "")):
        return
    for row in _tables()["alien"]:
        if re.fullmatch(row["pattern"], coding.get("code", "")):
            coding["system"] = row["system"]
            cv.issue("information", "code", "The code of a section is not of LOINC, as it says.", node)
            return


def _row(node: Element) -> Json | None:
    rows = _tables()["sections"]
    found = (rows.get(attr(each, "root") or "") for each in children(node, "templateId"))
    return next(filter(None, found), None)


@cache
def _tables() -> Json:
    data = tomllib.loads(files(__package__).joinpath("sections.toml").read_text("utf-8"))
    rows = {row["template"]: row for row in data["section"]}
    sets = {name: frozenset(data[name]) for name in ("active-problems", "prescriptions")}
    return {**data, "sections": rows, **sets}
