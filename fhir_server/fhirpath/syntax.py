"""The abstract syntax of FHIRPath.  Every node knows the `position` of its first character or operator."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fhir_server.fhirpath.dates import Moment
from fhir_server.fhirpath.quantities import Quantity

LiteralValue = bool | int | Decimal | str | Moment | Quantity


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out; None is the empty collection `{}`."""

    value: LiteralValue | None
    position: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`%name`, or a special variable with its mark: `$this`, `$index`, `$total`."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """A step to an element; `source` is None at the head of a path."""

    source: Expression | None
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; `source` is None at the head of a path."""

    source: Expression | None
    name: str
    arguments: tuple[Expression, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Index:
    """`source[index]`."""

    source: Expression
    index: Expression
    position: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`+operand` or `-operand`."""

    operator: str
    operand: Expression
    position: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`, but for unions and type operators."""

    operator: str
    left: Expression
    right: Expression
    position: int


@dataclass(frozen=True, slots=True)
class Union:
    """`a | b | c`; unions are associative, so a chain is one node."""

    parts: tuple[Expression, ...]
    position: int


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type specifier; `namespace` is `System`, `FHIR` or None where the text has none."""

    namespace: str | None
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`source is type`, `source as type` or `source.ofType(type)`: `operator` is `is`, `as` or `ofType`.

    `source` is None where a function form stands at the head of a path.
    """

    operator: str
    source: Expression | None
    type: TypeName
    position: int


Expression = Literal | Variable | Member | Call | Index | Unary | Binary | Union | TypeTest
