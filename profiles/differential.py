"""The rows of a differential, read once: what each says, and about which element.

Spec: https://hl7.org/fhir/R4/elementdefinition.html#interpretation
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profiles.definitions import Invariant, ProfileElement
from profiles.package import DefinitionError
from profiles.read_profile import FAULTS, definition_url, fault_text, read_element

Step = tuple[str, str | None]
"""The name of an element, and its slice."""


@dataclass(frozen=True, slots=True)
class DifferentialRow:
    """One element of a differential.

    `element` holds what the row says; `said` names the keys that it has (`min`, `type` …), for the others the
    base counts.  `rules` are its constraints.
    """

    id: str
    steps: tuple[Step, ...]
    element: ProfileElement
    said: frozenset[str]
    rules: tuple[Invariant, ...]

    def says(self, key: str) -> bool:
        """Return whether the row has that key."""
        return key in self.said


def differential_rows(tree: Mapping[str, Any]) -> tuple[DifferentialRow, ...]:
    """Return the rows of a StructureDefinition in their order; none if there is no differential.

    Raises DefinitionError for rows that are malformed.
    """
    url = definition_url(tree)
    differential = tree.get("differential", {})
    rows = differential.get("element", ()) if isinstance(differential, Mapping) else None
    if rows is None or not isinstance(rows, (list, tuple)):
        raise DefinitionError(url, None, "has a malformed differential")
    return tuple(_rows(url, rows))


def _rows(url: str, rows: Sequence[Any]) -> Iterator[DifferentialRow]:
    slices: dict[str, str] = {}
    for number, raw in enumerate(rows):
        place = f"element {number + 1} of the differential"
        try:
            place = str(raw.get("id") or raw["path"])
            yield _row(raw, slices)
        except FAULTS as fault:
            raise DefinitionError(url, place, f"is malformed: {fault_text(fault)}") from fault


def _row(raw: Mapping[str, Any], slices: dict[str, str]) -> DifferentialRow:
    invariants: dict[str, Invariant] = {}
    element = read_element({"min": 0, "max": "*"} | dict(raw), invariants)
    steps = _steps(element, "id" in raw, slices)
    return DifferentialRow(
        id=".".join(name + (f":{slice_name}" if slice_name else "") for name, slice_name in steps),
        steps=steps,
        element=element,
        said=_said(raw),
        rules=tuple(invariants[key] for key in element.constraints),
    )


def _said(raw: Mapping[str, Any]) -> frozenset[str]:
    choices = ("fixed", "pattern", "minValue", "maxValue")
    found = set(raw)
    for name in choices:
        if any(key.startswith(name) and key[len(name) :][:1].isupper() for key in raw):
            found.add(name)
    return frozenset(found)


def _steps(element: ProfileElement, has_id: bool, slices: dict[str, str]) -> tuple[Step, ...]:
    """The steps that the id gives; where it does not fit the path, the path and the slices opened above."""
    names = element.path.split(".")
    if has_id:
        steps = tuple(_split(part) for part in element.id.split("."))
        if len(steps) == len(names) and (steps[-1][1] is not None or element.slice_name is None):
            return steps
    path, found = "", list[Step]()
    for name in names:
        path = f"{path}.{name}" if path else name
        found.append((name, slices.get(path)))
    for known in [known for known in slices if known == element.path or known.startswith(element.path + ".")]:
        del slices[known]
    found[-1] = (names[-1], element.slice_name)
    if element.slice_name is not None:
        slices[element.path] = element.slice_name
    return tuple(found)


def _split(part: str) -> Step:
    name, _, slice_name = part.partition(":")
    return name, slice_name or None
