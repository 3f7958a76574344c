"""A Questionnaire as a tree of items, as far as it can be read.

Spec: https://hl7.org/fhir/R4/questionnaire.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One question, group or display text; `node` is the raw item."""

    link_id: str
    type: str
    required: bool
    repeats: bool
    node: Mapping[str, Any]
    children: tuple[Item, ...]

    def extension(self, name: str) -> Any:
        """Return the value of the extension whose canonical ends with `name`, None if it is not there."""
        return extension_value(self.node, name)


def items_of(holder: Mapping[str, Any]) -> tuple[Item, ...]:
    """Return the items of a Questionnaire, or below an item; what is malformed is left out."""
    return tuple(_items(holder))


def _items(holder: Mapping[str, Any]) -> Iterator[Item]:
    for node in objects(holder.get("item")):
        link_id, kind = node.get("linkId"), node.get("type")
        if isinstance(link_id, str) and isinstance(kind, str):
            yield Item(
                link_id=link_id,
                type=kind,
                required=node.get("required") is True,
                repeats=node.get("repeats") is True,
                node=node,
                children=items_of(node),
            )


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of an array; empty for what is no array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def extension_value(node: Mapping[str, Any], name: str) -> Any:
    """Return the value of the extension whose canonical ends with `name`, None if it is not there.

    The same extensions have lived in more than one guide.
    """
    for extension in objects(node.get("extension")):
        if str(extension.get("url")).rpartition("/")[2] == name:
            return next((value for key, value in extension.items() if key.startswith("value")), None)
    return None


def answer_of(node: Mapping[str, Any], prefix: str = "value") -> tuple[str, Any] | None:
    """Return the type and value of a choice (`valueCoding` → `Coding`), None if it has none."""
    for key, value in node.items():
        if key.startswith(prefix) and key[len(prefix) : len(prefix) + 1].isupper():
            return key[len(prefix) :], value
    return None
