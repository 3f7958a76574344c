"""How facts are spelled in the indexes: one spelling for each, the same when written and when asked for.

    token      code=http://loinc.org|8310-5      active=|true       (no system: nothing before the bar)
    reference  encounter=Encounter/1             definition=http://example.org/x%7C1.0
    string     family=muller                     (folded, see `fold`)
    person     subject!owner, performer=@        (residual; see `types.reference`)
    any system _tag:code=x                       (residual codes only; see `types.token`)
    text       code:text=headache                (residual, folded; what `:text` searches)
    typed      identifier:of-type=http://…|MR|1  (residual; what `:of-type` searches)
    long range date!long                         (sort dates only; see `planner`)
    words      _text= fracture of the femur      (residual; see `words`)
    stated     actor:type=Location               (residual: a reference that names no resource)

The first `|` of an entry ends the system of a token; nothing else holds a bar, so `system_of` can tell.
"""

from __future__ import annotations

import hashlib
from typing import Final

VERSION: Final = 3
"""Raised whenever the entries of a resource change: what is stored has to be reindexed then."""

MAX_TEXT = 512
"""Characters of a value that are spelled out; a longer one ends with its digest, so equality stays exact."""

_KEPT = 440


def token(name: str, system: str, code: str) -> str:
    """Return the spelling of a code; `system` is `""` for a code without one."""
    if "|" in system:
        system = system.replace("|", "%7C")
    return f"{name}={system}|{code if len(code) <= MAX_TEXT else shorten(code)}"


def plain(name: str, text: str) -> str:
    """Return the spelling of a reference or URI."""
    if "|" in text:
        text = text.replace("|", "%7C")
    return f"{name}={text if len(text) <= MAX_TEXT else shorten(text)}"


def present_marker(name: str) -> str:
    """Return the residual entry of a value that cannot be found but is there (a concept without codes)."""
    return f"{name}!present"


def text_head(name: str) -> str:
    """Return what the residual entries of the texts beside a code begin with."""
    return f"{name}:text="


def other_spelling(name: str) -> str:
    """Return what the entries of spellings that nobody wrote begin with: they do not order a name."""
    return f"{name}:spelling="


def of_type(name: str, system: str, code: str, value: str) -> str:
    """Return the residual entry of an identifier of a type."""
    parts = (part.replace("|", "%7C") if "|" in part else part for part in (system, code, value))
    return shorten(f"{name}:of-type={'|'.join(parts)}")


def long_marker(name: str) -> str:
    """Return the token of a sort date whose range is longer than any month."""
    return f"{name}!long"


def system_of(entry: str) -> tuple[str, str] | None:
    """Return (parameter name, system) of a token entry; None for any other entry."""
    head, bar, _ = entry.partition("|")
    if not bar:
        return None
    name, _, system = head.partition("=")
    return name, system


def shorten(text: str) -> str:
    """Return at most `MAX_TEXT` characters that stand for `text` alone."""
    if len(text) <= MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:_KEPT]}…{digest}"
