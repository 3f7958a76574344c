"""What kind of document it is, for those who look for it: format by templates, class by type; as data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from importers.cda.conversion import Conversion
from importers.cda.realm import realm_of
from importers.cda.xml import attr, child, children, path, tag_of

Json = dict[str, Any]


def format_of(cv: Conversion) -> Json:
    """Return the format of the document as a Coding, by its templates and the kind of file that it wraps."""
    mine = {attr(node, "root") for node in children(cv.source.root, "templateId")} | {""}
    rows = [row for template in mine for row in _tables()["formats"].get(template or "", ())]
    wrapped = attr(path(cv.source.root, "component/nonXMLBody/text"), "mediaType")
    row = min((row for row in rows if row.get("media", wrapped) == wrapped), key=lambda row: int(row["rank"]))
    return {"system": row["system"], "code": row["code"]}


def class_of(cv: Conversion, kind: Json) -> Json | None:
    """Return the class of a document of that type in its realm, as a CodeableConcept; None if unknown."""
    classes = _tables()["classes"]
    codes = [coding.get("code", "") for coding in kind.get("coding", ())]
    found = (classes.get((realm, code)) for realm in dict.fromkeys((realm_of(cv), "")) for code in codes)
    row = next(filter(None, found), None)
    if row is None:
        return None
    return {"coding": [{name: row[name] for name in ("system", "code", "display")}]}


def status_of(cv: Conversion) -> str | None:
    """Return the status that a statement in the document gives to the document; None if none does."""
    rows = {row["template"]: row["values"] for row in _tables()["status"]}
    for node in cv.source.root.iter(tag_of("templateId")):
        values = rows.get((node.get("root") or "").strip())
        statement = node.getparent()
        if values is not None and statement is not None:
            status: str | None = values.get(attr(child(statement, "value"), "code") or "")
            if status:
                return status
    return None


@cache
def _tables() -> Json:
    data = tomllib.loads(files(__package__).joinpath("documents.toml").read_text("utf-8"))
    classes = {(row.get("realm", ""), kind): row for row in data["class"] for kind in row["types"]}
    formats: dict[str, list[Json]] = {}
    for rank, row in enumerate(data["format"]):
        formats.setdefault(row["template"], []).append({**row, "rank": rank})
    return {**data, "classes": classes, "formats": formats}
