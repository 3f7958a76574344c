"""Media types: what a body is written in and what the client can read.

Spec: https://hl7.org/fhir/R4/http.html#mime-type
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from fhir_server.model import exact_json
from fhir_server.model.outcome import FhirError, refuse


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write resources.  `decode` makes the tree; `encode` writes what the exact JSON text says."""

    content_type: str
    """As an answer declares it."""
    media_types: frozenset[str]
    """Every name that it has, in lower case."""
    declared: tuple[str, ...]
    """The names in the CapabilityStatement."""
    decode: Callable[[bytes], Any]
    encode: Callable[[bytes], bytes]
    pretty: Callable[[bytes], bytes]
    """As `encode`, with an indent."""


def _as_is(text: bytes) -> bytes:
    return text


def _indented(text: bytes) -> bytes:
    return msgspec.json.format(text, indent=2)


JSON = Format(
    content_type="application/fhir+json; charset=utf-8",
    media_types=frozenset(
        {"application/fhir+json", "application/json+fhir", "application/json", "text/json", "json"}
    ),
    declared=("application/fhir+json", "json"),
    decode=exact_json.decode,
    encode=_as_is,
    pretty=_indented,
)
FORMATS = (JSON,)

FORM = "application/x-www-form-urlencoded"
FHIR_VERSION = "4.0"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type of a header; `name` is in lower case without parameters."""

    name: str
    quality: float = 1.0
    charset: str | None = None
    fhir_version: str | None = None


def body_format(content_type: str | None) -> Format:
    """Return the format of a request body.  Raises FhirError `unsupported-media-type`."""
    if content_type is None or not content_type.strip():
        raise _unsupported("The request has a body but no Content-Type.")
    sent = _media_type(content_type)
    for known in FORMATS:
        if sent.name in known.media_types:
            if sent.charset not in (None, *CHARSETS):
                raise _unsupported("A body is written in UTF-8.")
            if not _is_our_version(sent):
                raise _unsupported(f"This server knows FHIR {FHIR_VERSION}, not the version in Content-Type.")
            return known
    raise _unsupported("This server cannot read a body of this Content-Type.")


def answer_format(override: str | None, accept: str | None) -> Format:
    """Return the format of the answer: `_format` wins over Accept.  Raises FhirError `not-acceptable`.

    A `+` that a client forgot to encode arrives in `_format` as a space.
    """
    if override:
        found = _named(_media_type(override.strip().replace(" ", "+")))
        if found is None:
            raise _not_acceptable("This server cannot write what _format names.")
        return found
    if accept is None or accept in ("*/*", ""):
        return FORMATS[0]
    found = _accepted(accept)
    if found is None:
        raise _not_acceptable("This server can write nothing that Accept names.")
    return found


def names_fhir(override: str | None, accept: str | None) -> bool:
    """Return whether the client names a FHIR format, rather than taking what comes."""
    if override:
        return True
    return accept is not None and any(
        media.quality > 0 and any(media.name in known.media_types for known in FORMATS)
        for media in media_types(accept)
    )


def accepts(accept: str | None, content_type: str) -> bool:
    """Return whether an Accept header takes content of a type."""
    if not accept:
        return True
    name = _media_type(content_type).name
    ranges = {"*/*", name, f"{name.partition('/')[0]}/*"}
    return any(media.quality > 0 and media.name in ranges for media in media_types(accept))


@lru_cache(maxsize=256)
def media_types(header: str) -> tuple[MediaType, ...]:
    """Return the media ranges of an Accept header, best first."""
    found = [_media_type(part) for part in header.split(",") if part.strip()]
    return tuple(sorted(found, key=lambda media: -media.quality))


@lru_cache(maxsize=256)
def _accepted(accept: str) -> Format | None:
    for media in media_types(accept):
        if media.quality > 0:
            found = FORMATS[0] if media.name in ("*/*", "application/*") else _named(media)
            if found is not None:
                return found
    return None


def _named(media: MediaType) -> Format | None:
    for known in FORMATS:
        if media.name in known.media_types and _is_our_version(media):
            return known
    return None


def _is_our_version(media: MediaType) -> bool:
    return media.fhir_version is None or media.fhir_version.startswith(FHIR_VERSION)


def _media_type(text: str) -> MediaType:
    name, *parameters = text.split(";")
    values = dict(_parameters(parameters))
    return MediaType(
        name.strip().lower(), _quality(values.get("q")), values.get("charset", "").lower() or None,
        values.get("fhirversion"),
    )  # fmt: skip


def _parameters(parts: list[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        name, _, value = part.partition("=")
        yield name.strip().lower(), value.strip().strip('"')


def _quality(text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0


def _unsupported(reason: str) -> FhirError:
    return refuse("unsupported-media-type", f"{reason} Send {_preferred()}.")


def _not_acceptable(reason: str) -> FhirError:
    return refuse("not-acceptable", f"{reason} Ask for {_preferred()}.")


def _preferred() -> str:
    return " or ".join(known.content_type.partition(";")[0] for known in FORMATS)
