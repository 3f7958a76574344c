"""What every importer returns: FHIR, where each resource came from, and what was not carried over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class ImportIssue:
    """Something that a reader of the report should know.

    `kind` is one word of a closed list (`unmapped`, `null-flavor`, `unit`, `date`, `identifier`, `reference`,
    `code`, `structure`, `media` …).  `text` holds no personal data.  `xpath` is the place in the original.
    """

    severity: Severity
    kind: str
    text: str
    xpath: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a resource came from: a place in the original, as XPath and as bytes `start` to `end`."""

    xpath: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """A document as FHIR.

    `bundle` is a Bundle of type `collection` whose entries have a fullUrl (`urn:uuid:…`, the same for the
    same document every time) and refer to one another by it.  Its first entry is the DocumentReference of
    the original, its second the Binary with the original bytes.  Numbers are `model.number.Number` or int.

    `origins`: fullUrl → place.  `unmapped`: XPath without positions → how many elements or attributes of that
    place no resource carries.  `templates`: template → (entries met, entries that became resources).
    """

    bundle: dict[str, Any]
    issues: tuple[ImportIssue, ...]
    origins: Mapping[str, Origin]
    unmapped: Mapping[str, int]
    templates: Mapping[str, tuple[int, int]]


class Unreadable(Exception):
    """The bytes are refused: `kind` is a word of a closed list, the text says why, without content."""

    def __init__(self, kind: str, text: str, xpath: str | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.xpath = xpath
