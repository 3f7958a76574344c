"""The searches that US Core asks servers for, row by row, with values from what is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.search.oracle.brute_force import BruteForce, Criterion
from tests.search.oracle.parameters import Found
from tests.search.oracle.served import Served, matched

pytestmark = pytest.mark.corpus

VERSIONS = ("v3.1.1", "v6.1.0")
ROWS = {"v3.1.1": 132, "v6.1.0": 222}
ASKED_AT_LEAST = 120
"""Rows whose parameters are all of R4 and have values in what is loaded, of each version."""
OF_US_CORE = frozenset({"role", "asserted-date", "description", "discharge-disposition"})
"""Parameters of US Core's own, which R4 does not have."""

Row = dict[str, Any]


def _groups(corpus: Path, version: str) -> list[Row]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    path = corpus / "inferno" / "us-core" / "generated" / version / "metadata.yml"
    groups: list[Row] = yaml.safe_load(path.read_text("utf-8"))[":groups"]
    return groups


def _rows(corpus: Path, version: str) -> Iterator[tuple[str, tuple[str, ...], Row]]:
    for group in _groups(corpus, version):
        for search in group.get(":searches", ()):
            yield group[":resource"], tuple(search[":names"]), group[":search_definitions"]


def _text(force: BruteForce, kind: str, code: str, found: Found) -> str | None:
    """Return a value as a client of US Core writes it."""
    value: Any = found.value
    match force.values.definition(kind, code).type:
        case "token" if code != "_id":
            coded = [one for one in force.codings(kind, code, found) if one[1]]
            text = ("|".join(coded[0]) if coded[0][0] else coded[0][1]) if coded else None
        case "reference":
            text = value.get("reference") if isinstance(value, dict) else value
        case "date":
            # A period is in no instant: US Core asks for it by a comparator.
            text = f"ge{value['start']}" if isinstance(value, dict) and "start" in value else value
        case "string" if isinstance(value, dict):
            text = value.get("family") or value.get("city")
        case _:
            text = value
    return (
        None
        if not isinstance(text, str) or text.startswith("#") or set(text) & set(",$\\") or text.count("|") > 1
        else text
    )


def _criteria(force: BruteForce, kind: str, names: tuple[str, ...]) -> list[list[Criterion]]:
    """Return one query for each of some resources that have a value of every name."""
    made: dict[tuple[str | None, ...], list[Criterion]] = {}
    for resource in force.of_type(kind):
        found = [next(iter(force.values.of(resource, name)), None) for name in names]
        if None in found:
            continue
        texts = [_text(force, kind, name, one) for name, one in zip(names, found) if one is not None]
        if None not in texts:
            made[tuple(texts)] = [Criterion(name, (text,)) for name, text in zip(names, texts) if text]
    return list(made.values())[:4]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_search_of_us_core_finds_what_matches(
    corpus: Path, served: Served, force: BruteForce, version: str
) -> None:
    rows, asked, differences, unknown = 0, 0, [], set[str]()
    for kind, names, _ in _rows(corpus, version):
        rows += 1
        missing = set(names) - set(force.values.registry.parameters[kind])
        unknown |= missing
        queries = [] if missing else _criteria(force, kind, names)
        asked += bool(queries)
        for criteria in queries:
            expected = force.search(kind, criteria)
            found = matched(served.pages(kind, [one.pair for one in criteria]))
            if set(found) != expected or not expected or len(found) != len(expected):
                differences.append((kind, criteria, found, expected))
    assert differences == []
    assert unknown <= OF_US_CORE
    assert rows == ROWS[version]
    assert asked >= ASKED_AT_LEAST


@pytest.mark.parametrize("version", VERSIONS)
def test_every_comparator_of_us_core_finds_what_matches(
    corpus: Path, served: Served, force: BruteForce, version: str
) -> None:
    asked, differences = 0, []
    for kind, names, definitions in _rows(corpus, version):
        dates = [name for name in names if definitions[f":{name}"][":type"] in ("date", "Period", "dateTime")]
        if set(names) - set(force.values.registry.parameters[kind]) or not dates:
            continue
        for criteria in _criteria(force, kind, names)[:2]:
            for prefix in ("gt", "ge", "lt", "le"):
                changed = [
                    Criterion(one.code, (prefix + one.values[0].removeprefix("ge"),))
                    if one.code in dates
                    else one
                    for one in criteria
                ]
                asked += 1
                found = matched(served.pages(kind, [one.pair for one in changed]))
                if set(found) != force.search(kind, changed):
                    differences.append((kind, changed))
    assert differences == []
    assert asked > 50


def test_provenance_comes_along_where_it_is_asked_for(
    corpus: Path, served: Served, force: BruteForce
) -> None:
    types = {group[":resource"] for group in _groups(corpus, "v6.1.0") if group.get(":revincludes")}
    met = 0
    for kind in sorted(types & {resource["resourceType"] for resource in served.resources}):
        query = urlencode([("_revinclude", "Provenance:target"), ("_count", "500")])
        entries = served.bundle(f"{kind}?{query}").get("entry", [])
        matches = {entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "match"}
        along = {entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "include"}
        expected = set[str]()
        for id in matches:
            expected |= force.search("Provenance", [Criterion("target", (f"{kind}/{id}",))])
        assert along == expected
        met += bool(expected)
    assert met > 0
