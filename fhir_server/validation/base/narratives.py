"""Narratives: links that lead somewhere, ids that are unique.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_server.model.outcome import Issue
from fhir_server.validation.base.anchors import Div, read_div
from fhir_server.validation.base.walk import Place
from fhir_server.validation.base.world import World, fault

_SCHEMES = re.compile(r"(?:https?|ftps?|mailto|tel|sms|data|file|cid|fax|callto):", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_ATTRIBUTES = frozenset(
    re.findall(
        r"\w+",
        "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char"
        " charoff charset cite class color colspan compact coords data dir face frame headers height href"
        " hreflang hspace id lang longdesc name noshade nowrap rel rev rowspan rules scope shape size span"
        " src start style summary tabindex title type usemap valign value vspace width",
    )
)
"""What HTML 4.0 gives to the elements that a narrative may have."""


def narrative_faults(place: Place, world: World) -> Iterator[Issue]:
    """Yield what is wrong with one `div`."""
    if not isinstance(place.value, str):
        return
    div = read_div(place.value)
    if div is None:
        return  # structure has refused it
    level = world.options.narratives
    if not div.has_content:
        yield fault(level, "invariant", "has nothing to read (txt-2).", place)
    foreign = sorted(name for name in div.attributes if name.lower() not in _ATTRIBUTES)
    if foreign:
        yield fault(level, "invariant", f"may not have the attribute `{foreign[0][:32]}` (txt-1).", place)
    if len(set(div.ids)) < len(div.ids):
        yield fault(level, "illegal-value", "two elements have the same id.", place)
    yield from _link_faults(div, place, world)


def _link_faults(div: Div, place: Place, world: World) -> Iterator[Issue]:
    level = world.options.narratives
    inner = any(link.startswith("#") for link in (*div.hrefs, *div.sources))
    known = world.anchors_of(place.scope) if inner else set()
    for link in div.hrefs:
        scheme = _SCHEME.match(link)
        if scheme is not None and _SCHEMES.match(link) is None:
            yield fault(level, "illegal-value", "a link has a scheme that nobody can follow.", place)
        elif link.startswith("#") and len(link) > 1 and link[1:] not in known:
            yield fault(level, "unresolved-reference", "a link to `#…` leads nowhere.", place)
    for source in div.sources:
        if source.startswith("#") and source[1:] not in known:
            yield fault(level, "unresolved-reference", "an image `#…` is not there.", place)
