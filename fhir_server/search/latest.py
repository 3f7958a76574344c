"""The most recent of each group: what shares a code, directly or through others, is one group.

Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_server.model.plan import Coded


def latest(found: Sequence[Coded], most: int) -> list[Coded]:
    """Return of each group the first `most` of `found`, which is newest first, with the ties of the last one.

    What has no code at all is a group of its own; what has no date ties with nothing.
    """
    roots = _roots(found)
    counts: dict[str, int] = {}
    last: dict[str, Coded] = {}
    chosen = []
    for one in found:
        group = _root(roots, one.codes[0]) if one.codes else f"id:{one.id}"
        count = counts.get(group, 0)
        if count >= most and (one.sort is None or last[group].sort != one.sort):
            continue
        counts[group], last[group] = count + 1, one
        chosen.append(one)
    return chosen


def _roots(found: Sequence[Coded]) -> dict[str, str]:
    """Return of each code another of its group, until a code stands for the group by itself."""
    roots: dict[str, str] = {}
    for one in found:
        for code in one.codes:
            roots.setdefault(code, code)
        for code in one.codes[1:]:
            roots[_root(roots, code)] = _root(roots, one.codes[0])
    return roots


def _root(roots: dict[str, str], code: str) -> str:
    while roots[code] != code:
        roots[code] = roots[roots[code]]
        code = roots[code]
    return code
