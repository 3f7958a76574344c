"""JSON Patch.  Spec: https://www.rfc-editor.org/rfc/rfc6902"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.interactions.patching.json_patch import apply_json_patch
from fhir_server.model.exact_json import decode, encode
from fhir_server.model.outcome import FhirError

TREE = b'{"a":[1.50e2,{"b":1.0}],"c":{"d":null,"":2,"x/y":3,"m~n":4}}'


def patched(operations: str, tree: bytes = TREE) -> bytes:
    return encode(apply_json_patch(decode(tree), decode(operations.encode())))


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param("[]", TREE, id="nothing"),
        pytest.param(
            '[{"op":"add","path":"/a/1","value":2.00}]',
            b'{"a":[1.50e2,2.00,{"b":1.0}],"c":{"d":null,"":2,"x/y":3,"m~n":4}}', id="insert",
        ),
        pytest.param('[{"op":"add","path":"/a/-","value":"z"},{"op":"remove","path":"/c"}]', b'{"a":[1.50e2,{"b":1.0},"z"]}', id="append"),
        pytest.param('[{"op":"replace","path":"/c","value":[]},{"op":"test","path":"/a/0","value":150}]', b'{"a":[1.50e2,{"b":1.0}],"c":[]}', id="replace"),
        pytest.param('[{"op":"move","from":"/a/1/b","path":"/c"}]', b'{"a":[1.50e2,{}],"c":1.0}', id="move"),
        pytest.param('[{"op":"copy","from":"/a/1","path":"/a/0"},{"op":"remove","path":"/c"},{"op":"remove","path":"/a/0/b"}]', b'{"a":[{},1.50e2,{"b":1.0}]}', id="copy-is-apart"),
        pytest.param('[{"op":"test","path":"/c/x~1y","value":3},{"op":"test","path":"/c/m~0n","value":4},{"op":"test","path":"/c/","value":2},{"op":"test","path":"/c/d","value":null}]', TREE, id="pointers"),
        pytest.param('[{"op":"replace","path":"","value":{"e":1}}]', b'{"e":1}', id="whole"),
    ],
)  # fmt: skip
def test_operations_do_what_the_rfc_says(operations: str, expected: bytes) -> None:
    assert patched(operations) == expected


@pytest.mark.parametrize(
    ("operations", "situation", "place"),
    [
        pytest.param("{}", "malformed-patch", None, id="no-array"),
        pytest.param("[1]", "malformed-patch", "operation[0]", id="no-object"),
        pytest.param('[{"op":"spam","path":"/a"}]', "malformed-patch", "operation[0].op", id="unknown-operation"),
        pytest.param('[{"op":"add","path":"a","value":1}]', "malformed-patch", "operation[0].path", id="no-pointer"),
        pytest.param('[{"op":"add","path":"/a/0"}]', "malformed-patch", "operation[0].value", id="no-value"),
        pytest.param('[{"op":"move","path":"/a/0"}]', "malformed-patch", "operation[0].from", id="no-from"),
        pytest.param('[{"op":"remove","path":"/z"}]', "patch-failed", "operation[0].path", id="nothing-there"),
        pytest.param('[{"op":"remove","path":""}]', "patch-failed", "operation[0].path", id="everything"),
        pytest.param('[{"op":"replace","path":"/a/2","value":1}]', "patch-failed", "operation[0].path", id="past-the-end"),
        pytest.param('[{"op":"add","path":"/a/01","value":1}]', "patch-failed", "operation[0].path", id="leading-zero"),
        pytest.param('[{"op":"add","path":"/a/-1","value":1}]', "patch-failed", "operation[0].path", id="negative"),
        pytest.param('[{"op":"add","path":"/a/0/b","value":1}]', "patch-failed", "operation[0].path", id="through-a-number"),
        pytest.param('[{"op":"move","from":"/c","path":"/c/e"}]', "patch-failed", "operation[0].path", id="into-itself"),
        pytest.param('[{"op":"test","path":"/a/0","value":"150"}]', "patch-failed", "operation[0].value", id="string-is-no-number"),
        pytest.param('[{"op":"test","path":"/c/d","value":false}]', "patch-failed", "operation[0].value", id="null-is-not-false"),
    ],
)  # fmt: skip
def test_a_patch_that_does_not_fit_is_refused_with_its_place(
    operations: str, situation: str, place: str | None
) -> None:
    tree = decode(TREE)
    with pytest.raises(FhirError) as refusal:
        apply_json_patch(tree, decode(operations.encode()))
    assert (refusal.value.issues[0].situation, refusal.value.issues[0].expression) == (situation, place)
    assert encode(tree) == TREE


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab/~"), inner, max_size=3),
)
_pointers = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "~1", "~0", "~01", ""]), max_size=3).map(
    lambda steps: "".join("/" + step for step in steps)
)
_operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": _pointers},
    optional={"from": _pointers, "value": _json},
)


@given(_json, st.lists(_operations, max_size=4))
def test_any_patch_is_applied_or_refused_and_never_changes_the_original(tree: Any, patch: list[Any]) -> None:
    before = encode(tree)
    try:
        apply_json_patch(tree, patch)
    except FhirError as error:
        assert error.status in (400, 422)
    assert encode(tree) == before


@pytest.mark.corpus
def test_the_public_cases(corpus: Path) -> None:
    cases = decode((corpus / "patch" / "json-patch-tests.json").read_bytes())
    assert len(cases) == 11
    for case in cases:
        if "expected" in case:
            assert apply_json_patch(case["doc"], case["patch"]) == case["expected"], case["comment"]
        else:
            with pytest.raises(FhirError):
                apply_json_patch(case["doc"], case["patch"])
