"""The exact codec.  Spec: https://hl7.org/fhir/R4/json.html"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.exact_json import decode, encode, indented
from fhir_server.model.number import Number, decimal, literal
from fhir_server.model.outcome import FhirError

LITERALS = [
    "0", "-0", "-0.0", "1.00", "0.010", "1e2", "1E+2", "1.50e2", "0.00000010", "123456789012345678.123",
    "123456789012345678901234567890", "1e400", "-1E-400", "0.000000000000000000000001",
]  # fmt: skip


class _Literal(str):
    """A number as the stdlib parser saw it, to compare characters."""


def literal_tree(data: bytes | str) -> Any:
    """Return the tree of a JSON text, every number as its characters, read by the stdlib."""
    return json.loads(data, parse_float=_Literal, parse_int=_Literal)


@pytest.mark.parametrize("text", LITERALS)
def test_number_literal_comes_back_to_the_character(text: str) -> None:
    body = f'{{"value":{text}}}'.encode()
    assert encode(decode(body)) == body
    assert literal(decode(body)["value"]) == text
    assert decimal(decode(body)["value"]) == decimal(Number(text.encode()))


_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_tricky = st.sampled_from([":", '":', ' ":', '\\":', "{", "]", "-0", "\\u0000", "resourceType", '"a":1'])


@st.composite
def json_text(draw: st.DrawFn) -> str:
    """Return a JSON text with odd spacing, escapes and number literals, free of duplicate keys."""
    return draw(
        st.recursive(
            _numbers | st.sampled_from(["true", "false", "null"]) | (_text | _tricky).map(json.dumps),
            lambda inner: (
                st.lists(inner, max_size=4).map(lambda items: "[ " + ",\n".join(items) + "]")
                | st.dictionaries(_text | _tricky, inner, max_size=4).map(
                    lambda members: "{" + ", ".join(f"{json.dumps(k)} :{v}" for k, v in members.items()) + "}"
                )
            ),
            max_leaves=24,
        ).filter(lambda text: text[0] in "{[")
    )


@given(json_text())
@settings(max_examples=300)
def test_any_json_comes_back_equal_to_the_literal(text: str) -> None:
    tree = decode(text.encode())
    assert literal_tree(encode(tree)) == literal_tree(text)
    assert list(map(str, _keys(tree))) == list(map(str, _keys(json.loads(text))))
    assert literal_tree(indented(encode(tree))) == literal_tree(text)


@given(json_text(), st.data())
@settings(max_examples=200)
def test_a_duplicate_key_is_found_wherever_it_stands(text: str, data: st.DataObject) -> None:
    places = [i for i in range(len(text)) if text[i] == "{" and _is_structural(text, i)]
    if not places:
        return
    place = data.draw(st.sampled_from(places)) + 1
    rest = "" if text[place:].lstrip().startswith("}") else ","
    broken = text[:place] + '"twice" : 1, "twice":[2]' + rest + text[place:]
    with pytest.raises(FhirError) as refusal:
        decode(broken.encode())
    assert refusal.value.issues[0].situation == "duplicate-key"


@given(st.binary(max_size=60) | json_text().map(lambda text: text[: len(text) // 2].encode()))
@settings(max_examples=300)
def test_other_bytes_are_refused_with_400_or_read_as_the_stdlib_reads_them(data: bytes) -> None:
    try:
        tree = decode(data)
    except FhirError as error:
        assert error.status == 400
        return
    assert literal_tree(encode(tree)) == literal_tree(data)


@pytest.mark.parametrize(
    ("body", "situation", "place"),
    [
        pytest.param(b"", "empty-body", None, id="nothing"),
        pytest.param(b" \n", "empty-body", None, id="only-space"),
        pytest.param(b"\xef\xbb\xbf{}", "illegal-character", None, id="byte-order-mark"),
        pytest.param(b'{"a":"\\u0000"}', "illegal-character", "a", id="escaped-nul"),
        pytest.param(b'{"a":"\x00"}', "malformed-json", "a", id="raw-nul"),
        pytest.param(b'{"a":["\\ud800"]}', "illegal-character", "a[0]", id="lone-surrogate"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "illegal-character", None, id="encoded-surrogate"),
        pytest.param(
            b'{"resourceType":"Patient","a":{"b":1,"b":2}}', "duplicate-key", "Patient.a.b", id="twice"
        ),
        pytest.param(b'{"a":1,"\\u0061":2}', "duplicate-key", "a", id="twice-by-escape"),
        pytest.param(b'{"a" :1,"b":2,"b":3}', "duplicate-key", "b", id="twice-with-space-before-colon"),
        pytest.param(b"[" * 65 + b"]" * 65, "too-deep", None, id="deep"),
        pytest.param(b"[" * 200000, "too-deep", None, id="very-deep"),
        pytest.param(b'{"a":1', "malformed-json", None, id="cut"),
        pytest.param(b'{"a":01}', "malformed-json", None, id="leading-zero"),
        pytest.param(b'{"a":NaN}', "malformed-json", "a", id="nan"),
        pytest.param(b'{"a":1}{', "malformed-json", None, id="two-values"),
        pytest.param(b"<Patient/>", "malformed-json", None, id="xml"),
        pytest.param(b'{"a":' + b"1" * 5000 + b"}", "malformed-json", "a", id="five-thousand-digits"),
    ],
)
def test_a_fault_is_named_with_its_place(body: bytes, situation: str, place: str | None) -> None:
    with pytest.raises(FhirError) as refusal:
        decode(body)
    issue = refusal.value.issues[0]
    assert (issue.situation, issue.expression, refusal.value.status) == (situation, place, 400)


def test_depth_64_is_read() -> None:
    body = b"[" * 64 + b"]" * 64
    assert encode(decode(body)) == body


@pytest.mark.corpus
def test_every_example_comes_back_equal_to_the_literal(corpus: Path) -> None:
    files = sorted((corpus / "r4-examples").glob("*.json"))
    assert len(files) == 516
    for file in files:
        data = file.read_bytes()
        assert literal_tree(encode(decode(data))) == literal_tree(data), file.name


@pytest.mark.corpus
def test_every_json_file_comes_back_or_is_refused_for_a_reason_the_stdlib_confirms(corpus: Path) -> None:
    refused: dict[str, int] = {}
    count = 0
    for file in sorted([*corpus.rglob("*.json"), *corpus.rglob("*.json.gz")]):
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        count += 1
        try:
            tree = decode(data)
        except FhirError as error:
            situation = error.issues[0].situation
            refused[situation] = refused.get(situation, 0) + 1
            assert _reason(data) == situation, file.name
            continue
        assert literal_tree(encode(tree)) == literal_tree(data), file.name
    assert count - sum(refused.values()) > 5000, refused


def _reason(data: bytes) -> str | None:
    """Return why a text is to be refused, by the stdlib alone."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise KeyError
        return dict(pairs)

    if data.startswith(b"\xef\xbb\xbf"):
        return "illegal-character"
    try:
        json.loads(data.decode("utf-8"), object_pairs_hook=members)
    except KeyError:
        return "duplicate-key"
    except UnicodeDecodeError:
        return "illegal-character"
    except ValueError:
        return "malformed-json"
    return "illegal-character" if b"\\u0000" in data else None


def _keys(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [key for k, v in tree.items() for key in (k, *_keys(v))]
    if isinstance(tree, list):
        return [key for item in tree for key in _keys(item)]
    return []


def _is_structural(text: str, place: int) -> bool:
    """Return whether the character at `place` stands outside of strings."""
    inside = False
    position = 0
    while position < place:
        if text[position] == "\\" and inside:
            position += 1
        elif text[position] == '"':
            inside = not inside
        position += 1
    return not inside
