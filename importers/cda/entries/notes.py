"""Comments on a statement: comment acts inside it, and its own text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from importers.cda import datatypes
from importers.cda.conversion import Conversion, Element
from importers.cda.entries import statement as st
from importers.cda.entries.parts import parts_of, take_statement
from importers.cda.xml import child, children

COMMENT = "comment"
"""The kind of a comment act in the tables."""


def notes(cv: Conversion, statement: Element, own: bool = True) -> list[dict[str, Any]]:
    """Return the annotations of a statement: each comment act inside it, then its text if `own`."""
    made = (comment(cv, part.statement) for part in parts_of(statement, COMMENT))
    found = list({repr(note): note for note in made if note is not None}.values())
    text = st.text_of(cv, statement) if own else None
    if text and text not in [note["text"] for note in found]:
        found.append({"text": text})
    return found


def notes_beside(
    cv: Conversion, statement: Element, around: Element | None, *concepts: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the annotations of a statement and of one around it, without those that only repeat a concept.

    Those of the one around are said again of each statement in it, the same objects each time.
    Documents often make the text of a statement that of its code, or of its kind.
    """
    known = {word.casefold() for concept in concepts for word in _words_of(concept)}
    own = [note for note in notes(cv, statement) if _says_more(note, known)]
    if around is None:
        return own
    beside = cv.once(_comments, around)
    cv.repeat(beside.written)
    if not own and beside.words.isdisjoint(known):
        return list(beside.notes)
    return own + [note for note in beside.notes if note not in own and _says_more(note, known)]


def _says_more(note: Mapping[str, Any], known: Collection[str]) -> bool:
    return len(note) > 1 or note["text"].casefold() not in known


def put_notes(resource: dict[str, Any], found: list[dict[str, Any]]) -> None:
    """Add annotations, of which no two are equal, to those that a resource has."""
    known = resource.get("note", [])
    st.put(resource, "note", known + [note for note in found if note not in known] if known else found)


@dataclass(frozen=True, slots=True)
class _Comments:
    """The comments in an act; `written` is what each repetition of them comes to."""

    notes: tuple[dict[str, Any], ...]
    words: frozenset[str]
    written: str


def _comments(cv: Conversion, act: Element) -> _Comments:
    found = tuple(notes(cv, act, own=False))
    return _Comments(
        found, frozenset(note["text"].casefold() for note in found), repr(found) if found else ""
    )


def _words_of(concept: Mapping[str, Any] | None) -> list[str]:
    codings = (concept or {}).get("coding", ())
    words = [(concept or {}).get("text"), *(coding.get("display") for coding in codings)]
    return [" ".join(word.split()) for word in words if word]


def comment(cv: Conversion, act: Element) -> dict[str, Any] | None:
    """Return a comment act as Annotation with author and time; None, with an issue, if it says nothing."""
    take_statement(cv, act)
    words = st.text_of(cv, act)
    for node in children(act, "code", "statusCode"):
        cv.take(node)
    for node in children(act, "id"):
        cv.leave(node, "an Annotation has no identifier")
    if not words:
        cv.issue("warning", "entry", "A comment has no words.", act)
        return None
    note: dict[str, Any] = {"text": words}
    authors = (st.limited(cv, author, _PEOPLE) for author in st.own_authors(cv, act))
    st.put(note, "authorReference", next((found for found in authors if found), None))
    time = child(act, "effectiveTime")
    st.put(note, "time", st.authored(cv, act) or datatypes.date_time(cv, time))
    return note


_PEOPLE = frozenset({"Practitioner", "Patient", "RelatedPerson", "Organization"})
"""Whom Annotation.author may refer to."""
