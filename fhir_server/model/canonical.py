"""Canonical URLs: `url|version#fragment`.  Spec: https://hl7.org/fhir/R4/references.html#canonical"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Canonical:
    """A parsed canonical; `version` and `fragment` are None where the text has none."""

    url: str
    version: str | None = None
    fragment: str | None = None

    def __str__(self) -> str:
        version = f"|{self.version}" if self.version is not None else ""
        return self.url + version + (f"#{self.fragment}" if self.fragment is not None else "")


def parse_canonical(text: str) -> Canonical:
    """Return the parts of a canonical; never raises."""
    rest, hash_mark, fragment = text.partition("#")
    url, bar, version = rest.partition("|")
    return Canonical(url, version if bar else None, fragment if hash_mark else None)


def without_version(text: str) -> str:
    """Return a canonical as definitions are looked up: `url#fragment`, its version cut off."""
    if "|" not in text:
        return text
    parts = parse_canonical(text)
    return str(Canonical(parts.url, fragment=parts.fragment))
