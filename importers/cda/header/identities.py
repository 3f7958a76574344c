"""What the realms know of persons, as data: types of identifiers, and extensions of their core profiles."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes import codeable_concept, identifier
from importers.cda.text import text_of
from importers.cda.xml import attr, children, path

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Realm:
    """The tables of `identities.toml`, by what they are looked up with."""

    identifiers: dict[str, Json]
    defaults: dict[str, Json]
    birthplaces: dict[str, Json]
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


def realm_of(cv: Conversion) -> str:
    """Return the realm code of the document, empty if it has none."""
    return attr(path(cv.source.root, "realmCode"), "code") or ""


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
        defaults={row["realm"]: row for row in data["default"]},
        birthplaces={row["realm"]: row for row in data["birthplace"]},
        reliability=tuple(data["reliability"]),
        categories=tuple(data["category"]),
    )
