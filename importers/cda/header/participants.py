"""Who took part in the document: authors, attesters, and all the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from importers.cda.conversion import Conversion, Element, Reference
from importers.cda.datatypes import codeable_concept, date_time, period
from importers.cda.extensions import FUNCTION, PARTICIPATION, TIME, own, own_parts
from importers.cda.people import author, party
from importers.cda.xml import child, children

Json = dict[str, Any]

PARTICIPATION_TYPE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ATTESTERS = (("legalAuthenticator", "legal"), ("authenticator", "professional"))
_OTHERS = (
    ("dataEnterer", "ENT"),
    ("informant", "INF"),
    ("informationRecipient", "PRCP"),
    ("participant", ""),
)
"""Element → type of participation where it names none itself."""


@dataclass(frozen=True, slots=True)
class Author:
    """One author: `time` is a dateTime."""

    who: Reference
    time: str | None
    function: Json | None


@dataclass(frozen=True, slots=True)
class Attester:
    """One who vouches for the document: `mode` is a code of composition-attestation-mode."""

    mode: str
    time: str | None
    who: Reference | None


@dataclass(frozen=True, slots=True)
class Participants:
    """Those who took part; `others` are extensions of ours."""

    authors: tuple[Author, ...]
    attesters: tuple[Attester, ...]
    others: tuple[Json, ...]

    @property
    def responsible(self) -> Reference | None:
        """Who vouches for the document before the law, None if nobody is named."""
        named = (each.who for each in self.attesters if each.mode == "legal")
        return next(filter(None, named), None)


def read_participants(cv: Conversion) -> Participants:
    """Convert the participants of the header that are not contacts of the patient."""
    root = cv.source.root
    return Participants(authors_of(cv, root), tuple(_attesters(cv, root)), tuple(_others(cv, root)))


def authors_of(cv: Conversion, holder: Element) -> tuple[Author, ...]:
    """Return the authors that the document, or a section, names."""
    found = []
    for node in children(holder, "author"):
        who = author(cv, node)
        if who is None:
            cv.issue("warning", "structure", "An author is not named.", node)
        else:
            found.append(Author(who, _time(cv, node), codeable_concept(cv, child(node, "functionCode"))))
    return tuple(found)


def reference_to(author: Author, base: str) -> Json:
    """Return a reference to an author that says when and in which function they wrote."""
    said = []
    if author.time:
        said.append(own(base, TIME, "DateTime", author.time))
    if author.function:
        said.append(own(base, FUNCTION, "CodeableConcept", author.function))
    return {**({"extension": said} if said else {}), **author.who}


def participation(cv: Conversion, node: Element, default: str) -> Json | None:
    """Return a participation as an extension of ours; None where it names nobody.

    `default` is the type where the element has no `typeCode`.
    """
    who = party(cv, node)
    if who is None:
        return None
    kind = node.get("typeCode") or default
    cv.take(node, "typeCode")
    span = period(cv, child(node, "time"))
    concept = codeable_concept(cv, child(node, "functionCode"))
    return own_parts(
        cv.base,
        PARTICIPATION,
        type=("Coding", {"system": PARTICIPATION_TYPE, "code": kind}) if kind else None,
        function=("CodeableConcept", concept) if concept else None,
        period=("Period", span) if span else None,
        party=("Reference", who),
    )


def _attesters(cv: Conversion, root: Element) -> Iterator[Attester]:
    for name, mode in _ATTESTERS:
        for node in children(root, name):
            signature = child(node, "signatureCode")
            if signature is not None:
                cv.take(signature, "code")
            yield Attester(mode, _time(cv, node), party(cv, node))


def _others(cv: Conversion, root: Element) -> Iterator[Json]:
    for name, default in _OTHERS:
        for node in children(root, name):
            if not cv.is_used(node):
                said = participation(cv, node, default)
                if said is not None:
                    yield said


def _time(cv: Conversion, node: Element) -> str | None:
    return date_time(cv, child(node, "time"))
