"""Every way to the resources of persons: each compiles its View into the query, or says here why it has none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent / "fhir_server"
STORE = ROOT / "store"

COMPILED = {
    "records:MongoRecords.vread": "_visible",
    "records:MongoRecords.read_many": "_visible",
    "records:MongoRecords._current": "_visible",
    "records:MongoRecords._superseded": "_visible",
    "records:MongoRecords._count": "matching",
    "entry_values:entry_values": "_entries",
    "pointers:ids": "matching",
    "pointers:pointed": "matching",
    "coded:coded": "matching",
    "drivers:_count": "predicate_filter",
    "explaining:_commands": "page_query",
    "conditions:_asked": "matching",
    "replacements:replace_all": "predicate_filter",
    "histories:Histories._stored": "predicate_filter",
    "histories:Histories._after_deletions": "predicate_filter",
}
"""A function that asks a collection of resources → what it compiles the View with."""

GIVEN = {
    "records:MongoRecords._found": ("search", "page_query", "tie_query"),
    "sorting:SortedPages.page": ("search", "matching"),
    "explaining:explained": ("explain", "_commands"),
    "histories:Histories._run": ("_keys", "count_pipeline"),
    "histories:Histories._keys": ("page", "keys_pipeline", "tie_pipeline"),
}
"""A function that is given its query → who alone calls it, and what the query is made with."""

CALLED_ON = {"sorting:SortedPages.page": "_sorted"}
"""A function of `GIVEN` whose name others have too → what it is called on."""

COMPILERS = {
    "records:_visible": "predicate_filter",
    "entry_values:_entries": "predicate_filter",
    "searches:matching": "predicate_filter",
    "searches:page_query": "matching",
    "searches:tie_query": "matching",
    "history_pipelines:keys_pipeline": "_matching",
    "history_pipelines:tie_pipeline": "_matching",
    "history_pipelines:count_pipeline": "_matching",
    "history_pipelines:_matching": "predicate_filter",
}
"""What compiles a View → the compiler that it does so by; `predicate_filter` is the one that all end at."""

WITHOUT_VIEW = {
    "records:MongoRecords._read_owner": "whose record it is decides on the View; only the owner is read",
    "choices:MongoChoices.person_of": "who an identifier names decides on the View; only ids are read",
    "choices:MongoChoices._held_in": "whose record it is decides on the View; only owner and choices are read",
    "access_mark:holds_records": "whether anything is stored decides on the start; nothing of it is read",
    "replacements:_why_missing": "tells a conflict from a refusal, within a write; only the id is read",
    "flows:flowing_from": "labels flow to what the writer may not see; it is relabelled, never answered",
    "facts:heads_of": "labels as they are within a write; nothing of it is answered",
    "facts:govern_past": "writes facts",
    "facts:relabel_all": "writes facts",
    "reindexes:reindex_all": "writes what is derived",
    "commit:Commits._create": "writes; the View was asked about the after-image before",
}
"""A function that reaches a collection of resources and takes no View → why."""

JOBS = ("sealing.",)
"""Modules of an operator's jobs: bodies are sealed anew, an erased person is deleted, nothing is answered."""

DRIVER = frozenset({
    "aggregate", "bulk_write", "count_documents", "delete_many", "delete_one", "distinct",
    "estimated_document_count", "find_one", "find_one_and_update", "insert_many", "insert_one", "replace_one",
    "update_many", "update_one", "with_options",
})  # fmt: skip
"""Methods of a collection whose names nothing else has."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield functions and methods with their names; what is nested in them is part of them."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{one.name}", one) for one in node.body if isinstance(one, Function))


def module_of(file: Path) -> str:
    return file.relative_to(STORE).with_suffix("").as_posix().replace("/", ".")


IN_STORE = {
    f"{module_of(file)}:{name}": function
    for file in sorted(STORE.rglob("*.py"))
    for name, function in functions(ast.parse(file.read_text("utf-8")))
}


def called(function: ast.AST) -> set[str]:
    """Return the last names of what is called within."""
    return {last_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}


def calls(function: ast.AST, name: str, receiver: str | None) -> bool:
    """Return whether a name is called within, on an attribute of the name `receiver` where there is one."""
    return any(
        isinstance(node, ast.Call)
        and last_name(node.func) == name
        and (receiver is None or last_name(getattr(node.func, "value", node.func)) == receiver)
        for node in ast.walk(function)
    )


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def reaches_resources(function: ast.AST) -> bool:
    """Return whether it asks the catalogue for a collection of a resource type."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("current", "history")
        and last_name(node.func.value).strip("_") == "catalogue"
        for node in ast.walk(function)
    )


def test_every_door_is_known() -> None:
    doors = {
        name
        for name, function in IN_STORE.items()
        if reaches_resources(function) and not name.startswith(JOBS)
    }
    known = set(COMPILED) | set(GIVEN) | set(WITHOUT_VIEW)
    assert doors - known == set(), "compile a View into the query, or say why there is none"
    assert known - doors - {"histories:Histories._keys"} == set(), "no such door any more"


@pytest.mark.parametrize(("name", "compiler"), [*COMPILED.items(), *COMPILERS.items()])
def test_a_door_compiles_its_view(name: str, compiler: str) -> None:
    assert compiler in called(IN_STORE[name])
    ends = {one.partition(":")[2] for one in COMPILERS} | {"predicate_filter"}
    assert compiler in ends


@pytest.mark.parametrize(("name", "allowed"), GIVEN.items())
def test_a_query_that_is_given_was_compiled(name: str, allowed: tuple[str, ...]) -> None:
    module, _, function = name.partition(":")
    own = function.rpartition(".")[2]
    callers = [
        caller
        for caller, body in IN_STORE.items()
        if calls(body, own, CALLED_ON.get(name))
        if caller.startswith(f"{module}:") or not own.startswith("_")
    ]
    assert callers
    for caller in callers:
        short = caller.rpartition(".")[2]
        assert short in allowed or called(IN_STORE[caller]) & set(allowed), caller


def test_only_the_catalogue_knows_collections_by_name() -> None:
    indexed = {
        module_of(file)
        for file in sorted(STORE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Subscript) and last_name(node.value).strip("_") in ("database", "kept")
        if not isinstance(node.slice, ast.Constant)
    }
    assert indexed == {"catalogue"}


def test_no_other_room_asks_the_database() -> None:
    asking = {
        f"{file.relative_to(ROOT)}:{node.lineno} {node.func.attr}"
        for file in sorted(ROOT.rglob("*.py"))
        if STORE not in file.parents
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in DRIVER
    }
    assert asking == set()
