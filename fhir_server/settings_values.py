"""How the value of a setting is read: from the text of a variable or from a TOML value.

Every reader returns the typed value or raises IllegalValue, whose text says what is expected.  A text that
can hold a secret is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, tzinfo
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]+\Z")
_CANONICAL = re.compile(r"[a-z][a-z0-9+.\-]*:[^\s|]+(\|[^\s|]+)?\Z")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.\-]*#[A-Za-z0-9.\-]+\Z")
# What MongoDB refuses in the name of a database, and the names that it keeps for itself.
_DATABASE = re.compile(r"[A-Za-z0-9_\-]{1,63}\Z")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+\Z")
_OWN_DATABASES = frozenset({"admin", "local", "config"})


class IllegalValue(ValueError):
    """A value is not of the kind that the setting expects."""


def positive(raw: object) -> int:
    """Return a whole number of at least 1."""
    if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,18}", raw.strip()):
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 1:
        raise IllegalValue(f"a whole number of at least 1 is expected, not {raw!r}.")
    return raw


def text(raw: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(raw, str) or not raw.strip():
        raise IllegalValue("a text is expected.")
    return raw.strip()


def one_of(*words: str) -> Callable[[object], str]:
    """Return the reader of a setting that is one of a few words."""

    def read(raw: object) -> str:
        if raw not in words:
            raise IllegalValue(f"{' or '.join(words)} is expected, not {raw!r}.")
        return str(raw)

    return read


def path(raw: object) -> Path:
    """Return a path; `~` stands for the home directory."""
    return Path(text(raw)).expanduser()


def policy(raw: object) -> str:
    """Return the name of a policy that comes with the server, or the path of a policy file."""
    name = text(raw)
    return name if re.fullmatch(r"[a-z][a-z0-9\-]*", name) else str(path(name))


def timezone(raw: object) -> tzinfo:
    """Return the zone of an IANA name, `UTC` or `Europe/Paris` for instance."""
    name = text(raw)
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise IllegalValue(
            f"{name!r} is not an IANA time zone that this machine knows (Europe/Paris, for instance; "
            "the package tzdata brings them)."
        ) from None


def base_url(raw: object) -> str:
    """Return an absolute http(s) URL without a query, a fragment and the slash at the end."""
    url = text(raw).rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or " " in url:
        raise IllegalValue("an absolute URL is expected, https://example.org/fhir for instance.")
    if parts.username is not None:
        raise IllegalValue("a URL without a user name and a password is expected.")
    return url


def mongodb_uri(raw: object) -> str:
    """Return a MongoDB connection string, not checked further: the store says precisely what is wrong."""
    uri = text(raw)
    if not uri.startswith(("mongodb://", "mongodb+srv://")):
        raise IllegalValue("a URI that begins with mongodb:// or mongodb+srv:// is expected.")
    return uri


def key_vault(raw: object) -> str:
    """Return a directory, or a MongoDB connection string that the vault checks further."""
    named = text(raw)
    return named if named.startswith(("mongodb://", "mongodb+srv://")) else str(path(named))


def database_name(raw: object) -> str:
    """Return the name of a database, legal in MongoDB on every system."""
    name = text(raw)
    if not _DATABASE.match(name) or name in _OWN_DATABASES:
        raise IllegalValue(
            "up to 63 letters, digits, `_` and `-` are expected, and not admin, local or config, "
            f"but it is {name!r}."
        )
    return name


def packages(raw: object) -> tuple[str, ...]:
    """Return `id#version` names, at least one, in order."""
    names = _items(raw)
    for name in names:
        if not _PACKAGE.match(name):
            raise IllegalValue(f"{name!r} is not a package; hl7.fhir.r4.core#4.0.1 is one, for instance.")
    if not names:
        raise IllegalValue("at least one package is expected.")
    return names


def type_names(raw: object) -> tuple[str, ...]:
    """Return names of resource types, or `*` alone."""
    names = _items(raw)
    if "*" in names and len(names) > 1:
        raise IllegalValue("`*` stands for every type: no other is expected beside it.")
    for name in names:
        if name != "*" and not _TYPE_NAME.match(name):
            raise IllegalValue(f"{name!r} is not the name of a resource type; Patient is one, for instance.")
    return names


def required_profiles(raw: object) -> tuple[str, ...]:
    """Return `Type=canonical` items; a type may have several."""
    items = _items(raw)
    for item in items:
        name, _, canonical = item.partition("=")
        if not _TYPE_NAME.match(name) or not _CANONICAL.match(canonical):
            raise IllegalValue(
                f"{item!r} is not Type=canonical; "
                "Patient=http://example.org/StructureDefinition/patient is, for instance."
            )
    return items


def origins(raw: object) -> tuple[str, ...]:
    """Return web origins (`https://app.example.org`, no path), or `*` alone."""
    found = _items(raw)
    if "*" in found and len(found) > 1:
        raise IllegalValue("`*` stands for every origin: no other is expected beside it.")
    for origin in found:
        if origin != "*" and not _ORIGIN.match(origin):
            raise IllegalValue(
                f"{origin!r} is not an origin; https://app.example.org is one, without a path."
            )
    return found


def networks(raw: object) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return networks; a single address is a network of one."""
    try:
        return tuple(ip_network(item) for item in _items(raw))
    except ValueError:
        raise IllegalValue("addresses or networks are expected, 10.0.0.0/8 or ::1 for instance.") from None


def _items(raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        parts = re.split(r"[,\s]+", raw.strip())
    elif isinstance(raw, list) and all(isinstance(item, str) for item in raw):
        parts = [item.strip() for item in raw]
    else:
        raise IllegalValue("a list of texts, or one text with commas, is expected.")
    return tuple(dict.fromkeys(part for part in parts if part))
