"""The member-path forms of search expressions, read into steps.

Nearly every R4 search parameter is a union of paths with casts and simple filters.  Those are compiled
to direct dictionary access; `read_expression` says which arms need the FHIRPath engine instead.
Spec: https://hl7.org/fhir/R4/searchparameter-definitions.html#SearchParameter.expression
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Child:
    """Go to the child elements of this name (`value` for a choice)."""

    name: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Keep what is of this type; its case is not trusted (`DateTime` stands in R4)."""

    type: str


@dataclass(frozen=True, slots=True)
class ResolvesTo:
    """Keep references to this resource type."""

    type: str


@dataclass(frozen=True, slots=True)
class ElementIs:
    """Keep items whose child element has this text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HasExtension:
    """Keep items that carry the extension of this URL."""

    url: str


@dataclass(frozen=True, slots=True)
class At:
    """Keep the item at this place."""

    index: int


Step = Child | Cast | ResolvesTo | ElementIs | HasExtension | At


@dataclass(frozen=True, slots=True)
class Path:
    """One arm of a union; `root` is a type name, `%resource`, or None for a path relative to its context."""

    root: str | None
    steps: tuple[Step, ...]


_STEP = re.compile(
    r"\.where\(\s*resolve\(\)\s+is\s+(?P<resolves>\w+)\s*\)"
    r"|\.where\(\s*hasExtension\('(?P<has>[^']+)'\)\s*\)"
    r"|\.where\(\s*(?P<element>\w+)\s*=\s*'(?P<value>[^']*)'\s*\)"
    r"|\.(?:as|ofType)\(\s*(?P<cast>\w+)\s*\)"
    r"|\.extension\('(?P<extension>[^']+)'\)"
    r"|\[(?P<index>\d+)\]"
    r"|\.(?P<child>\w+)(?!\w*\()"
)
_INFIX_CAST = re.compile(r"(?P<path>.+?)\s+as\s+(?P<type>\w+)\Z")
RESOURCE = "%resource"
_ROOT = re.compile(r"[A-Z]\w*|%resource\b")


def split_union(expression: str) -> list[str]:
    """Return the arms of the outermost `|`."""
    arms, depth, start, quoted = [], 0, 0, False
    for place, character in enumerate(expression):
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == "|" and depth == 0:
            arms.append(expression[start:place])
            start = place + 1
    arms.append(expression[start:])
    return [arm.strip() for arm in arms if arm.strip()]


def read_path(arm: str) -> Path | None:
    """Return the path that an arm is, None if it is another kind of expression."""
    arm = arm.strip()
    cast: tuple[Step, ...] = ()
    rest = ""
    if arm.startswith("("):
        inside, rest = _parenthesis(arm)
        match = _INFIX_CAST.match(inside)
        arm = inside
        if match is not None:
            arm, cast = match["path"].strip(), (Cast(match["type"]),)
    root = _ROOT.match(arm)
    steps = _steps(arm[root.end() :] if root is not None else "." + arm)
    following = _steps(rest)
    if steps is None or following is None:
        return None
    return Path(root.group() if root is not None else None, (*steps, *cast, *following))


def _parenthesis(text: str) -> tuple[str, str]:
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return text[1:place].strip(), text[place + 1 :]
    return text[1:].strip(), ""


def _steps(text: str) -> tuple[Step, ...] | None:
    steps: list[Step] = []
    place = 0
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            return None
        steps.extend(_step(match))
        place = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> tuple[Step, ...]:
    if match["child"] is not None:
        return (Child(match["child"]),)
    if match["resolves"] is not None:
        return (ResolvesTo(match["resolves"]),)
    if match["has"] is not None:
        return (HasExtension(match["has"]),)
    if match["element"] is not None:
        return (ElementIs(match["element"], match["value"]),)
    if match["cast"] is not None:
        return (Cast(match["cast"]),)
    if match["extension"] is not None:
        return (Child("extension"), ElementIs("url", match["extension"]))
    return (At(int(match["index"])),)
