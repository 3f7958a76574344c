"""A bound search plan: conditions over the search entries of one type, with driver, order and page.

`search` makes plans from query strings, `store` runs them inside a View.  All values are bound literals;
nothing in a plan is ever read as an operator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

from fhir_server.model.document import Stored

TextField = Literal["token", "residual", "string"]
AmountField = Literal["number", "quantity", "composite"]


@dataclass(frozen=True, slots=True)
class Has:
    """The array holds at least one of `values`, to the letter."""

    field: TextField
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The array holds an entry that begins with one of `prefixes`."""

    field: TextField
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """The array holds an entry that begins with `prefix` and has one of `parts` after it.

    With `at_end`, has it as its end.
    """

    field: TextField
    prefix: str
    parts: tuple[str, ...]
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class DateWithin:
    """One range of the parameter satisfies every given bound; absent bounds are None.

    `low_from <= low < low_before` and `high_after < high <= high_to`, where a stored range is [low, high).
    `code` is the parameter code without its span class.
    """

    code: str
    low_from: datetime | None = None
    low_before: datetime | None = None
    high_after: datetime | None = None
    high_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class AmountWithin:
    """One amount of `key` satisfies every given bound, as `DateWithin`; bounds are decimal literals.

    With `begins`, of a key that begins with `key` and has `part` somewhere after it.
    """

    field: AmountField
    key: str
    low_from: str | None = None
    low_before: str | None = None
    high_after: str | None = None
    high_to: str | None = None
    begins: bool = False
    part: str = ""


EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the earth in metres, as a sphere."""


@dataclass(frozen=True, slots=True)
class WithinDistance:
    """One amount of `key`, a latitude and a longitude in degrees, is at most `metres` away from a point."""

    field: AmountField
    key: str
    latitude: float
    longitude: float
    metres: float


@dataclass(frozen=True, slots=True)
class UpdatedWithin:
    """`from_ <= meta.lastUpdated < before`."""

    from_: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdIn:
    """The logical id is one of these."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnerIn:
    """The resource is of the record of one of these persons."""

    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; of no parts: always."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; of no parts: never."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold."""

    part: Condition


Condition = (
    Has | StartsWith | Contains | DateWithin | AmountWithin | WithinDistance | UpdatedWithin | IdIn | OwnerIn
    | And | Or | Negation
)  # fmt: skip


class Index(Enum):
    """The indexes a plan can name; the values are the names in the database."""

    ID = "_id_"
    OWNER_TOKEN = "owner_token"
    OWNER_DATE = "owner_date"
    OWNER_UPDATED = "owner_updated"
    UPDATED = "updated"
    TOKEN = "token"
    STRING = "string"
    DATE = "date"
    NUMBER = "number"
    QUANTITY = "quantity"
    COMPOSITE = "composite"


class SortBy(Enum):
    """The scalar that orders a page; ties are broken by `seq`, then by id."""

    DATE = "date"
    UPDATED = "updated"


class SortKind(Enum):
    """What a computed sort key is made of."""

    ID = "id"
    UPDATED = "updated"
    TEXT = "text"
    """Folded text."""
    CODE = "code"
    """The code of a token; its system does not count."""
    NAMED = "named"
    """A URI, or a reference as `Type/id`."""
    INSTANT = "instant"
    """The start of a date or period."""
    NUMBER = "number"
    """The lower bound of a number."""
    QUANTITY = "quantity"
    """The lower bound of an amount, in base units where it has any."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a computed order: of several values the earliest in its direction; what has none is last.

    `names` are the spellings of a parameter, `residual` says where its entries are.  `owner` is what a
    reference parameter has to do with the person: a person in it is not spelled among the entries.
    """

    kind: SortKind
    names: tuple[str, ...] = ()
    descending: bool = False
    residual: bool = False
    owner: Literal["decides", "may", "never"] = "never"
    target: str = ""
    """The only resource type that references of the parameter count to; empty: every type."""


KeyValue = str | Decimal | datetime | None
"""A computed key of one entry; None where it has no value."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last entry of a page, where the next begins; `backward`: its first, where the one before ends."""

    sort: datetime | None
    """`sort_date` or `updated` as `Order.by` says; None for a resource without a sort date."""
    seq: int
    id: str
    keys: tuple[KeyValue, ...] = ()
    """The values of `Order.keys`."""
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """`by` and its direction; `seq` and the id follow in the same direction.

    With `keys` these come first, each in its own direction, and `by` does not count.
    """

    by: SortBy = SortBy.DATE
    descending: bool = True
    keys: tuple[SortKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """Of what has a sort date before `start`, only what has `token` can match.

    `token` marks long ranges: those alone begin so early and still reach the dates that are asked for.
    `start` is a whole millisecond.
    """

    start: datetime
    token: Has


@dataclass(frozen=True, slots=True)
class Driver:
    """A condition and the index that it opens."""

    index: Index
    condition: Condition


@dataclass(frozen=True, slots=True)
class Plan:
    """What to look up.  `conditions` all hold.  `driver`, if any, is one of them and opens `index`."""

    resource_type: str
    conditions: tuple[Condition, ...] = ()
    owner: str | None = None
    """The one person whose record is searched; None: all that the View reads."""
    index: Index | None = None
    driver: Condition | None = None
    order: Order = field(default_factory=Order)
    count: int = 20
    after: Position | None = None
    sort_from: datetime | None = None
    sort_before: datetime | None = None
    """What `conditions` imply for the sort date, `sort_from <= date < sort_before`: it shortens the walk."""
    reach: Reach | None = None
    """Where the walk by date may leave off and only the long ranges remain; of one record's plans only."""
    candidates: tuple[Driver, ...] = ()
    """What could drive a search across persons in place of `driver`, if it has fewer entries.

    They are of `conditions`, or follow from several of them.
    """
    placed: bool = False
    """Whether the page tells where each of its entries is, for one that is made of several."""


@dataclass(frozen=True, slots=True)
class Pointers:
    """What is wanted of the references that documents hold: token entries that begin with one of `starts`.

    `person`: whether the person whose record a document is in counts, too, which no entry spells: of
    documents with one of `markers` (`if`), or of those with none of them (`unless`).
    """

    starts: tuple[str, ...]
    person: Literal["never", "if", "unless"] = "never"
    markers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pointed:
    """What documents point to, each once: entries without what they begin with, and persons by their ids."""

    texts: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coded:
    """What a resource is coded with: token entries, or the entries of its texts where it has no code."""

    id: str
    sort: datetime | None
    seq: int
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """At most `Plan.count` versions in order; `next` is None on the last page."""

    entries: tuple[Stored, ...]
    next: Position | None = None
    previous: Position | None = None
    """Where the page before ends; None on the first page.  Its `backward` is set."""
    places: tuple[Position, ...] = ()
    """Where each entry is, if `Plan.placed` asks; what a destroyed person has left is then an entry, too."""
