"""Entries of the access log as sentences for the person.  Pure; the words of each language are data.

To add a language, add its table to `sentences.toml`; a test says what is missing in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qsl

from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry

Words = Mapping[str, Any]

LANGUAGES: Final[Mapping[str, Words]] = tomllib.loads(
    resources.files(__package__).joinpath("sentences.toml").read_text("utf-8")
)
DEFAULT_LANGUAGE: Final = "en"
COUNTING: Final = frozenset({("_summary", "count"), ("_count", "0")})
"""Parameters of a search that is answered by a number alone."""
_MIRROR: Final = "Consent/"


@dataclass(frozen=True, slots=True)
class Telling:
    """To whom a line is told, and in which words.

    `reader` is the identity of the one who reads.  `titles` are those of the entities of the line that have
    one, by address.  `profession` is the name of what the actor is by profession.  `whole`: rule and reason
    are told.
    """

    language: str
    zone: tzinfo
    reader: str
    titles: Mapping[str, str] = field(default_factory=dict)
    profession: str | None = None
    whole: bool = True


def language_of(wanted: str) -> str:
    """Return the language that there is for a tag (`fr-FR`, `fr`), English where there is none."""
    primary = wanted.partition("-")[0].lower()
    return primary if primary in LANGUAGES else DEFAULT_LANGUAGE


def sentence(entry: AuditEntry, telling: Telling) -> str:
    """Return one entry as a sentence: when, who, what, how, and with which outcome."""
    words = LANGUAGES[telling.language]
    actor = entry.agent or Actor(entry.actor.kind, entry.actor.identity)
    line: str = words["line"]
    return line.format(
        date=_date(words, entry.at.astimezone(telling.zone)),
        who=_who(words, actor, telling),
        did=_did(words, entry, actor, telling),
        what=_what(words, entry, telling),
        how=_how(words, entry, actor, telling),
        outcome=_outcome(words, entry),
        **{"as": _as(words, actor, telling)},
    )


def _date(words: Words, at: datetime) -> str:
    date: str = words["date"]
    month = words["months"][at.month - 1]
    return str(date.format(day=at.day, month=month, year=at.year, hour=at.hour, minute=at.minute))


def _who(words: Words, actor: Actor, telling: Telling) -> str:
    if actor.identity == telling.reader:
        return str(words["you"])
    return actor.name or str(words["kinds"].get(actor.kind, words["somebody"]))


def _as(words: Words, actor: Actor, telling: Telling) -> str:
    kind = words["kinds"].get(actor.kind) if actor.name and actor.identity != telling.reader else None
    known = [telling.profession or kind, actor.structure_name or actor.structure, actor.client]
    said = ", ".join(part for part in known if part)
    return str(words["as"]).format(what=said) if said else ""


def _did(words: Words, entry: AuditEntry, actor: Actor, telling: Telling) -> str:
    verbs = words["verbs"]
    verb = str(verbs.get(entry.interaction, verbs["other"]) if entry.status < 400 else words["asked"])
    third, second = words["you_did"]
    if actor.identity == telling.reader and third and verb.startswith(third):
        return str(second) + verb.removeprefix(third)
    return verb


def _what(words: Words, entry: AuditEntry, telling: Telling) -> str:
    entities = entry.entities
    if entry.interaction.startswith("$"):
        # What an operation chose is told by its verb; the Consent that mirrors it would say it again.
        entities = tuple(each for each in entities if not each.startswith(_MIRROR))
    if not entities:
        if entry.status >= 400 or entry.interaction not in ("search-type", "search-system"):
            return str(words["record"])
        return str(words["counted" if _counts(entry) else "nothing"])
    by_type: dict[str, list[str]] = {}
    for entity in entities:
        by_type.setdefault(entity.partition("/")[0], []).append(entity)
    parts = [_items(words, name, entities, telling) for name, entities in by_type.items()]
    return str(words["and"]).join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _counts(entry: AuditEntry) -> bool:
    """Return whether what was asked for is how many there are, which lists none of them."""
    query = (entry.request or "").partition("?")[2]
    return not COUNTING.isdisjoint(parse_qsl(query, keep_blank_values=True))


def _items(words: Words, resource_type: str, entities: Sequence[str], telling: Telling) -> str:
    one, many = words["types"].get(resource_type, words["types"]["other"])
    if len(entities) > 1:
        return f"{len(entities)} {many.format(type=resource_type)}"
    what = str(one.format(type=resource_type))
    title = telling.titles.get(entities[0])
    return str(words["title"]).format(what=what, title=title) if title else what


def _how(words: Words, entry: AuditEntry, actor: Actor, telling: Telling) -> str:
    modes = words["modes"]
    how = str(modes.get(entry.mode, modes["emergency"]))
    if actor.reason and telling.whole:
        how += str(words["reason"]).format(reason=actor.reason)
    return how + (str(words["secret"]) if actor.secret else "")


def _outcome(words: Words, entry: AuditEntry) -> str:
    if entry.status < 400:
        return ""
    return str(words["refused" if entry.status < 500 else "failed"])
