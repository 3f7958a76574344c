"""Reading expressions: what is refused and where, how operators bind, that no text does harm."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.fhirpath import Environment, FhirPathError, FhirPathSyntaxError, compile
from fhir_server.fhirpath.lexer import MAX_LENGTH
from fhir_server.fhirpath.parser import MAX_DEPTH

NOTHING = {"resourceType": "Basic"}


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        pytest.param("", 0, "expected a value", id="nothing"),
        pytest.param("1 +", 3, "end of the expression", id="operand-missing"),
        pytest.param("a.", 2, "expected a name", id="step-missing"),
        pytest.param("a.1", 2, "expected a name, found '1'", id="number-as-a-step"),
        pytest.param("(a", 2, "expected ')'", id="parenthesis-open"),
        pytest.param("a)", 1, "unexpected ')'", id="parenthesis-too-many"),
        pytest.param("a[0", 3, "expected ']'", id="bracket-open"),
        pytest.param("'abc", 0, "unexpected character", id="string-open"),
        pytest.param("1 /* 2", 2, "unexpected character", id="comment-open"),
        pytest.param("a ; b", 2, "unexpected character ';'", id="unknown-character"),
        pytest.param("@2024-13-01", 0, "no date or time", id="month-13"),
        pytest.param("@2023-02-29", 0, "no date or time", id="day-that-is-not"),
        pytest.param("@T25", 0, "no date or time", id="hour-25"),
        pytest.param("a.b(", 4, "end of the expression", id="arguments-open"),
        pytest.param("name.vanish()", 5, "no function vanish", id="unknown-function"),
        pytest.param("name.first(1)", 5, "takes 0 arguments, 1 are given", id="argument-too-many"),
        pytest.param("name.where()", 5, "takes 1 arguments, 0 are given", id="argument-missing"),
        pytest.param("iif(true)", 0, "takes 2 to 3 arguments", id="range-of-arguments"),
        pytest.param("a is 1", 5, "expected the name of a type", id="number-as-a-type"),
        pytest.param("a.$this", 2, "cannot follow", id="this-after-a-dot"),
        pytest.param("a is Nothing.more", 12, "unexpected '.'", id="unknown-namespace"),
        pytest.param("{1}", 1, "expected '}'", id="braces-are-for-empty-only"),
    ],
)
def test_faulty_text_is_refused_at_its_place(text: str, position: int, message: str) -> None:
    with pytest.raises(FhirPathSyntaxError) as caught:
        compile(text)
    assert caught.value.position == position
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("1 + 2 * 3", 7, id="multiplication-before-addition"),
        pytest.param("(1 + 2) * 3", 9, id="parentheses"),
        pytest.param("-2 + 3", 1, id="polarity-before-addition"),
        pytest.param("10 - 4 - 3", 3, id="left-to-right"),
        pytest.param("2 * 3 mod 4", 2, id="mod-is-a-multiplication"),
        pytest.param("1 + 1 & 'x' = '11x'", FhirPathError, id="ampersand-is-an-addition"),
        pytest.param("1 | 2 = 1 | 2", True, id="union-before-equality"),
        pytest.param("1 < 2 = true", True, id="order-before-equality"),
        pytest.param("1 = 1 and 2 = 2", True, id="equality-before-and"),
        pytest.param("true or false and false", True, id="and-before-or"),
        pytest.param("false implies false or true", True, id="or-before-implies"),
        pytest.param("1 in 1 | 2", True, id="union-before-in"),
        pytest.param("1 is Integer and 2 is Integer", True, id="is-before-and"),
        pytest.param("1 + 1 is Integer", True, id="addition-before-is"),
        pytest.param("2 > 1 is Boolean", FhirPathError, id="is-before-order"),
        pytest.param("`true`.empty()", True, id="delimited-keyword-is-a-name"),
        pytest.param("div.empty() and contains.empty()", True, id="keywords-as-elements"),
        pytest.param("'a\\u0041\\n\\'\\\\' = 'aA\\n\\'\\\\'", True, id="escapes"),
        pytest.param("'\\d'.matches('\\\\d')", False, id="unknown-escape-keeps-its-backslash"),
        pytest.param("1 year = 12 months", True, id="calendar-quantities"),
        pytest.param("1.50.toString()", "1.50", id="decimals-keep-their-places"),
        pytest.param("// all of it\n 3 /* or\n not */ - 1", 2, id="comments"),
        pytest.param("%`vs-a` = %'vs-a'", True, id="quoted-variables"),
    ],
)
def test_operators_bind_as_the_specification_says(text: str, result: object) -> None:
    if result is FhirPathError:
        with pytest.raises(FhirPathError):
            compile(text).evaluate(NOTHING)
    else:
        assert compile(text).evaluate(NOTHING) == [result]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * 5_000 + "1" + ")" * 5_000, id="parentheses"),
        pytest.param("a" + ".a" * 5_000, id="steps"),
        pytest.param("-" * 5_000 + "1", id="signs"),
        pytest.param("1" + "+1" * 5_000, id="operators"),
        pytest.param("a" + "[0]" * 5_000, id="indexers"),
        pytest.param("a.where(" * 2_000 + "b" + ")" * 2_000, id="calls"),
    ],
)
def test_depth_is_limited(text: str) -> None:
    with pytest.raises(FhirPathSyntaxError, match=f"deeper than {MAX_DEPTH}"):
        compile(text)


def test_a_long_union_is_not_deep() -> None:
    assert compile("|".join(str(number % 7) for number in range(2_000))).evaluate(NOTHING) == list(range(7))


def test_length_is_limited() -> None:
    with pytest.raises(FhirPathSyntaxError, match="more than"):
        compile("1" + " " * MAX_LENGTH)


names = st.sampled_from(["name", "given", "family", "birthDate", "active", "Patient", "$this", "%resource"])
literals = st.one_of(
    st.integers(0, 10**30).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0).map(lambda value: f"{value:f}"),
    st.text(max_size=5).map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"),
    st.sampled_from(
        ["true", "{}", "@2024", "@2024-02-29T10:00Z", "@T10:30", "3 'mg'", "2 months", "1 'U/L'"]
    ),
)
calls = st.sampled_from(
    [
        "first()",
        "last()",
        "count()",
        "empty()",
        "not()",
        "toString()",
        "toQuantity()",
        "lowBoundary()",
        "highBoundary(2)",
        "abs()",
        "ln()",
        "children()",
        "descendants()",
        "distinct()",
        "type()",
        "exp()",
        "upper()",
        "toChars()",
        "round(3)",
        "sqrt()",
        "power(9)",
        "hasValue()",
        "precision()",
        "today()",
        "resolve()",
        "htmlChecks()",
        "toDateTime()",
        "matches('(a+)+$')",
        "repeat(children())",
    ]
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        [
            "+",
            "-",
            "*",
            "/",
            "&",
            "|",
            "=",
            "!=",
            "~",
            "!~",
            "<",
            ">",
            "<=",
            ">=",
            "and",
            "or",
            "xor",
            "implies",
            "in",
            "contains",
            "div",
            "mod",
        ]
    )
    lambdas = st.sampled_from(["where", "select", "exists", "all", "aggregate", "combine", "sort", "iif"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, calls).map(".".join),
        st.tuples(inner, lambdas, inner, inner).map(
            lambda parts: f"{parts[0]}.{parts[1]}({parts[2]}{', ' + parts[3] if parts[1] == 'iif' else ''})"
        ),
        st.tuples(inner, st.sampled_from(["is", "as"]), st.sampled_from(["string", "Quantity", "Date"])).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        inner.map(lambda text: f"(-{text})"),
    )


@settings(deadline=None, max_examples=400)
@given(st.recursive(names | literals, grown, max_leaves=12))
def test_any_expression_gives_a_result_or_says_why_not(text: str) -> None:
    patient = {
        "resourceType": "Patient",
        "active": True,
        "name": [{"given": ["Ada", "B"], "family": "L", "period": {"start": "2020"}}, {"text": "x"}],
        "birthDate": "1970-01",
        "_birthDate": {"extension": [{"url": "http://a", "valueDecimal": 1}]},
    }
    try:
        found = compile(text).evaluate(patient, Environment(work_limit=20_000))
    except FhirPathError:
        return
    assert isinstance(found, list)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_is_refused_at_a_place_inside(text: str) -> None:
    try:
        compile(text)
    except FhirPathSyntaxError as error:
        assert 0 <= error.position <= len(text)


@settings(deadline=None, max_examples=200)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, places=5, max_value=10**20))
def test_decimal_literals_are_exact(value: Decimal) -> None:
    assert compile(f"{value:f}").evaluate(NOTHING) == [value]
