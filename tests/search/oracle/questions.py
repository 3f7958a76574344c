"""Random queries out of the values that are there: each kind of parameter in each of its spellings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.search.oracle import amounts, links, texts, times
from tests.search.oracle.brute_force import PREFIXES, BruteForce, Criterion
from tests.search.oracle.parameters import Found

RESERVED = frozenset(",|$\\")
SAMPLES = 60
"""Values of one parameter that queries are made of."""
LEFT_ALONE = frozenset({"_lastUpdated", "_id"})
"""Every resource has them: `:missing` says nothing."""
ANYTHING = Criterion("_lastUpdated", ("ge1900",))
"""What is asked where a value that was drawn cannot be spelled."""
PRECISIONS = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+02:00")


@dataclass(frozen=True, slots=True)
class Query:
    """Criteria of one type."""

    resource_type: str
    criteria: tuple[Criterion, ...]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [criterion.pair for criterion in self.criteria]


@dataclass
class Questions:
    """Makes queries about what a brute force knows; `codes` are the parameters that may be asked, by type."""

    force: BruteForce
    codes: Mapping[str, Sequence[str]]
    _pools: dict[tuple[str, str], list[Found]] = field(default_factory=dict)

    def pool(self, resource_type: str, code: str) -> list[Found]:
        """Return some of the values that a parameter has."""
        key = (resource_type, code)
        if key not in self._pools:
            found = [
                each for one in self.force.of_type(resource_type) for each in self.force.values.of(one, code)
            ]
            step = max(1, len(found) // SAMPLES)
            self._pools[key] = found[::step]
        return self._pools[key]

    def asked(self, resource_type: str) -> list[str]:
        """Return the parameters of a type that have values."""
        known = self.force.values.registry.parameters[resource_type]
        plain = [
            code for code in self.codes[resource_type] if code in known and known[code].type != "special"
        ]
        return [code for code in plain if self.pool(resource_type, code)]

    @property
    def queries(self) -> st.SearchStrategy[Query]:
        """Queries of one to three criteria."""
        types = sorted(kind for kind in self.codes if self.asked(kind))
        return st.sampled_from(types).flatmap(self.queries_of)

    def queries_of(self, resource_type: str) -> st.SearchStrategy[Query]:
        """Queries of one type."""
        one = st.sampled_from(self.asked(resource_type)).flatmap(
            lambda code: self.criteria(resource_type, code)
        )
        several = st.lists(one, min_size=1, max_size=3)
        return several.map(lambda criteria: Query(resource_type, tuple(criteria)))

    def criteria(self, resource_type: str, code: str) -> st.SearchStrategy[Criterion]:
        """Criteria of one parameter."""
        kind = self.force.values.definition(resource_type, code).type
        made = self._spelled(resource_type, code, kind)
        if code in LEFT_ALONE or kind == "composite":
            return made
        missing = st.sampled_from(("true", "false")).map(lambda text: Criterion(code, (text,), "missing"))
        return st.one_of(*[made] * 9, missing)

    def _spelled(self, resource_type: str, code: str, kind: str) -> st.SearchStrategy[Criterion]:
        modifiers = _MODIFIERS.get(kind, (None,)) if code not in LEFT_ALONE else (None,)

        @st.composite
        def criterion(draw: st.DrawFn) -> Criterion:
            modifier = draw(st.sampled_from(modifiers))
            count = draw(st.sampled_from((1, 1, 1, 2, 3)))
            spelled = [self._value(draw, resource_type, code, kind, modifier) for _ in range(count)]
            values = tuple(dict.fromkeys(text for text in spelled if text is not None))
            if modifier == "[type]" and values:
                modifier = values[0].partition("/")[0]
                if modifier not in self.force.values.definition(resource_type, code).targets:
                    return ANYTHING
                return Criterion(
                    code, tuple(value for value in values if value.startswith(f"{modifier}/")), modifier
                )
            return Criterion(code, values, modifier) if values else ANYTHING

        return criterion()

    def _value(
        self, draw: st.DrawFn, resource_type: str, code: str, kind: str, modifier: str | None
    ) -> str | None:
        found = draw(st.sampled_from(self.pool(resource_type, code)))
        if kind == "composite":
            return self._composite(draw, resource_type, code, found)
        if code == "_id":
            return str(found.value)
        text = self.spell(draw, resource_type, code, kind, modifier, found)
        return text if text and not RESERVED.intersection(text.replace("|", "")) else None

    def _composite(self, draw: st.DrawFn, resource_type: str, code: str, found: Found) -> str | None:
        other = draw(st.sampled_from(self.pool(resource_type, code))) if draw(st.booleans()) else found
        components = self.force.values.definition(resource_type, code).components
        pieces: list[str] = []
        for component, values in zip(components, (found.parts[0], *other.parts[1:]), strict=True):
            part = self.force.values.registry.parameter_by_url(component.definition)
            assert part is not None
            piece = self.spell(draw, resource_type, part.code, part.type, None, draw(st.sampled_from(values)))
            if not piece or piece.endswith("|") or RESERVED.intersection(piece.replace("|", "")):
                return None
            pieces.append(piece)
        return "$".join(pieces)

    def spell(
        self, draw: st.DrawFn, resource_type: str, code: str, kind: str, modifier: str | None, found: Found
    ) -> str | None:
        """Return a value of a query made of one that was found; None where none can be."""
        if kind == "token":
            coded = self.force.codings(resource_type, code, found)
            return _token(draw, coded, modifier, found)
        if kind == "reference":
            return _reference(draw, modifier, found, self.force.base_url)
        return _SPELL[kind](draw, modifier, found)


def _token(draw: st.DrawFn, coded: list[tuple[str, str]], modifier: str | None, found: Found) -> str | None:
    from tests.search.oracle import codes

    if modifier == "text":
        return _part(draw, list(codes.words(found.value, found.type)), anywhere=True)
    if modifier == "of-type":
        if found.type != "Identifier":
            return None
        types = found.value.get("type", {}).get("coding", ())
        known = [one for one in types if "system" in one and "code" in one]
        return (
            f"{known[0]['system']}|{known[0]['code']}|{found.value['value']}"
            if known and "value" in found.value
            else None
        )
    if not coded:
        return None
    system, code = draw(st.sampled_from(coded))
    if RESERVED.intersection(system + code):
        return None
    forms = [code, f"{system}|{code}", f"|{code}", f"{system}|", f"urn:other|{code}", code[:-1]]
    text = draw(st.sampled_from(forms))
    return text if text.strip("|") and (code or text.endswith("|")) else None


def _reference(draw: st.DrawFn, modifier: str | None, found: Found, base_url: str) -> str | None:
    if modifier == "identifier":
        logical = found.value.get("identifier", {}) if isinstance(found.value, dict) else {}
        if "value" not in logical:
            return None
        return draw(st.sampled_from((logical["value"], f"{logical.get('system', '')}|{logical['value']}")))
    known = list(links.links(found.value, found.type, base_url))
    if not known:
        return None
    link = draw(st.sampled_from(known))
    if link.type is None or link.base is not None or modifier == "[type]":
        return None if modifier == "[type]" and (link.type is None or link.base) else _local(link)
    return draw(
        st.sampled_from((f"{link.type}/{link.id}", str(link.id), f"{base_url}/{link.type}/{link.id}"))
    )


def _local(link: links.Link) -> str:
    return link.text if link.type is None or link.base else f"{link.type}/{link.id}"


def _string(draw: st.DrawFn, modifier: str | None, found: Found) -> str | None:
    known = list(texts.strings(found.value, found.type))
    if modifier == "exact":
        return draw(st.sampled_from(known)) if known else None
    return _part(draw, known, anywhere=modifier == "contains")


def _part(draw: st.DrawFn, known: list[str], *, anywhere: bool) -> str | None:
    if not known:
        return None
    text = draw(st.sampled_from(known))
    start = draw(st.integers(0, max(0, len(text) - 1))) if anywhere else 0
    end = draw(st.integers(start + 1, len(text))) if text else 0
    part = draw(st.sampled_from((str.upper, str.lower, str.title, str)))(text[start:end][:60])
    return part if texts.bare(part) else None


def _uri(draw: st.DrawFn, modifier: str | None, found: Found) -> str | None:
    text: str = found.value
    if modifier is None:
        return text
    if text.startswith("urn:") or "://" not in text or "|" in text:
        return None
    if modifier == "above":
        return text + draw(st.sampled_from(("", "/x", "/x/y", "x")))
    head, _, path = text.partition("://")
    parts = path.split("/")
    return f"{head}://{'/'.join(parts[: draw(st.integers(1, len(parts)))])}"


def _date(draw: st.DrawFn, _modifier: str | None, found: Found) -> str | None:
    span = times.stored_span(found.value, found.type)
    ends = [end for end in span or () if end not in (times.EVER, times.NEVER)]
    if not ends:
        return None
    moment = times.BEGINNING + timedelta(microseconds=draw(st.sampled_from(ends)))
    moment += timedelta(seconds=draw(st.sampled_from((0, 0, -1, 1, 86_400, -40 * 86_400))))
    return draw(st.sampled_from(("", *PREFIXES))) + moment.strftime(draw(st.sampled_from(PRECISIONS)))


def _number(draw: st.DrawFn, _modifier: str | None, found: Found) -> str | None:
    stored = amounts.stored(found.value, found.type)
    return None if stored is None else draw(st.sampled_from(("", *PREFIXES))) + _figure(draw, stored.low)


def _figure(draw: st.DrawFn, value: Any) -> str:
    value = value if abs(value) != amounts.INFINITE else 0
    decimal = Decimal(value.numerator) / Decimal(value.denominator) if value else Decimal(0)
    places = draw(st.integers(0, 3))
    text = f"{decimal + draw(st.sampled_from((0, 0, 0, Decimal('0.5'), -1, 7))):.{places}f}"
    return draw(st.sampled_from((text, f"{decimal.normalize():f}")))


def _quantity(draw: st.DrawFn, modifier: str | None, found: Found) -> str | None:
    stored = amounts.stored(found.value, found.type)
    if stored is None:
        return None
    prefix, units = draw(st.sampled_from(("", *PREFIXES))), ["", f"|{stored.system}|"]
    units += [f"||{name}" for name in (stored.code, stored.unit) if name]
    dimension = amounts.FACTORS.get(stored.code) if stored.system == amounts.UCUM else None
    if stored.code and (stored.system != amounts.UCUM or dimension):
        units.append(f"|{stored.system}|{stored.code}")
    unit = draw(st.sampled_from([unit for unit in units if unit != "||"]))
    alike = [code for code, (name, _) in amounts.FACTORS.items() if dimension and name == dimension[0]]
    if not alike or dimension is None or not draw(st.booleans()) or abs(stored.low) == amounts.INFINITE:
        return prefix + _figure(draw, stored.low) + unit
    code = draw(st.sampled_from(alike))
    return (
        f"{prefix}{_figure(draw, stored.low * dimension[1] / amounts.FACTORS[code][1])}|{amounts.UCUM}|{code}"
    )


_SPELL: Mapping[str, Callable[[st.DrawFn, str | None, Found], str | None]] = {
    "string": _string,
    "uri": _uri,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
}
_MODIFIERS: Mapping[str, tuple[str | None, ...]] = {
    "token": (None, None, None, "not", "text", "of-type"),
    "string": (None, None, "exact", "contains"),
    "reference": (None, None, "[type]", "identifier"),
    "uri": (None, "below", "above"),
}
