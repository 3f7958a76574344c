"""Texts with holes: `{{unique}}`, `{{patient.id}}`, `{{patient:name.family}}`, `{{patient@ETag}}`.

{{base}}            the base URL of the server under test
{{unique}}          a text that no other run or case has; fit for a logical id
{{declared.type}}   what the CapabilityStatement declares, of a step with `declared`: .type .name .value
{{uuid}} {{uuid2}}  UUIDs of this case, one for each name that begins with `uuid`
{{name.id}}         of a saved answer: logical id; also .type, .version, .url (`Type/id`), .status
{{name:path}}       of a saved answer: the one primitive at a path of its JSON body
{{name@Header}}     of a saved answer: a header
{{name:path|url}}   the same, changed by one of `conformance.filters`
{{30 * name}}       the resource `name` thirty times, with commas between; `{{n}}` in it counts from 1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from conformance.filters import FILTERS
from conformance.instants import BadInstant
from conformance.literal_json import NotJson, decode, text_of
from conformance.paths import BadPath, parse_path, select
from conformance.saved import Saved

HOLE = re.compile(r"\{\{([^{}]+)\}\}")
REPEAT = re.compile(r"(\d+) \* ([a-z][a-z0-9_]*)")
ATTRIBUTES = ("id", "type", "version", "url", "status")


class BadTemplate(ValueError):
    """A hole cannot be filled."""


class Holes:
    """What the holes of one case are filled with; answers are added as its steps run."""

    def __init__(self, base: str, unique: str, resources: Mapping[str, str]) -> None:
        self._base = base
        self._unique = unique
        self._resources = resources
        self._saved: dict[str, Saved] = {}
        self._declared: Mapping[str, str] = {}

    def declaring(self, row: Mapping[str, str]) -> Holes:
        """Return these holes with what one row of the CapabilityStatement fills."""
        copied = copy(self)
        copied._declared = row
        return copied

    def save(self, name: str, answer: Saved) -> None:
        """Keep an answer for the steps that come."""
        self._saved[name] = answer

    def resource(self, name: str) -> str:
        """Return the text of a resource of the suite, filled.  Raises BadTemplate."""
        return self.fill(self._template(name))

    def fill(self, text: str) -> str:
        """Return a text with its holes filled.  Raises BadTemplate."""
        return HOLE.sub(lambda hole: self._value(hole[1].strip()), text)

    def fill_all(self, value: Any) -> Any:
        """Return a value of a suite file with the holes of its texts filled.  Raises BadTemplate."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, list):
            return [self.fill_all(item) for item in value]
        return value

    def _template(self, name: str) -> str:
        if name not in self._resources:
            raise BadTemplate(f"the suite has no resource {name!r}")
        return self._resources[name]

    def _value(self, hole: str) -> str:
        if repeat := REPEAT.fullmatch(hole):
            template = self._template(repeat[2])
            return ",".join(
                self.fill(template.replace("{{n}}", str(number))) for number in range(1, int(repeat[1]) + 1)
            )
        expression, _, name = hole.partition("|")
        return _filtered(self._plain(expression), name, hole)

    def _plain(self, hole: str) -> str:
        if hole == "base":
            return self._base
        if hole == "unique":
            return self._unique
        if hole.startswith("declared.") and hole[9:] in self._declared:
            return self._declared[hole[9:]]
        if hole.startswith("uuid"):
            return str(uuid5(NAMESPACE_URL, f"{self._unique}/{hole}"))
        found = re.fullmatch(r"([a-z][a-z0-9_]*)([.:@])(.+)", hole)
        if found is None or found[1] not in self._saved:
            raise BadTemplate(f"nothing is known of {{{{{hole}}}}}")
        value = READERS[found[2]](self._saved[found[1]], found[3])
        if value is None:
            raise BadTemplate(f"the answer has nothing for {{{{{hole}}}}}")
        return value


def _filtered(value: str, name: str, hole: str) -> str:
    if not name:
        return value
    if name not in FILTERS:
        raise BadTemplate(f"there is no filter {name!r}")
    try:
        changed = FILTERS[name](value)
    except BadInstant as error:
        raise BadTemplate(f"{{{{{hole}}}}}: {error}") from None
    if changed is None:
        raise BadTemplate(f"{{{{{hole}}}}} has nothing to take from {value!r}")
    return changed


def _attribute(answer: Saved, name: str) -> str | None:
    if name not in ATTRIBUTES:
        raise BadTemplate(f"an answer has {', '.join(ATTRIBUTES)}, not {name}")
    value: str | None = getattr(answer, name)
    return value


def _from_body(answer: Saved, path: str) -> str | None:
    try:
        found = select(decode(answer.body), parse_path(path))
    except (NotJson, BadPath):
        return None
    return text_of(found[0]) if len(found) == 1 else None


def _header(answer: Saved, name: str) -> str | None:
    return answer.headers.get(name.lower())


READERS = {".": _attribute, ":": _from_body, "@": _header}
