"""What is searched: whole records of the corpus and the official examples, as a server stores them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fhir_server.model.exact_json import decode

Resource = dict[str, Any]


def record(path: Path) -> list[Resource]:
    """Return the resources of a transaction, their references resolved to one another."""
    text = gzip.decompress(path.read_bytes())
    names = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in decode(text)["entry"]
    }
    pattern = re.compile(b"|".join(re.escape(url.encode()) for url in names))
    resolved = pattern.sub(lambda match: names[match.group().decode()].encode(), text)
    return [entry["resource"] for entry in decode(resolved)["entry"]]


def smallest_records(corpus: Path, count: int) -> list[Resource]:
    """Return the resources of the smallest records."""
    paths = sorted((corpus / "synthea").rglob("*.json.gz"), key=lambda path: (path.stat().st_size, path.name))
    found = {(one["resourceType"], one["id"]): one for path in paths[:count] for one in record(path)}
    return list(found.values())


def examples(corpus: Path) -> list[Resource]:
    """Return the official examples, the definitions of the specification itself left out."""
    paths = sorted((corpus / "r4-examples").glob("*.json"))
    found = [decode(path.read_bytes()) for path in paths]
    return [one for one in found if "id" in one and one["resourceType"] not in LEFT_OUT]


LEFT_OUT: Sequence[str] = ("Bundle", "Parameters")
