"""JSON Patch.  Spec: https://www.rfc-editor.org/rfc/rfc6902, https://www.rfc-editor.org/rfc/rfc6901"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fhir_server.model.exact_json import copy_of
from fhir_server.model.number import decimal, is_number
from fhir_server.model.outcome import FhirError, refuse

Operation = dict[str, Any]
MAX_OPERATIONS = 10_000
MAX_COPIED = 100_000
"""Values that all `copy` operations of a patch may make, so that copies of copies end."""
_MISSING = object()


def apply_json_patch(tree: Any, patch: Any) -> Any:
    """Return `tree` with the operations of `patch`, a JSON array, applied in order; all or none.

    Raises FhirError `malformed-patch` (the patch is not one), `patch-failed` (it does not fit the tree) or
    `too-costly`, the expression being the place in the patch: `operation[2].path`.
    """
    if not isinstance(patch, list):
        raise refuse("malformed-patch", "A JSON Patch is an array of operations.")
    if len(patch) > MAX_OPERATIONS:
        raise refuse("too-costly", f"A patch has at most {MAX_OPERATIONS} operations.")
    result, copied = copy_of(tree), 0
    for place, operation in enumerate(patch):
        try:
            copied += _copied(result, operation)
            if copied > MAX_COPIED:
                raise _Fault("too-costly", "from", f"a patch copies at most {MAX_COPIED} values")
            result = _apply(result, operation)
        except _Fault as fault:
            raise _refusal(fault, place) from None
    return result


class _Fault(Exception):
    """What is wrong with one operation: a situation, a member of the operation, a sentence."""

    def __init__(self, situation: str, member: str | None, what: str) -> None:
        super().__init__(what)
        self.situation = situation
        self.member = member
        self.what = what


def _refusal(fault: _Fault, place: int) -> FhirError:
    where = f"operation[{place}]" + (f".{fault.member}" if fault.member is not None else "")
    return refuse(fault.situation, f"{where}: {fault.what}.", where)


def _apply(tree: Any, operation: Any) -> Any:
    if not isinstance(operation, dict):
        raise _Fault("malformed-patch", None, "an operation is an object")
    handler = _HANDLERS.get(operation.get("op", ""))
    if handler is None:
        raise _Fault("malformed-patch", "op", "add, remove, replace, move, copy or test is expected")
    return handler(tree, operation)


def _add(tree: Any, operation: Operation) -> Any:
    return _insert(tree, _pointer(operation, "path"), copy_of(_value(operation)), "path")


def _remove(tree: Any, operation: Operation) -> Any:
    return _take(tree, _pointer(operation, "path"), "path")[0]


def _replace(tree: Any, operation: Operation) -> Any:
    pointer, value = _pointer(operation, "path"), copy_of(_value(operation))
    if not pointer:
        return value
    parent = _find(tree, pointer[:-1], "path")
    _child(parent, pointer[-1], "path")
    parent[_key(parent, pointer[-1], "path")] = value
    return tree


def _move(tree: Any, operation: Operation) -> Any:
    source, target = _pointer(operation, "from"), _pointer(operation, "path")
    if target[: len(source)] == source and len(target) > len(source):
        raise _Fault("patch-failed", "path", "a value cannot be moved into itself")
    tree, value = _take(tree, source, "from")
    return _insert(tree, target, value, "path")


def _copy(tree: Any, operation: Operation) -> Any:
    value = _find(tree, _pointer(operation, "from"), "from")
    return _insert(tree, _pointer(operation, "path"), copy_of(value), "path")


def _copied(tree: Any, operation: Any) -> int:
    """Return how many values an operation is about to make out of the tree."""
    if not isinstance(operation, dict) or operation.get("op") != "copy":
        return 0
    return _size(_find(tree, _pointer(operation, "from"), "from"))


def _size(value: Any) -> int:
    count, waiting = 0, [value]
    while waiting:
        node = waiting.pop()
        count += 1
        if isinstance(node, dict | list):
            waiting.extend(node.values() if isinstance(node, dict) else node)
    return count


def _test(tree: Any, operation: Operation) -> Any:
    if not _equal(_find(tree, _pointer(operation, "path"), "path"), _value(operation)):
        raise _Fault("patch-failed", "value", "the value at the path is another one")
    return tree


_HANDLERS: Mapping[Any, Callable[[Any, Operation], Any]] = MappingProxyType(
    {"add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test}
)


def _pointer(operation: Operation, member: str) -> list[str]:
    """Return the steps of a JSON Pointer.  Spec: RFC 6901, section 4"""
    text = operation.get(member)
    if not isinstance(text, str) or (text != "" and not text.startswith("/")):
        raise _Fault("malformed-patch", member, "a JSON Pointer is expected, such as /name/0/family")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _value(operation: Operation) -> Any:
    value = operation.get("value", _MISSING)
    if value is _MISSING:
        raise _Fault("malformed-patch", "value", "the operation needs a value")
    return value


def _find(tree: Any, pointer: list[str], member: str) -> Any:
    for step in pointer:
        tree = _child(tree, step, member)
    return tree


def _child(parent: Any, step: str, member: str) -> Any:
    key = _key(parent, step, member)
    if isinstance(parent, dict):
        if key not in parent:
            raise _Fault("patch-failed", member, "there is nothing at the path")
        return parent[key]
    if key >= len(parent):
        raise _Fault("patch-failed", member, "the list is shorter than that")
    return parent[key]


def _key(parent: Any, step: str, member: str) -> Any:
    if isinstance(parent, dict):
        return step
    if not isinstance(parent, list):
        raise _Fault("patch-failed", member, "the path leads through a value that has no parts")
    if not (step.isascii() and step.isdigit()) or (len(step) > 1 and step[0] == "0") or len(step) > 9:
        raise _Fault("patch-failed", member, "a list is indexed by a number without leading zeros")
    return int(step)


def _insert(tree: Any, pointer: list[str], value: Any, member: str) -> Any:
    if not pointer:
        return value
    parent = _find(tree, pointer[:-1], member)
    if isinstance(parent, list):
        index = len(parent) if pointer[-1] == "-" else _key(parent, pointer[-1], member)
        if index > len(parent):
            raise _Fault("patch-failed", member, "the list is shorter than that")
        parent.insert(index, value)
    else:
        parent[_key(parent, pointer[-1], member)] = value
    return tree


def _take(tree: Any, pointer: list[str], member: str) -> tuple[Any, Any]:
    if not pointer:
        raise _Fault("patch-failed", member, "the whole resource cannot be removed by a patch")
    parent = _find(tree, pointer[:-1], member)
    value = _child(parent, pointer[-1], member)
    del parent[_key(parent, pointer[-1], member)]
    return tree, value


def _equal(left: Any, right: Any) -> bool:
    """Return whether two JSON values are the same: numbers by value, objects whatever their order."""
    if is_number(left) and is_number(right):
        return decimal(left) == decimal(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return type(left) is type(right) and bool(left == right)
