"""What the realms know of persons, as data: types of identifiers, and extensions of their core profiles."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import codeable_concept, identifier
from importers.cda.datatypes import identifiers as all_identifiers
from importers.cda.realm import realm_of
from importers.cda.text import text_of
from importers.cda.vocabulary import value_map
from importers.cda.xml import attr, children, path

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Realm:
    """The tables of `identities.toml`, by what they are looked up with."""

    identifiers: dict[str, Json]
    parties: dict[tuple[str, str], Json]
    defaults: dict[str, Json]
    birthplaces: dict[str, Json]
    genders: dict[str, dict[str, str]]
    roles: tuple[Json, ...]
    reliability: tuple[Json, ...]
    categories: tuple[Json, ...]


def identifiers(cv: Conversion, role: Element) -> list[Json]:
    """Return the identifiers of a patient, with the type and the use that their realm gives them."""
    realm = realm_of(cv)
    found = []
    for node in children(role, "id"):
        value = identifier(cv, node)
        if value:
            found.append(_typed(value, attr(node, "root") or "", realm))
    return found


def party_identifiers(cv: Conversion, role: Element, resource_type: str) -> list[Json]:
    """Return the identifiers of a professional or of another party, with the type that a realm gives them.

    An identifier that is by its form also one of a directory is followed by that one.
    """
    found: list[Json] = []
    for value in all_identifiers(cv, role):
        row = _tables().parties.get((resource_type, value.get("system", "")))
        if row is None:
            found.append(value)
            continue
        found.append({"type": {"coding": [dict(row["type"])]}, **value})
        found += [each for each in _also(row, value.get("value", "")) if each not in found]
    return found


def _also(row: Json, value: str) -> Iterator[Json]:
    for other in row.get("also", ()):
        known = re.fullmatch(other["pattern"], value, re.ASCII)
        if known is not None:
            kind = {"coding": [dict(other["type"])]}
            yield {"type": kind, "system": other["system"], "value": known[1]}


def role_codes(concept: Json) -> Json:
    """Return `code`, and `specialty` if there is one, of a role with that code.

    A code that is put together of a profession and a specialty stands as it is, the profession beside it.
    """
    professions: list[Json] = []
    specialties: list[Json] = []
    for coding in concept.get("coding", ()):
        for row in (row for row in _tables().roles if row["system"] == coding.get("system")):
            known = re.fullmatch(row["pattern"], coding.get("code", ""), re.ASCII)
            if known is None:
                continue
            professions.append({"system": row["profession"], "code": known["profession"]})
            system = row["specialties"].get(known["kind"] or "")
            if system is not None:
                specialties.append({"coding": [{"system": system, "code": known["specialty"]}]})
    coded = {**concept, "coding": [*concept["coding"], *professions]} if professions else concept
    return {"code": [coded], "specialty": specialties} if specialties else {"code": [coded]}


def reliability(role: Element) -> list[Json]:
    """Return the extension that says how far the identity can be relied on, if the realm has one."""
    roots = {attr(node, "root") for node in children(role, "id") if attr(node, "extension")}
    return [
        {
            "url": row["url"],
            "extension": [{"url": row["part"], "valueCoding": dict(row["coding"])}],
        }
        for row in _tables().reliability
        if roots & set(row["roots"])
    ]


def gender(cv: Conversion, code: str | None) -> str | None:
    """Return the administrative gender that a code stands for, in its realm; None if it is none."""
    special = _tables().genders.get(realm_of(cv), {})
    return special.get(code or "") or value_map("gender").get(code or "")


def birthplace_code(cv: Conversion, addr: Element) -> tuple[Element, Json] | None:
    """Return the part of the address of birth that holds the code of the place, and its extension."""
    row = _tables().birthplaces.get(realm_of(cv))
    node = None if row is None else path(addr, row["element"])
    if row is None or node is None or not re.fullmatch(row["pattern"], text_of(node)):
        return None
    coding = {"system": row["system"], "code": text_of(node)}
    return node, {"url": row["url"], "valueCoding": coding}


def categories(cv: Conversion, person: Element) -> list[Json]:
    """Return the codes of the person that a realm keeps in extensions of its own."""
    found = []
    for row in _tables().categories:
        nodes = [*children(person, row["element"]), *children(person, f"sdtc:{row['element']}")]
        concepts = [each for each in (codeable_concept(cv, node) for node in nodes) if each]
        if concepts:
            found.append({"url": row["url"], "extension": _parts(row, concepts)})
    return found


def _parts(row: Json, concepts: list[Json]) -> list[Json]:
    parts: list[Json] = []
    words: list[str] = []
    for concept in concepts:
        for coding in concept.get("coding", ()):
            kind = "ombCategory" if coding.get("code") in row["categories"] else "detailed"
            parts.append({"url": kind, "valueCoding": coding})
            words += [coding.get("display") or coding.get("code", "")]
        if not concept.get("coding"):
            words.append(concept.get("text", "unknown"))
    return [*parts, {"url": "text", "valueString": ", ".join(filter(None, words)) or "unknown"}]


def _typed(value: Json, root: str, realm: str) -> Json:
    tables = _tables()
    row = tables.identifiers.get(root) or tables.defaults.get(realm) or {}
    said: Json = {}
    if "use" in row:
        said["use"] = row["use"]
    if "type" in row:
        said["type"] = {"coding": [dict(row["type"])]}
    return {**said, **value}


@cache
def _tables() -> _Realm:
    data = tomllib.loads(files(__package__).joinpath("identities.toml").read_text("utf-8"))
    return _Realm(
        identifiers={row["root"]: row for row in data["identifier"]},
        parties={(row["resource"], f"urn:oid:{row['root']}"): row for row in data["party"]},
        defaults={row["realm"]: row for row in data["default"]},
        birthplaces={row["realm"]: row for row in data["birthplace"]},
        genders={row["realm"]: row["codes"] for row in data["gender"]},
        roles=tuple(data["role"]),
        reliability=tuple(data["reliability"]),
        categories=tuple(data["category"]),
    )
