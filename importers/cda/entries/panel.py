"""Organizers: statements that belong together, as an Observation whose members they are."""

from __future__ import annotations

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.entries import statement as st
from importers.cda.entries.observation import coded, keep, put_context
from importers.cda.entries.place import Place
from importers.cda.entries.qualifiers import qualifier_components
from importers.cda.entries.remarks import remarks


def panel(cv: Conversion, statement: Element, place: Place, category: str | None = None) -> list[Reference]:
    """Make an Observation without a value; the engine adds what is inside as its members."""
    resource = st.start(cv, statement, "Observation", "subject", "encounter")
    put_context(cv, resource, statement, place, category)
    resource["code"] = coded(cv, statement)
    st.put(resource, "component", qualifier_components(cv, statement))
    st.put(resource, "note", remarks(cv, statement, resource))
    return [keep(cv, statement, place, resource)]


def _survey(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    return panel(cv, statement, place, "survey")


def _exam(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    return panel(cv, statement, place, "exam")


def _laboratory(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    return panel(cv, statement, place, "laboratory")


MAPPERS = {
    "organizer": panel,
    "survey-panel": _survey,
    "exam-panel": _exam,
    "laboratory-panel": _laboratory,
}
