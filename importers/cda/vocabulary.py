"""Codes of CDA in FHIR's words: the tables `systems.toml`, `values.toml` and `units.toml`.

A code system that no table knows keeps its OID as `urn:oid:…`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import jsonschema

from fhir_server.search.units import UCUM
from importers.cda.unit_syntax import Atoms, is_ucum

__all__ = [
    "UCUM", "NullFlavor", "System", "mailbox", "misplaced", "national_systems", "null_flavors", "system_of",
    "ucum", "unit_system", "value_map",
]  # fmt: skip

OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NOTES: Final = re.compile(r"\{[^{}]*\}")
_NUMBERS: Final = re.compile(r"(?:\A|[./(])[0-9]+\.[0-9]|\A(?!1\Z)[0-9]+\Z")
"""Numbers where UCUM has units: `mg/2.5.ml` is not what it says, `30009000` is a code of something else."""


@dataclass(frozen=True, slots=True)
class System:
    """A code system or a namespace of identifiers: its URI in FHIR, and whether the OID was a known typo."""

    uri: str
    is_typo: bool = False


@dataclass(frozen=True, slots=True)
class NullFlavor:
    """What FHIR says for a null flavor; where it says less, `is_exact` is False."""

    reason: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class _Misplaced:
    """Codes of one system that documents label with another."""

    system: str
    pattern: re.Pattern[str]
    belongs_to: str


@lru_cache(maxsize=4096)
def system_of(name: str) -> System | None:
    """Return the system that an OID, a UUID or a URI names; None if `name` is none of them."""
    known = _systems().get(name)
    if known is not None:
        return known
    if OID.fullmatch(name):
        return System(f"urn:oid:{name}")
    if UUID.fullmatch(name):
        return System(f"urn:uuid:{name.lower()}")
    return System(name) if re.fullmatch(r"(?:https?://|urn:)[^\s]+", name) else None


@cache
def national_systems() -> Mapping[str, Mapping[str, str]]:
    """Return what realms call a system by a name of their own: URI → realm → URI."""
    rows = _table("systems.toml")["system"]
    return MappingProxyType({row["uri"]: row["national"] for row in rows if "national" in row})


@lru_cache(maxsize=4096)
def misplaced(system: str, code: str) -> str | None:
    """Return the OID of the system that a code really belongs to; None if it may belong to the one named."""
    for rule in _misplaced():
        if rule.system == system and rule.pattern.fullmatch(code):
            return rule.belongs_to
    return None


@cache
def null_flavors() -> Mapping[str, NullFlavor]:
    """Return every null flavor there is and what it becomes."""
    rows = _table("values.toml")["null_flavor"]
    return MappingProxyType({
        code: NullFlavor(row["reason"], row.get("exact", True)) for code, row in rows.items()
    })  # fmt: skip


@cache
def value_map(name: str) -> Mapping[str, str]:
    """Return a map of `values.toml`: code of CDA → code of FHIR.  Raises KeyError if there is no such map."""
    return MappingProxyType(dict(_table("values.toml")["map"][name]))


@lru_cache(maxsize=1024)
def mailbox(domain: str) -> Mapping[str, Any] | None:
    """Return the row of `values.toml` for mailboxes of a domain, or of one above it; None for others."""
    for row in _table("values.toml")["mailbox"]:
        if f".{domain.lower()}".endswith(f".{row['domain']}"):
            return MappingProxyType(dict(row))
    return None


@lru_cache(maxsize=4096)
def ucum(unit: str) -> str | None:
    """Return the UCUM code of a unit as it stands in a document; None if it cannot be told.

    A bare number is no unit here: documents write codes of other systems in its place.
    """
    table = _table("units.toml")
    known = table["unit"].get(unit)
    if known is not None:
        return str(known)
    if unit in table["not_ucum"] or _NUMBERS.search(_NOTES.sub("", unit)):
        return None
    return unit if is_ucum(unit, _atoms()) else None


@lru_cache(maxsize=1024)
def unit_system(unit: str) -> str | None:
    """Return the system, other than UCUM, of which a code stands in the place of a unit; None for others."""
    rows = _table("units.toml")["coded"]
    return next((str(row["system"]) for row in rows if re.fullmatch(row["pattern"], unit, re.ASCII)), None)


@cache
def _systems() -> Mapping[str, System]:
    found: dict[str, System] = {}
    for row in _table("systems.toml")["system"]:
        for oid in row["oid"]:
            found[oid] = System(row["uri"])
        for oid in row.get("typo", ()):
            found[oid] = System(row["uri"], is_typo=True)
        for uri in row.get("alias", ()):
            found[uri] = System(row["uri"])
    return MappingProxyType(found)


@cache
def _atoms() -> Atoms:
    words = _table("units.toml")["ucum"]
    return Atoms(*(frozenset(words[name].split()) for name in ("prefix", "metric", "customary")))


@cache
def _misplaced() -> tuple[_Misplaced, ...]:
    rows = _table("systems.toml").get("misplaced", ())
    return tuple(_Misplaced(row["system"], re.compile(row["pattern"]), row["belongs_to"]) for row in rows)


@cache
def _table(name: str) -> dict[str, Any]:
    folder = resources.files("importers.cda")
    table = tomllib.loads(folder.joinpath(name).read_text("utf-8"))
    schema = json.loads(folder.joinpath("vocabulary.schema.json").read_text("utf-8"))
    jsonschema.validate(table, {"$ref": f"#/$defs/{name.removesuffix('.toml')}", "$defs": schema["$defs"]})
    return table
