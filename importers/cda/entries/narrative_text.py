"""Comments on what R4 gives no note, as the resource's own narrative."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def narrative_of(notes: Iterable[Mapping[str, Any]]) -> dict[str, str] | None:
    """Return annotations as a Narrative that says more than the elements do; None if there are none."""
    paragraphs = "".join(f"<p>{escape(note['text'])}</p>" for note in notes)
    return {"status": "additional", "div": f"{_DIV}{paragraphs}</div>"} if paragraphs else None
