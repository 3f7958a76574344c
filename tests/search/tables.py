"""The search rows of the corpus as (query, expected indexes) over resources made of its fixture values."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_server.model.exact_json import decode


@dataclass(frozen=True, slots=True)
class Row:
    """One row: arguments as written (strings unquoted, `LongString` spelled out), what R4 expects if stated."""

    test: str
    arguments: tuple[str, ...]
    r4_expected: frozenset[int] | None


def rows(corpus: Path, file: str) -> Iterator[Row]:
    """Yield the rows of one source file, `Search/DateSearchTests.cs` say."""
    tables = json.loads((corpus / "search-tables" / "rows.json").read_text("utf-8"))["tables"]
    long = long_text(corpus)
    for table in tables:
        if table["file"] == file:
            for row in table["rows"]:
                expected = row.get("r4_spec_expected")
                r4_expected = frozenset(expected) if expected is not None else None
                yield Row(table["test"], tuple(_arguments(row["args"], long)), r4_expected)


def fixture_values(corpus: Path, name: str) -> list[Any]:
    """Return the values of a fixture, `DateSearchTests` say."""
    tables = json.loads((corpus / "search-tables" / "rows.json").read_text("utf-8"))
    values: list[Any] = tables["fixtures"][name]["values"]
    return values


def fixture_resource(corpus: Path, folder: str, name: str) -> dict[str, Any]:
    """Return a resource of the fixtures in one of its folders, `R4` or `Normative`."""
    resource: dict[str, Any] = decode(
        (corpus / "search-tables" / "fixtures" / folder / name).read_bytes().removeprefix(codecs.BOM_UTF8)
    )
    return resource


def long_text(corpus: Path) -> str:
    """Return the constant that rows name `LongString`; a fixture spells it out."""
    text = fixture_resource(corpus, "Normative", "ObservationWithLongEyeColor.json")["valueString"]
    assert isinstance(text, str)
    return text


def _arguments(text: str, long: str) -> Iterator[str]:
    text = re.sub(r"[A-Za-z]+Fixture\.LongString", json.dumps(long), text)
    text = text.replace('" + "', "")
    for quoted, bare in re.findall(r'"((?:[^"\\]|\\.)*)"|([^",\s]+)', text):
        yield quoted or bare
