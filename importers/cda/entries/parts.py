"""The statements inside a statement, each with the row of the table that tells what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from importers.cda.conversion import Conversion, Element
from importers.cda.entries.templates import V3, Row, name_of, row_of
from importers.cda.xml import by_tag, children, once

_LINKS = frozenset({V3 + "entryRelationship", V3 + "component", V3 + "entry"})
_TEMPLATE = V3 + "templateId"
TRUE = frozenset({"true", "1"})
"""How a true indicator is written.  Spec: https://www.w3.org/TR/xmlschema-2/#boolean"""

_STRUCTURE = ("typeCode", "inversionInd", "contextConductionInd", "contextControlCode", "negationInd")


@dataclass(frozen=True, slots=True)
class Part:
    """A statement inside another: `link` is the entryRelationship or component around it.

    `relation` is the typeCode of the link (`COMP` for a component that names none).
    """

    statement: Element
    link: Element
    relation: str
    inverted: bool
    negated: bool
    row: Row | None

    @property
    def kind(self) -> str:
        """The mapper or part name of the table, empty if no table knows the template."""
        return "" if self.row is None else self.row.mapper

    @property
    def is_denied(self) -> bool:
        """Whether the statement or its link is negated."""
        return self.negated or self.statement.get("negationInd") in TRUE

    @property
    def is_part(self) -> bool:
        """Whether the table says that this belongs to the statement around it."""
        return self.row is not None and self.row.role in ("part", "flag")


def statement_in(link: Element) -> Element | None:
    """Return the statement that an `entry`, `entryRelationship` or `component` holds."""
    for node in link:
        if name_of(node) is not None:
            return node
    return None


def parts_of(statement: Element, kind: str | None = None) -> tuple[Part, ...]:
    """Return the statements directly inside a statement, in order: all, or those of a kind."""
    parts, by_kind = _parts(statement)
    return parts if kind is None else by_kind.get(kind, ())


@once
def _parts(statement: Element) -> tuple[tuple[Part, ...], Mapping[str, tuple[Part, ...]]]:
    parts = tuple(_each_part(statement))
    kinds = dict.fromkeys(part.kind for part in parts)
    by_kind = {kind: tuple(part for part in parts if part.kind == kind) for kind in kinds}
    return parts, by_kind


def _each_part(statement: Element) -> Iterator[Part]:
    for link in children(statement, "entryRelationship", "component"):
        inner = statement_in(link)
        if inner is not None:
            relation = link.get("typeCode") or "COMP"
            yield Part(
                inner,
                link,
                relation,
                link.get("inversionInd") in TRUE,
                link.get("negationInd") in TRUE,
                row_of(inner),
            )


def take_statement(cv: Conversion, statement: Element) -> None:
    """Take what a statement says by its shape: class, mood, template ids, and the link that leads to it."""
    cv.take(statement, "classCode", "moodCode", "typeCode")
    for template in by_tag(statement).get(_TEMPLATE, ()):
        cv.take(template)
    link = statement.getparent()
    if link is not None and link.tag in _LINKS:
        cv.take(link, *_STRUCTURE)
        for template in by_tag(link).get(_TEMPLATE, ()):
            cv.take(template)
