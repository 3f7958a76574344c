"""The text of a searchset: bodies are joined as they are stored, never parsed.

Spec: https://hl7.org/fhir/R4/bundle.html#searchset
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Literal
from urllib.parse import urlencode

from fhir_server.interactions.request import Pairs
from fhir_server.model import exact_json
from fhir_server.model.document import Stored
from fhir_server.model.outcome import Issue, operation_outcome

_UNPRINTED = re.compile(r"[^A-Za-z0-9_.:\-]")
MAX_NAME = 60
REMEMBERED_LINKS = 1_024


def searchset(total: int | None, links: Sequence[dict[str, str]], entries: Sequence[bytes]) -> bytes:
    """Return the Bundle; `entries` are texts of `Bundle.entry`."""
    parts = [b'{"resourceType":"Bundle","type":"searchset"']
    if total is not None:
        parts.append(b',"total":%d' % total)
    parts.append(b',"link":' + exact_json.encode(links))
    if entries:
        parts.append(b',"entry":[' + b",".join(entries) + b"]")
    parts.append(b"}")
    return b"".join(parts)


def match_entries(
    base_url: str, found: Sequence[Stored], mode: Literal["match", "include"] = "match"
) -> list[bytes]:
    """Return the entries of what matched, or of what comes along.  Types and ids need no escapes in JSON."""
    base, end = exact_json.encode(base_url + "/")[:-1], b',"search":{"mode":"%s"}}' % mode.encode()
    types = {stored.resource_type for stored in found}
    heads = {name: b'{"fullUrl":%s%s/' % (base, name.encode()) for name in types}
    return [
        b'%s%s","resource":%s%s' % (heads[stored.resource_type], stored.id.encode(), stored.body, end)
        for stored in found
    ]


def ignored_entry(
    canonical_base: str, names: Sequence[str], valueless: Container[str] = frozenset()
) -> bytes:
    """Return the entry that tells which parameters of the query were not used."""
    issues = [
        Issue("unknown-parameter", f"`{_printed(name)}` was not used: it {why}.", None, "warning")
        for name in names
        for why in ("has no value" if name in valueless else "is not supported",)
    ]
    return told_entry(canonical_base, issues, "\n".join(names))


def told_entry(canonical_base: str, issues: Sequence[Issue], about: str = "") -> bytes:
    """Return the entry that tells of a search what is no match; `about` tells such entries apart."""
    outcome = operation_outcome(issues, canonical_base)
    # The same question has the same answer, to the letter: no chance in the name of the entry.
    about = about or "\n".join(issue.text for issue in issues)
    full_url = uuid.uuid5(uuid.NAMESPACE_URL, about).urn
    return exact_json.encode({"fullUrl": full_url, "resource": outcome, "search": {"mode": "outcome"}})


def link(relation: str, base: str, pairs: Pairs) -> dict[str, str]:
    """Return a `Bundle.link`."""
    return {"relation": relation, "url": f"{base}?{query_text(pairs)}" if pairs else base}


@lru_cache(maxsize=REMEMBERED_LINKS)
def query_text(pairs: Pairs) -> str:
    """Return parameters as the query of a URL."""
    return urlencode(pairs)


def _printed(name: str) -> str:
    return _UNPRINTED.sub("", name)[:MAX_NAME]
