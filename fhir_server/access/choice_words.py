"""What is in force of a person's choices, in sentences, French and English: texts as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Final

from fhir_server.access.choices import Period, PersonChoices
from fhir_server.access.consent import (
    AUTHORISATION,
    BLOCK,
    CROSS_BORDER,
    EMERGENCY,
    HIDDEN,
    HIDE_ALL,
    HIDE_FUTURE,
    ROLE,
    SERVICE,
)
from fhir_server.access.policy import Policy

NOTHING: Final = "nothing"
CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that is in force: its kind of choice, and how it is said."""

    kind: str
    en: str
    fr: str


_Texts = tuple[str, str]

TEXTS: Final[Mapping[str, _Texts]] = MappingProxyType({
    NOTHING: ("Nothing was chosen: the rules of the policy hold.",
              "Rien n’a été choisi : les règles de la politique s’appliquent."),
    CLOSED: ("The record is closed ({state}).", "Le dossier est fermé ({state})."),
    BLOCK: ("{party} is kept out since {since}, whatever else is chosen.",
            "{party} est bloqué depuis le {since}, quels que soient les autres choix."),
    AUTHORISATION: ("{party} may consult the record ({relation}){until}.",
                    "{party} peut consulter le dossier ({relation}){until}."),
    ROLE: ("{party} is {role}{until}{categories}.", "{party} est {role}{until}{categories}."),
    f"{EMERGENCY} on": ("Emergency access `{switch}` is allowed.",
                        "L’accès en urgence `{switch}` est autorisé."),
    f"{EMERGENCY} off": ("Emergency access `{switch}` is refused.",
                         "L’accès en urgence `{switch}` est refusé."),
    HIDDEN: ("{count} items are hidden from professionals one by one; their depositors still see them.",
             "{count} éléments sont masqués aux professionnels ; leur auteur les voit toujours."),
    HIDE_ALL: ("Everything is hidden from professionals.", "Tout est masqué aux professionnels."),
    HIDE_FUTURE: ("What is deposited since {since} is hidden from professionals.",
                  "Ce qui est déposé depuis le {since} est masqué aux professionnels."),
    f"{CROSS_BORDER} off": ("The record cannot be fetched from other countries.",
                            "Le dossier ne peut pas être consulté depuis d’autres pays."),
    f"{CROSS_BORDER} on": ("The record may be fetched from {countries}{categories}.",
                           "Le dossier peut être consulté depuis {countries}{categories}."),
    SERVICE: ("The service {client} may read {names}{until}.",
              "Le service {client} peut lire {names}{until}."),
})  # fmt: skip
"""Kind of choice → English and French; what stands in braces is filled in."""

PARTS: Final[Mapping[str, _Texts]] = MappingProxyType({
    "until": (" until {}", " jusqu’au {}"),
    "categories": (", limited to: {}", ", limité à : {}"),
    "anywhere": ("any country", "tout pays"),
})  # fmt: skip


def in_force(choices: PersonChoices, policy: Policy, now: datetime, zone: tzinfo) -> tuple[Sentence, ...]:
    """Return one sentence for each choice that is in force; days and times are those of the zone.

    The switches of the policy are all told, also those that were never set.
    """
    found = list(_sentences(choices, policy, now, zone))
    return tuple(found) if found else (_said(NOTHING, NOTHING),)


def _sentences(choices: PersonChoices, policy: Policy, now: datetime, zone: tzinfo) -> Iterator[Sentence]:
    if choices.state != "open":
        yield _said(CLOSED, CLOSED, state=choices.state)
    for block in choices.blocked:
        yield _said(BLOCK, BLOCK, party=block.party, since=_day(block.since, zone))
    for one in choices.authorisations:
        if one.period.until is None or now < one.period.until:
            yield _said(
                AUTHORISATION, AUTHORISATION,
                party=one.party, relation=one.relation, until=_until(one.period, zone),
            )  # fmt: skip
    for role in choices.roles:
        if role.period.until is None or now < role.period.until:
            yield _said(
                ROLE, ROLE, party=role.party, role=role.role,
                until=_until(role.period, zone), categories=_limited(role.categories),
            )  # fmt: skip
    for switch, usual in policy.switches.items():
        state = "on" if choices.switches.get(switch, usual) else "off"
        yield _said(EMERGENCY, f"{EMERGENCY} {state}", switch=switch)
    yield from _hiding(choices, zone)
    yield from _abroad_and_services(choices, now, zone)


def _hiding(choices: PersonChoices, zone: tzinfo) -> Iterator[Sentence]:
    if choices.hidden:
        yield _said(HIDDEN, HIDDEN, count=str(len(choices.hidden)))
    if choices.hide_all:
        yield _said(HIDE_ALL, HIDE_ALL)
    if choices.hide_future is not None:
        yield _said(HIDE_FUTURE, HIDE_FUTURE, since=_day(choices.hide_future, zone))


def _abroad_and_services(choices: PersonChoices, now: datetime, zone: tzinfo) -> Iterator[Sentence]:
    chosen = choices.cross_border
    if chosen is not None and not chosen.allowed:
        yield _said(CROSS_BORDER, f"{CROSS_BORDER} off")
    elif chosen is not None:
        named = ", ".join(chosen.countries)
        yield _said(
            CROSS_BORDER, f"{CROSS_BORDER} on",
            countries=(named, named) if named else PARTS["anywhere"], categories=_limited(chosen.categories),
        )  # fmt: skip
    for service in choices.services:
        if service.period.until is None or now < service.period.until:
            names = ", ".join(service.categories)
            yield _said(
                SERVICE, SERVICE, client=service.client, names=names, until=_until(service.period, zone)
            )


def _said(kind: str, text: str, **values: str | _Texts) -> Sentence:
    english, french = (
        template.format_map({key: _in(value, language) for key, value in values.items()})
        for language, template in enumerate(TEXTS[text])
    )
    return Sentence(kind, english, french)


def _in(value: str | _Texts, language: int) -> str:
    return value if isinstance(value, str) else value[language]


def _until(period: Period, zone: tzinfo) -> str | _Texts:
    return "" if period.until is None else _part("until", _moment(period.until, zone))


def _limited(categories: tuple[str, ...]) -> str | _Texts:
    return _part("categories", ", ".join(categories)) if categories else ""


def _part(name: str, text: str) -> _Texts:
    english, french = PARTS[name]
    return english.format(text), french.format(text)


def _day(instant: datetime, zone: tzinfo) -> str:
    return instant.astimezone(zone).date().isoformat()


def _moment(instant: datetime, zone: tzinfo) -> str:
    return instant.astimezone(zone).isoformat(sep=" ", timespec="minutes")
