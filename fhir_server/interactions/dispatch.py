"""From a method and an address to the interaction: the one loop that entries of a Bundle go through too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, unquote

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Pairs, Reply, Request
from fhir_server.model.ids import ID_PATTERN
from fhir_server.model.outcome import FhirError, Issue, refuse
from fhir_server.search.compartments import Compartment

if TYPE_CHECKING:
    from fhir_server.interactions.binding import Binder
    from fhir_server.interactions.names import AnyNames

Handler = Callable[[Context, Request], Reply]
Level = Literal["system", "type", "instance"]

MAX_PARAMETERS = 500
REMEMBERED_QUERIES, REMEMBERED_CHARACTERS = 2_048, 1_000
"""How many query strings are kept read, and how long one is at most: the same are asked again and again."""
CREATE = "POST"
NO_INTERACTION = (
    "No interaction of this server has this address. Its addresses have no slash at their end; "
    "the CapabilityStatement at [base]/metadata names what there is."
)
NO_TYPE = "There is no resource type of this name in FHIR R4; types are written with capitals, as Patient."
RESERVED = {
    "resource_type": frozenset({"metadata", "_history", "_search", "*"}),
    "id": frozenset({"_history", "_search"}),
    "version_id": frozenset[str](),
    "compartment": frozenset({"metadata", "_history", "_search"}),
    "compartment_id": frozenset({"_history", "_search"}),
}
"""Segments of an address that are never the value of a variable; nor are those that begin with `$`."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One row of the table: an address, a method and who answers.

    `shape` is the address below the base; its variables are `resource_type`, `id` and `version_id`, and
    for what is searched within something else, `compartment` (a type) and `compartment_id`.
    `name` is a code of http://hl7.org/fhir/restful-interaction or an operation's `$name`.
    """

    name: str
    level: Level
    method: str
    shape: str
    handler: Handler
    takes: Literal["nothing", "resource", "form", "patch", "document"] = "nothing"
    """What the body of a request is."""
    declared: bool = True
    """Whether the CapabilityStatement lists it under its name."""
    logged: bool = True
    """Whether its answers leave an audit entry."""
    definition: str | None = None
    """The canonical of the OperationDefinition, for an operation."""
    public: bool = False
    """Whether it is answered without a token, and to everyone alike."""
    impersonal: bool = False
    """Whether, without an id in its address, it is about nothing that is stored: it names no person."""
    governed: bool = False
    """Whether it is served only where access is governed: without, there is nothing that it could do."""
    content: bool = False
    """Whether its answer, a Binary, goes out as the bytes that it holds unless a FHIR format is asked for."""
    names: Callable[[Binder, Request], AnyNames] | None = None
    """Tells whom a request names, where its body says so in a way of its own."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was understood."""

    interaction: Interaction
    resource_type: str = ""
    id: str = ""
    version_id: str = ""
    compartment: str = ""
    compartment_id: str = ""
    query: Pairs = ()

    @property
    def within(self) -> Compartment | None:
        """The compartment that is searched, if any."""
        return Compartment(self.compartment, self.compartment_id) if self.compartment else None


class Dispatcher:
    """The table, ready to be asked.  Immutable."""

    def __init__(
        self, interactions: Sequence[Interaction], resource_types: frozenset[str], base_url: str
    ) -> None:
        self.interactions = tuple(interactions)
        self._resource_types = resource_types
        self._base = base_url + "/"
        self._rows: dict[int, list[tuple[tuple[str, ...], Interaction]]] = {}
        for row in interactions:
            shape = _segments(row.shape)
            self._rows.setdefault(len(shape), []).append((shape, row))
        self._creates: dict[str, Address] = {}

    def find(self, method: str, url: str) -> Address:
        """Return what `method` and `url` (relative to the base, or absolute below it) ask for.

        Raises FhirError `unknown-address`, `unknown-type`, `illegal-id`, `method-not-allowed`.
        """
        if method == CREATE and url in self._resource_types:
            # What most entries of a transaction say.
            known = self._creates.get(url)
            if known is None:
                known = self._creates[url] = self._find(method, url)
            return known
        return self._find(method, url)

    def _find(self, method: str, url: str) -> Address:
        path, _, query = url.partition("?")
        # The base itself has no slash at its end where a query follows.
        below = f"{path}/".removeprefix(self._base)
        segments = [unquote(segment) for segment in below.split("/") if segment]
        allowed: list[str] = []
        for shape, row in self._rows.get(len(segments), ()):
            values = _match(shape, segments)
            if values is None:
                continue
            if row.method == method or (method == "HEAD" and row.method == "GET"):
                self.check(**values)
                return Address(row, **values, query=parse_query(query))
            allowed.append(row.method)
        if allowed:
            raise not_allowed(method, allowed)
        raise unknown_address(segments)

    def check(
        self,
        resource_type: str = "",
        id: str = "",
        version_id: str = "",
        compartment: str = "",
        compartment_id: str = "",
    ) -> None:
        """Raise FhirError unless the parts of an address are legal; those that it lacks are empty."""
        for name in (compartment, resource_type):
            self._check_type(name)
        for text in (compartment_id, id):
            if text and not ID_PATTERN.match(text):
                told = "A logical id has 1 to 64 characters out of letters A-Z and a-z, digits, '-' and '.'."
                raise refuse("illegal-id", told)
        if version_id and not ID_PATTERN.match(version_id):
            raise refuse("illegal-id", "A version id has the form of a logical id.")

    def _check_type(self, name: str) -> None:
        if name and name not in self._resource_types:
            if name.startswith("_"):
                raise unknown_address([name])
            raise refuse("unknown-type", NO_TYPE)


def parse_query(text: str) -> Pairs:
    """Return the parameters of a query string or form, decoded, in order.

    Raises FhirError `illegal-parameter-value` when it is not percent-encoded UTF-8 or has too many.
    """
    if not text:
        return ()
    return (_parsed if len(text) <= REMEMBERED_CHARACTERS else _parsed.__wrapped__)(text)


@lru_cache(maxsize=REMEMBERED_QUERIES)
def _parsed(text: str) -> Pairs:
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS))
    except UnicodeDecodeError:
        raise refuse("illegal-parameter-value", "The query is not percent-encoded UTF-8.") from None
    except ValueError:
        raise refuse("too-costly", f"A query has at most {MAX_PARAMETERS} parameters.") from None


def unknown_address(segments: Sequence[str]) -> FhirError:
    """Return the 404 of an address that no interaction has."""
    if segments and segments[-1].startswith("$"):
        return refuse("unknown-operation", "This server has no operation of this name here.")
    return refuse("unknown-address", NO_INTERACTION)


def not_allowed(method: str, allowed: Sequence[str]) -> FhirError:
    """Return the 405 that names the methods which the address does have."""
    names = sorted({*allowed, *(["HEAD"] if "GET" in allowed else [])})
    text = f"This address does not take {method}; it takes {', '.join(names)}."
    return FhirError(Issue("method-not-allowed", text), headers={"Allow": ", ".join(names)})


def _segments(shape: str) -> tuple[str, ...]:
    return tuple(segment for segment in shape.split("/") if segment)


def _match(shape: tuple[str, ...], segments: Sequence[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for expected, found in zip(shape, segments):
        if expected.startswith("<"):
            name = expected[1:-1]
            if found.startswith("$") or found in RESERVED[name]:
                return None
            values[name] = found
        elif expected != found:
            return None
    return values
