"""Laboratory results: the report of a chapter, batteries, single results and isolated organisms."""

from __future__ import annotations

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import codeable_concept
from importers.cda.entries import statement as st
from importers.cda.entries.diagnostic_report import report
from importers.cda.entries.observation import coded, keep, observation, put_context
from importers.cda.entries.place import Place
from importers.cda.entries.remarks import remarks
from importers.cda.xml import path

_LABORATORY = "laboratory"


def result(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make an Observation of a result."""
    return observation(cv, statement, place, _LABORATORY)


def isolate(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make an Observation of an organism that was isolated: it is the value, the batteries are members."""
    resource = st.start(cv, statement, "Observation", "subject", "encounter")
    put_context(cv, resource, statement, place, _LABORATORY)
    resource["code"] = coded(cv, statement)
    organism = path(statement, "specimen/specimenRole/specimenPlayingEntity/code")
    st.put(resource, "valueCodeableConcept", None if organism is None else codeable_concept(cv, organism))
    st.put(resource, "note", remarks(cv, statement, resource))
    return [keep(cv, statement, place, resource)]


def chapter(cv: Conversion, statement: Element, place: Place) -> list[Reference]:
    """Make a DiagnosticReport of a chapter of the laboratory's report."""
    return report(cv, statement, place, "LAB")


MAPPERS = {"laboratory-result": result, "isolate": isolate, "laboratory-report": chapter}
