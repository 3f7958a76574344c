"""Resources of the public FHIRPath tests, read from FHIR XML into JSON trees by the type model."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from fhir_server.fhirpath.types import PRIMITIVES, TypeModel
from fhir_server.model import exact_json
from fhir_server.model.number import number

_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
_XHTML = "{http://www.w3.org/1999/xhtml}div"


def read_resource(path: Path, types: TypeModel) -> dict[str, Any]:
    """Return the JSON tree of a resource in a .json or .xml file."""
    if path.suffix == ".json":
        tree: dict[str, Any] = exact_json.decode(path.read_bytes())
        return tree
    return _resource(ET.fromstring(path.read_text(encoding="utf-8")), types)


def _resource(element: ET.Element, types: TypeModel) -> dict[str, Any]:
    name = _local(element)
    return {"resourceType": name, **_content(element, name, types)}


def _content(element: ET.Element, kind: str, types: TypeModel) -> dict[str, Any]:
    tree: dict[str, Any] = {name: value for name, value in element.attrib.items() if name != "value"}
    for child in element:
        slot = types.slot(kind, _local(child))
        assert slot is not None, f"{kind} has no {_local(child)}"
        value, sibling = _value(child, slot.type, types)
        if slot.is_list:
            tree.setdefault(slot.key, []).append(value)
            beside = tree.setdefault("_" + slot.key, [])
            beside.append(sibling)
        else:
            tree[slot.key], tree["_" + slot.key] = value, sibling
    return {
        name: value
        for name, value in tree.items()
        if value is not None and (name[0] != "_" or _is_used(value))
    }


def _is_used(sibling: Any) -> bool:
    return any(sibling) if isinstance(sibling, list) else bool(sibling)


def _value(element: ET.Element, kind: str, types: TypeModel) -> tuple[Any, dict[str, Any] | None]:
    if element.tag == _XHTML:
        return ET.tostring(element, encoding="unicode"), None
    if kind == "Resource":
        return _resource(element[0], types), None
    if kind not in PRIMITIVES:
        return _content(element, kind, types), None
    text = element.get("value")
    value: Any = text
    if text is not None and kind == "boolean":
        value = text == "true"
    elif text is not None and kind in _NUMBERS:
        value = number(text)
    return value, _content(element, kind, types) or None


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
