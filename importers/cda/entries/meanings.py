"""What coded answers mean where R4 has a closed list, by the table `tables/meanings.toml`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

Concept = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code of a closed list of R4; where it says less than the document did, `is_exact` is False."""

    code: str
    is_exact: bool


def meaning(table: str, concept: Concept | None) -> Meaning | None:
    """Return what a CodeableConcept means by a table, the first of its codings that the table knows."""
    for coding in (concept or {}).get("coding", ()):
        code = coding.get("code")
        for key in (f"{coding.get('system')}|{code}", code):
            found = _tables()[table].get(key)
            if found is not None:
                return found
    return None


def code_for(table: str, concept: Concept | None) -> str | None:
    """Return the code that a CodeableConcept means by a table, exact or not."""
    found = meaning(table, concept)
    return None if found is None else found.code


def with_code(concept: Concept | None, system: str, code: str) -> dict[str, Any]:
    """Return a CodeableConcept with a code of R4 first and what the document said after it."""
    standard = {"system": system, "code": code}
    said = dict(concept or {})
    others = [
        coding
        for coding in said.get("coding", ())
        if (coding.get("system"), coding.get("code")) != (system, code)
    ]
    same: Mapping[str, Any] = next((coding for coding in said.get("coding", ()) if coding not in others), {})
    return {**said, "coding": [{**standard, **same}, *others]}


def says_something(concept: Concept | None) -> bool:
    """Return whether a CodeableConcept names anything: a code or words, not only why there is none."""
    return bool(concept) and bool((concept or {}).get("coding") or (concept or {}).get("text"))


def is_known_absence(concept: Concept | None) -> bool:
    """Return whether a CodeableConcept says that there is none, or that nothing is known."""
    return meaning("absent-or-unknown", concept) is not None


@cache
def _tables() -> Mapping[str, Mapping[str, Meaning]]:
    return {
        name: {
            **{key: Meaning(code, False) for key, code in table.get("nearest", {}).items()},
            **{key: Meaning(code, True) for key, code in table["exact"].items()},
        }
        for name, table in read_meanings().items()
    }


def read_meanings() -> dict[str, Any]:
    """Return the table of meanings.  Raises jsonschema's ValidationError where it is malformed."""
    folder = files("importers.cda") / "tables"
    table = tomllib.loads((folder / "meanings.toml").read_text("utf-8"))
    Draft202012Validator(json.loads((folder / "meanings.schema.json").read_text("utf-8"))).validate(table)
    return table
