"""Which template becomes what: the tables of the realms, checked when they are read."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jsonschema import Draft202012Validator

from importers.cda.conversion import Element
from importers.cda.xml import by_tag, once

Role = Literal["resource", "wrapper", "part", "flag"]

V3 = "{urn:hl7-org:v3}"
STATEMENTS = frozenset({
    "act", "encounter", "observation", "observationMedia", "organizer", "procedure",
    "regionOfInterest", "substanceAdministration", "supply",
})  # fmt: skip
"""The elements of CDA that state something."""

REALMS = ("fr", "eu", "uv", "us")
"""The tables, the nearest realm first: a statement has the ids of its realm and of what that builds on."""

FACTS = frozenset({
    "adverse-event", "allergy", "device-use", "encounter", "exam-observation", "family-condition",
    "family-history", "imaging-observation", "immunization", "isolate", "laboratory-result",
    "medication-administration", "medication-dispense", "medication-statement", "observation",
    "pregnancy-observation", "problem", "procedure", "social-history", "survey-observation", "vital-sign",
})  # fmt: skip
"""Mappers that say that something is or was so: a row takes no other mood for them than it names."""

_FACTUAL = frozenset({"EVN", "DEF"})

STATEMENT_TAGS: Mapping[str, str] = {V3 + name: name for name in STATEMENTS}
"""Qualified name → name of a statement."""


@dataclass(frozen=True, slots=True)
class Row:
    """A template: what it is called in its realm, and what takes statements of it.

    `mapper` names the mapper (role `resource` or `wrapper`), or the kind of a `part` or `flag` that the
    mapper of the statement around takes.  `generic` rows stand back behind every other.
    """

    template: str
    name: str
    element: str
    mapper: str
    role: Role
    extension: str | None = None
    moods: frozenset[str] = frozenset()
    generic: bool = False

    def fits(self, element: str, mood: str, extension: str | None) -> bool:
        """Return whether a statement with the template id is of this row."""
        return (
            self.element == element
            and (mood in self.moods if self.moods else mood in _FACTUAL or self.mapper not in FACTS)
            and self.extension in (None, extension)
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """All rows by template, the first that fits wins; `ranks` orders rows of several templates."""

    rows: Mapping[str, tuple[Row, ...]]
    ranks: Mapping[Row, tuple[bool, int]]
    fallbacks: Mapping[str, tuple[tuple[frozenset[str], str], ...]]


def name_of(node: Element) -> str | None:
    """Return the name of a statement (`act`, `observation` …), None if the node is no statement."""
    return STATEMENT_TAGS.get(node.tag)


def mood_of(statement: Element) -> str:
    """Return the mood of a statement; a fact (EVN) where it says none."""
    return statement.get("moodCode") or "EVN"


@once
def row_of(statement: Element) -> Row | None:
    """Return the row of a statement by its template ids, in whatever order they stand.

    Ids on the element around it (`entry`, `component` …) count after its own.
    """
    own = _best(statement, statement)
    if own is not None and not own.generic:
        return own
    around = statement.getparent()
    return (_best(statement, around) if around is not None else None) or own


def fallback_of(statement: Element) -> str | None:
    """Return the mapper for a statement that no table knows, by its element and mood."""
    element, mood = name_of(statement), mood_of(statement)
    for moods, mapper in tables().fallbacks.get(element or "", ()):
        if not moods or mood in moods:
            return mapper
    return None


def _best(statement: Element, holder: Element) -> Row | None:
    """Return the row of a statement by the template ids that stand in `holder`."""
    ids = by_tag(holder).get(V3 + "templateId")
    if ids is None:
        return None
    element, mood = name_of(statement) or "", mood_of(statement)
    known = tables()
    fitting = [
        row
        for each in ids
        for row in known.rows.get((each.get("root") or "").strip(), ())
        if row.fits(element, mood, each.get("extension"))
    ]
    return min(fitting, key=known.ranks.__getitem__) if len(fitting) > 1 else fitting[0] if fitting else None


@cache
def tables() -> Tables:
    """Return the tables of all realms.  Raises jsonschema's ValidationError where one is malformed."""
    rows: dict[str, list[Row]] = {}
    ranks: dict[Row, tuple[bool, int]] = {}
    fallbacks: dict[str, list[tuple[frozenset[str], str]]] = {}
    for realm in REALMS:
        table = read_table(realm)
        for entry in table.get("template", ()):
            row = Row(**{**entry, "moods": frozenset(entry.get("moods", ()))})
            rows.setdefault(row.template, []).append(row)
            ranks[row] = (row.generic, len(ranks))
        for entry in table.get("fallback", ()):
            fallbacks.setdefault(entry["element"], []).append(
                (frozenset(entry.get("moods", ())), entry["mapper"])
            )
    for same in rows.values():
        same.sort(key=lambda row: row.extension is None)
    return Tables(
        {template: tuple(same) for template, same in rows.items()},
        ranks,
        {element: tuple(same) for element, same in fallbacks.items()},
    )


def read_table(realm: str) -> dict[str, Any]:
    """Return the table of a realm.  Raises jsonschema's ValidationError where it is malformed."""
    table = tomllib.loads((files("importers.cda") / "tables" / f"{realm}.toml").read_text("utf-8"))
    check_table(table)
    return table


def check_table(table: Mapping[str, Any]) -> None:
    """Check a table by `tables.schema.json`.  Raises jsonschema's ValidationError."""
    schema = json.loads((files("importers.cda") / "tables.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(table)
