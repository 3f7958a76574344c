"""Reference parameters: `Type/id`, `id`, an absolute URL, a canonical with or without `|version`.

The person a record belongs to is never written as a reference: it is the document's owner.
- A parameter that *decides* the owner writes nothing for it, and `<name>!owner` (residual) when the
  document's owner came from elsewhere.
- Any other parameter that points to the owner writes `<name>=@` (residual).
`Reference.identifier` is found by `<name>:identifier=system|value` (token).
Spec: https://hl7.org/fhir/R4/search.html#reference
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import And, Condition, Contains, Has, Negation, Or, OwnerIn, StartsWith
from fhir_server.model.reference import ReferenceKind, is_id, parse_reference
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import unescape
from fhir_server.search.parameter import Codes, Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.spelling import plain, present_marker, token
from fhir_server.search.types.token import PLAIN as TOKEN
from fhir_server.search.types.token import TokenValue, bind_tokens

IDENTIFIER = "identifier"
_LOCAL_FORM = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """The spellings that a query value stands for; `persons` are the Patient ids among them."""

    texts: tuple[str, ...]
    persons: tuple[str, ...] = ()


def marker(name: str) -> str:
    """Return the residual entry that says: the owner is not what this deciding parameter holds."""
    return f"{name}!owner"


def points_to_owner(name: str) -> str:
    """Return the residual entry that says: this other parameter holds the owner."""
    return f"{name}=@"


def stated_type(name: str, resource_type: str) -> str:
    """Return the residual entry of a reference that says its type and names no resource."""
    return f"{name}:type={resource_type}"


def normalise(text: str, base_url: str) -> str | None:
    """Return the spelling of `Reference.reference`: own base URL, version and fragment cut.

    None for what no search can name: a contained or a conditional reference.
    """
    if _LOCAL_FORM.match(text) is not None:
        return text
    reference = parse_reference(text, base_url)
    match reference.kind:
        case ReferenceKind.CONTAINED | ReferenceKind.CONDITIONAL:
            return None
        case ReferenceKind.RELATIVE | ReferenceKind.ABSOLUTE:
            return f"{reference.base or ''}{reference.type}/{reference.id}"
    return text


def target_type(value: dict[str, Any]) -> str | None:
    """Return the resource type that a Reference says it points to, None if it does not say."""
    text = value.get("reference")
    if isinstance(text, str):
        reference = parse_reference(text)
        if reference.type is not None:
            return reference.type
    stated = value.get("type")
    return stated if isinstance(stated, str) else None


def _sink(name: str, source: Source, parameter: Parameter, setting: Setting) -> Sink | None:
    if source.type == "Reference":
        return reference_sink(name, parameter.owner == "decides", setting.base_url)
    if source.type in ("canonical", "uri", "url", "oid", "uuid"):
        return _canonical(name)
    if source.type == "Resource":
        return _inline(name, parameter.targets)
    return None


def reference_sink(name: str, decides: bool, base_url: str) -> Sink:
    """Return what writes a Reference under `name`."""
    owned = points_to_owner(name)
    prefix = name + "="
    identifier = f"{name}:{IDENTIFIER}"
    present = present_marker(name)

    def sink(value: Any, out: Collector) -> None:
        text = value.get("reference")
        if text is not None:
            text = normalise(text, base_url)
            if text is None:
                pass
            elif text != out.owner_reference:
                out.token[prefix + text if len(text) < 200 and "|" not in text else plain(name, text)] = None
            elif decides:
                out.owned.add(name)
            else:
                out.residual[owned] = None
        logical = value.get("identifier")
        if text is None and (stated := value.get("type")) is not None:
            out.residual[stated_type(name, stated)] = None
        if text is None and logical is None:
            out.residual[present] = None
        elif logical is not None and ("system" in logical or "value" in logical):
            entry = token(identifier, logical.get("system", ""), logical.get("value", ""))
            out.token[entry] = None

    return sink


def _canonical(name: str) -> Sink:
    def sink(value: Any, out: Collector) -> None:
        out.token[plain(name, value)] = None
        url, bar, _ = value.partition("|")
        if bar:
            out.token[plain(name, url)] = None

    return sink


def _inline(name: str, targets: tuple[str, ...]) -> Sink:
    def sink(value: Any, out: Collector) -> None:
        resource_type, id = value.get("resourceType"), value.get("id")
        if id is not None and (not targets or resource_type in targets):
            out.token[plain(name, f"{resource_type}/{id}")] = None

    return sink


def _read(
    parameter: Parameter, modifier: str | None, text: str, reading: Reading
) -> ReferenceValue | TokenValue:
    if modifier == IDENTIFIER:
        value = TOKEN.read(parameter, None, text, reading)
        assert isinstance(value, TokenValue)
        return value
    text = unescape(text)
    if not text:
        raise refuse("illegal-parameter-value", f"`{parameter.code}` needs a reference: `Type/id` or a URL.")
    restricted = modifier or parameter.restrict
    if is_id(text):
        types = (restricted,) if restricted else reference_types(parameter)
        local = tuple(f"{target}/{text}" for target in types)
        # Of a plain word, too: a reference that is no more than that names itself.
        bare = () if restricted else (text,)
        return ReferenceValue((*local, *bare), (text,) if "Patient" in types else ())
    reference = parse_reference(text, reading.base_url)
    if restricted is not None and reference.type not in (None, restricted):
        return ReferenceValue(())
    spelled = normalise(text, reading.base_url)
    person = reference.kind is ReferenceKind.RELATIVE and reference.type == "Patient"
    return ReferenceValue(
        (spelled,) if spelled is not None else (),
        (reference.id,) if person and reference.id is not None else (),
    )


def reference_types(parameter: Parameter) -> tuple[str, ...]:
    """Return the types that a reference parameter can point to, as far as its elements say."""
    declared = {target for source in parameter.sources for target in source.targets}
    if "Resource" in declared or not declared:
        return parameter.targets
    return tuple(target for target in parameter.targets if target in declared) or tuple(sorted(declared))


def _bind(filter: Filter, systems: SystemsOf) -> Condition:
    parameter = filter.parameter
    if filter.modifier == IDENTIFIER:
        names = [f"{name}:{IDENTIFIER}" for name in parameter.names]
        return bind_tokens("token", names, Codes(), filter.values, systems)
    values: tuple[ReferenceValue, ...] = filter.values
    persons = tuple(dict.fromkeys(person for value in values for person in value.persons))
    decided = {f"Patient/{person}" for person in persons} if parameter.owner == "decides" else set()
    texts = dict.fromkeys(text for value in values for text in value.texts if text not in decided)
    parts: list[Condition] = []
    if texts:
        parts.append(Has("token", tuple(plain(name, text) for name in parameter.names for text in texts)))
    if persons and parameter.owner != "never":
        parts.append(_of_persons(parameter, persons))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _of_persons(parameter: Parameter, persons: tuple[str, ...]) -> Condition:
    owner = OwnerIn(persons)
    if parameter.owner == "may":
        return And((owner, Has("residual", tuple(points_to_owner(name) for name in parameter.names))))
    if not parameter.owner_elsewhere:
        return owner
    markers = tuple(marker(name) for name in parameter.names)
    return And((owner, Negation(Has("residual", markers))))


def _present(parameter: Parameter) -> Condition:
    names = parameter.names
    parts: list[Condition] = (
        [_any(names)] if parameter.restrict is None else [*_any_of_type(names, parameter.restrict)]
    )
    if parameter.restrict in (None, "Patient"):
        parts.append(Has("residual", tuple(points_to_owner(name) for name in names)))
        if parameter.owner == "decides":
            parts.append(Negation(Has("residual", tuple(marker(name) for name in names))))
    return Or(tuple(parts))


def _any(names: Iterable[str]) -> Condition:
    heads = tuple(start for name in names for start in (f"{name}=", f"{name}:{IDENTIFIER}="))
    return Or((StartsWith("token", heads), Has("residual", tuple(present_marker(name) for name in names))))


def _any_of_type(names: Iterable[str], resource_type: str) -> Iterator[Condition]:
    for name in names:
        yield StartsWith("token", (f"{name}={resource_type}/",))
        yield Contains("token", f"{name}=", (f"/{resource_type}/",))
        yield Has("residual", (stated_type(name, resource_type),))


TYPE = ParameterType("reference", frozenset({IDENTIFIER}), _sink, _read, _bind, _present)
