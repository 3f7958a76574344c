"""Tokens to syntax, by precedence climbing.  Spec: https://hl7.org/fhirpath/N1/#operator-precedence"""

from __future__ import annotations

from decimal import Decimal

from fhir_server.fhirpath.dates import parse_literal
from fhir_server.fhirpath.errors import FhirPathSyntaxError
from fhir_server.fhirpath.lexer import Kind, Token, tokens
from fhir_server.fhirpath.quantities import CALENDAR_WORDS, Quantity
from fhir_server.fhirpath.syntax import (
    Binary,
    Call,
    Expression,
    Index,
    Literal,
    Member,
    TypeName,
    TypeTest,
    Unary,
    Union,
    Variable,
)  # fmt: skip

MAX_DEPTH = 120
"""How deep an expression may nest; a chain of steps or of operators nests too."""

_PRECEDENCE = {
    "implies": 1,
    "or": 2, "xor": 2,
    "and": 3,
    "in": 4, "contains": 4,
    "=": 5, "~": 5, "!=": 5, "!~": 5,
    "<": 6, ">": 6, "<=": 6, ">=": 6,
    "|": 7,
    "is": 8, "as": 8,
    "+": 9, "-": 9, "&": 9,
    "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_TYPE_FUNCTIONS = frozenset({"is", "as", "ofType"})
_NAMES = (Kind.IDENTIFIER, Kind.QUOTED)


def parse(text: str) -> Expression:
    """Return the syntax of an expression.  Raises FhirPathSyntaxError."""
    parser = _Parser(list(tokens(text)))
    expression = parser.expression(0)
    parser.expect_end()
    return expression


class _Parser:
    """One pass over the tokens of one expression."""

    __slots__ = ("_at", "_depth", "_tokens")

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0

    def expression(self, floor: int) -> Expression:
        """Return the longest expression whose operators all bind tighter than `floor`."""
        entered = self._depth
        self._enter()
        left = self._unary()
        while True:
            token = self._tokens[self._at]
            level = _PRECEDENCE.get(token.text, 0) if token.kind in (Kind.SYMBOL, Kind.IDENTIFIER) else 0
            if level <= floor:
                break
            self._at += 1
            self._enter()
            left = self._operation(left, token, level)
        self._depth = entered
        return left

    def expect_end(self) -> None:
        token = self._tokens[self._at]
        if token.kind is not Kind.END:
            raise FhirPathSyntaxError(token.position, f"unexpected {token.text!r}")

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            position = self._tokens[self._at].position
            raise FhirPathSyntaxError(position, f"the expression nests deeper than {MAX_DEPTH}")

    def _operation(self, left: Expression, token: Token, level: int) -> Expression:
        if token.text in ("is", "as"):
            return TypeTest(token.text, left, self._type_name(), token.position)
        right = self.expression(level)
        if token.text != "|":
            return Binary(token.text, left, right, token.position)
        if isinstance(left, Union):
            self._depth -= 1
            return Union((*left.parts, right), left.position)
        return Union((left, right), token.position)

    def _unary(self) -> Expression:
        token = self._tokens[self._at]
        if token.kind is Kind.SYMBOL and token.text in "+-":
            self._at += 1
            self._enter()
            return Unary(token.text, self._unary(), token.position)
        return self._path()

    def _path(self) -> Expression:
        source = self._term()
        while True:
            if self._accept("."):
                self._enter()
                source = self._invocation(source)
            elif self._accept("["):
                self._enter()
                position = self._tokens[self._at].position
                index = self.expression(0)
                self._expect("]")
                source = Index(source, index, position)
            else:
                return source

    def _term(self) -> Expression:
        token = self._tokens[self._at]
        if token.kind in _NAMES:
            if token.kind is Kind.IDENTIFIER and token.text in ("true", "false"):
                self._at += 1
                return Literal(token.text == "true", token.position)
            return self._invocation(None)
        self._at += 1
        if token.kind is Kind.NUMBER:
            return self._number(token)
        if token.kind is Kind.STRING:
            return Literal(token.text, token.position)
        if token.kind is Kind.DATE_TIME:
            return _moment(token)
        if token.kind is Kind.VARIABLE:
            return Variable(token.text, token.position)
        if token.kind is Kind.DOLLAR:
            return Variable("$" + token.text, token.position)
        return self._bracketed(token)

    def _bracketed(self, token: Token) -> Expression:
        if token.kind is Kind.SYMBOL and token.text == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        if token.kind is Kind.SYMBOL and token.text == "{":
            self._expect("}")
            return Literal(None, token.position)
        what = repr(token.text) if token.text else token.kind.value
        raise FhirPathSyntaxError(token.position, f"expected a value, a name or '(', found {what}")

    def _number(self, token: Token) -> Expression:
        unit = self._tokens[self._at]
        is_word = unit.kind is Kind.IDENTIFIER and unit.text in CALENDAR_WORDS
        if is_word or unit.kind is Kind.STRING:
            self._at += 1
            return Literal(Quantity(Decimal(token.text), unit.text, calendar=is_word), token.position)
        return Literal(Decimal(token.text) if "." in token.text else int(token.text), token.position)

    def _invocation(self, source: Expression | None) -> Expression:
        token = self._tokens[self._at]
        if token.kind is Kind.DOLLAR and source is not None:
            raise FhirPathSyntaxError(token.position, f"${token.text} cannot follow '.'")
        if token.kind not in _NAMES:
            raise FhirPathSyntaxError(token.position, f"expected a name, found {token.text!r}")
        self._at += 1
        if not self._accept("("):
            return Member(source, token.text, token.position)
        if token.text in _TYPE_FUNCTIONS:
            named = self._type_name()
            self._expect(")")
            return TypeTest(token.text, source, named, token.position)
        return Call(source, token.text, self._arguments(), token.position)

    def _arguments(self) -> tuple[Expression, ...]:
        if self._accept(")"):
            return ()
        arguments = [self.expression(0)]
        while self._accept(","):
            arguments.append(self.expression(0))
        self._expect(")")
        return tuple(arguments)

    def _type_name(self) -> TypeName:
        token = self._expect_name()
        # `x is FHIR.Patient` names a namespace; `(x as Period).start` never has a dot inside the name.
        if token.text in ("FHIR", "System") and self._accept("."):
            return TypeName(token.text, self._expect_name().text, token.position)
        return TypeName(None, token.text, token.position)

    def _expect_name(self) -> Token:
        token = self._tokens[self._at]
        if token.kind not in _NAMES:
            raise FhirPathSyntaxError(token.position, f"expected the name of a type, found {token.text!r}")
        self._at += 1
        return token

    def _accept(self, symbol: str) -> bool:
        token = self._tokens[self._at]
        if token.kind is Kind.SYMBOL and token.text == symbol:
            self._at += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            token = self._tokens[self._at]
            what = repr(token.text) if token.text else token.kind.value
            raise FhirPathSyntaxError(token.position, f"expected {symbol!r}, found {what}")


def _moment(token: Token) -> Literal:
    moment = parse_literal(token.text)
    if moment is None:
        raise FhirPathSyntaxError(token.position, f"@{token.text} is no date or time")
    return Literal(moment, token.position)
