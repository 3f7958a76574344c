"""Media types: what a body is written in and what the client can read.

Spec: https://hl7.org/fhir/R4/http.html#mime-type
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from fhir_server.model.outcome import FhirError, refuse


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write resources, by its names; `codecs` knows how."""

    name: str
    content_type: str
    """As an answer declares it."""
    media_types: frozenset[str]
    """Every name that it has, in lower case."""
    declared: tuple[str, ...]
    """The names in the CapabilityStatement, the media type first."""
    generic: frozenset[str] = frozenset()
    """Those of `media_types` that contents other than resources go by as well."""


JSON = Format(
    name="json",
    content_type="application/fhir+json; charset=utf-8",
    media_types=frozenset(
        {"application/fhir+json", "application/json+fhir", "application/json", "text/json", "json"}
    ),
    declared=("application/fhir+json", "json"),
)
XML = Format(
    name="xml",
    content_type="application/fhir+xml; charset=utf-8",
    media_types=frozenset(
        {"application/fhir+xml", "application/xml+fhir", "application/xml", "text/xml", "xml"}
    ),
    declared=("application/fhir+xml", "xml"),
    generic=frozenset({"application/xml", "text/xml"}),
)
FORMATS = (JSON, XML)

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
    name = body_type(content_type)
    for known in FORMATS:
        if name in known.media_types:
            return known
    raise _unsupported("This server cannot read a body of this Content-Type.")


def body_type(content_type: str | None) -> str:
    """Return the media type of a body, in lower case and without parameters.

    Raises FhirError `unsupported-media-type` where there is none, or a parameter says that the body is not
    in UTF-8 or of another version of FHIR.
    """
    if content_type is None or not content_type.strip():
        raise _unsupported("The request has a body but no Content-Type.")
    sent = _media_type(content_type)
    if sent.charset not in (None, *CHARSETS):
        raise _unsupported("A body is written in UTF-8.")
    if not _is_our_version(sent):
        raise _unsupported(f"This server knows FHIR {FHIR_VERSION}, not the version in Content-Type.")
    return sent.name


def answer_format(override: str | None, accept: str | None, sent: str | None = None) -> Format:
    """Return the format of the answer: `_format` wins over Accept.  Raises FhirError `not-acceptable`.

    A client that takes anything gets the format of what it `sent` (a Content-Type), JSON without that.
    A `+` that a client forgot to encode arrives in `_format` as a space.
    """
    if override:
        found = _named(_media_type(override.strip().replace(" ", "+")))
        if found is None:
            raise _not_acceptable("This server cannot write what _format names.")
        return found
    if accept is None or accept in ("*/*", ""):
        return FORMATS[0] if sent is None else _named(_media_type(sent)) or FORMATS[0]
    found = _accepted(accept)
    if found is None:
        raise _not_acceptable("This server can write nothing that Accept names.")
    return found


def names_fhir(override: str | None, accept: str | None) -> bool:
    """Return whether the client names a FHIR format, rather than taking what comes."""
    if override:
        return True
    return accept is not None and any(
        media.quality > 0 and is_fhir(media.name) for media in media_types(accept)
    )


def is_fhir(name: str) -> bool:
    """Return whether a media type stands for a resource, and for nothing else that has one."""
    return any(name in known.media_types and name not in known.generic for known in FORMATS)


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
    """Return the format of the highest quality; of equals, one that is named, then the first named."""
    ranges = media_types(accept)
    best: tuple[float, bool, int] = (0.0, False, 0)
    chosen: Format | None = None
    for known in FORMATS:
        score = _score(known, ranges)
        if score[0] > 0 and score > best:
            best, chosen = score, known
    return chosen


def _score(known: Format, ranges: tuple[MediaType, ...]) -> tuple[float, bool, int]:
    """Return (quality, whether it is named, how early) by the most specific range of a format."""
    for names in (known.media_types, {"application/*"}, {"*/*"}):
        for place, media in enumerate(ranges):
            if media.name in names and _is_our_version(media):
                return media.quality, names is known.media_types, -place
    return 0.0, False, 0


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
