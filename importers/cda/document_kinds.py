"""What kind of document it is, for those who look for it: format by templates, class by type; as data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from importers.cda.conversion import Conversion
from importers.cda.xml import attr, child, children, tag_of

Json = dict[str, Any]


def format_of(cv: Conversion) -> Json:
    """Return the format of the document as a Coding, by its templates."""
    mine = {attr(node, "root") for node in children(cv.source.root, "templateId")} | {""}
    row = next(row for row in _tables()["format"] if row["template"] in mine)
    return {"system": row["system"], "code": row["code"]}


def class_of(kind: Json) -> Json | None:
    """Return the class of a document of that type as a CodeableConcept; None if no table knows it."""
    classes = _tables()["classes"]
    found = (classes.get(coding.get("code", "")) for coding in kind.get("coding", ()))
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
    return {**data, "classes": {kind: row for row in data["class"] for kind in row["types"]}}
