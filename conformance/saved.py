"""An answer that later steps build on: which resource and which version it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.exchange import Answer
from conformance.literal_json import NotJson, decode

ID = r"[A-Za-z0-9\-.]{1,64}"
LOCATION = re.compile(rf"(?:^|/)([A-Z][A-Za-z]+)/({ID})(?:/_history/({ID}))?/?$")
ETAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Saved:
    """`type`, `id` and `version` are what Location says, then the body, then the ETag; None: nothing does."""

    status: str
    headers: Mapping[str, str]
    body: bytes
    type: str | None
    id: str | None
    version: str | None

    @property
    def url(self) -> str | None:
        """`Type/id`."""
        return f"{self.type}/{self.id}" if self.type and self.id else None

    @classmethod
    def of(cls, answer: Answer) -> Saved:
        """Return what is to be kept of an answer."""
        located = LOCATION.search(answer.header("Location") or "")
        etag = ETAG.fullmatch((answer.header("ETag") or "").strip())
        body = _resource(answer.body)
        meta = body.get("meta")
        version = meta.get("versionId") if isinstance(meta, dict) else None
        return cls(
            status=str(answer.status),
            headers=answer.headers,
            body=answer.body,
            type=located[1] if located else _text(body.get("resourceType")),
            id=located[2] if located else _text(body.get("id")),
            version=(located and located[3]) or _text(version) or (etag[1] if etag else None),
        )


def _resource(body: bytes) -> Mapping[str, Any]:
    try:
        tree = decode(body)
    except NotJson:
        return {}
    return tree if isinstance(tree, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
