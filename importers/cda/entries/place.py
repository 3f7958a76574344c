"""Where in a document a statement stands, and what it inherits from there."""

from __future__ import annotations

from dataclasses import dataclass

from importers.cda.conversion import Element, Reference


@dataclass(frozen=True, slots=True)
class Place:
    """What a mapper knows of a statement besides the statement itself.

    `section` is the section node (None outside of any), `section_code` its code, `section_templates` the
    roots of its template ids.  `authors` are those of the section or of a statement around, for what names
    none itself.  `parent` is the resource of the statement around, `relation` the typeCode that leads
    from it (`COMP` for a component), `around` the statement around, also one without a resource (a concern
    act, an organizer).  `inverted` and `negated` are said of that relation itself.
    """

    section: Element | None = None
    section_code: str | None = None
    section_templates: frozenset[str] = frozenset()
    authors: tuple[Reference, ...] = ()
    around: Element | None = None
    parent: Reference | None = None
    relation: str | None = None
    inverted: bool = False
    negated: bool = False

    def within(
        self, around: Element, parent: Reference | None, relation: str, inverted: bool, negated: bool
    ) -> Place:
        """Return the place of a statement inside `around`."""
        return Place(
            self.section,
            self.section_code,
            self.section_templates,
            self.authors,
            around,
            parent,
            relation,
            inverted,
            negated,
        )
