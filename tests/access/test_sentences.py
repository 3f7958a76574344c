"""The journal in sentences: the same words in every language, and a sentence for whatever happened."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fhir_server.access.sentences import LANGUAGES, Telling, language_of, sentence
from fhir_server.model.actor import Actor
from fhir_server.model.audit import AuditEntry
from fhir_server.operations import operations
from tests.access.test_audit_event import ACTORS, INTERACTIONS, STATUSES, entry

NOON = datetime(2026, 7, 14, 10, 5, tzinfo=UTC)


def telling(language: str, **more: object) -> Telling:
    return replace(Telling(language, ZoneInfo("Europe/Paris"), "p1"), **more)  # type: ignore[arg-type]


def shape(words: object) -> object:
    return {name: shape(value) for name, value in words.items()} if isinstance(words, dict) else type(words)


def test_every_language_has_every_word() -> None:
    first, *others = (shape(words) for words in LANGUAGES.values())
    assert others
    assert all(other == first for other in others)


def placeholders(words: object) -> object:
    if isinstance(words, dict):
        return {name: placeholders(value) for name, value in words.items()}
    texts = words if isinstance(words, list) else [words]
    return [set(re.findall(r"\{(\w+)", text)) for text in texts]


def test_every_language_says_the_same() -> None:
    first, *others = (placeholders(words) for words in LANGUAGES.values())
    assert all(other == first for other in others)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_whatever_happened_has_a_sentence(language: str, interaction: str) -> None:
    for actor in ACTORS.values():
        for status in STATUSES:
            said = sentence(entry(interaction, status, actor), telling(language))
            assert said.endswith(".")
            assert not set("{}") & set(said)
            assert "  " not in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_operation_has_a_verb_of_its_own(language: str) -> None:
    names = {row.name for row in operations(governed=True) if row.logged}
    assert names
    assert names <= set(LANGUAGES[language]["verbs"])


READ = replace(entry(), at=NOON, entities=("DocumentReference/d/_history/1",))
TITLES = {"DocumentReference/d/_history/1": "Letter"}


@pytest.mark.parametrize(("language", "expected"), [
    pytest.param(
        "en",
        "On 14 July 2026 at 12:05, Dr Test (doctor, Hospital, Software) consulted a document “Letter”, "
        "giving as reason “unconscious”.",
        id="english",
    ),
    pytest.param(
        "fr",
        "Le 14 juillet 2026 à 12 h 05, Dr Test (doctor, Hospital, Software) a consulté un document "
        "« Letter », avec pour motif « unconscious ».",
        id="french",
    ),
])  # fmt: skip
def test_a_sentence_says_when_who_what_and_why(language: str, expected: str) -> None:
    told = telling(language, titles=TITLES, profession="doctor")
    assert sentence(READ, told) == expected


@pytest.mark.parametrize(("status", "words"), [
    pytest.param(403, "asked for access to this record; it was refused", id="refused"),
    pytest.param(503, "it failed, nothing was shown", id="failed"),
])  # fmt: skip
def test_a_refusal_is_told_without_what_was_asked_for(status: int, words: str) -> None:
    agent = replace(ACTORS["professional"], reason=None)
    refused: AuditEntry = replace(READ, status=status, entities=(), agent=agent)
    assert words in sentence(refused, telling("en"))


@pytest.mark.parametrize(("language", "words"), [
    pytest.param("fr", "vous avez consulté", id="french"),
    pytest.param("en", "you consulted", id="english"),
])  # fmt: skip
def test_the_reader_is_spoken_to(language: str, words: str) -> None:
    own = replace(READ, agent=Actor("person", "p1"), actor=Actor("person", "p1").ref)
    assert words in sentence(own, telling(language))


@pytest.mark.parametrize("verb", LANGUAGES["fr"]["verbs"])
def test_a_french_verb_is_turned_to_the_reader_whole(verb: str) -> None:
    you = Actor("person", "p1")
    said = sentence(replace(READ, interaction=verb, agent=you, actor=you.ref), telling("fr"))
    assert "vous avez " in said
    assert " a " not in said.partition("vous avez ")[2]


@pytest.mark.parametrize(("language", "words"), [
    pytest.param("fr", "a envoyé un document, un document structuré, une allergie", id="french"),
    pytest.param("en", "sent a document, a structured document, an allergy", id="english"),
])  # fmt: skip
def test_an_import_is_told_as_something_sent(language: str, words: str) -> None:
    types = ("DocumentReference", "Composition", "AllergyIntolerance", "Provenance")
    made = tuple(f"{name}/1/_history/1" for name in types)
    said = sentence(replace(READ, interaction="$import-document", entities=made), telling(language))
    assert words in said
    assert "Provenance" not in said


def test_an_emergency_and_a_secret_session_are_told_as_such() -> None:
    agent = replace(ACTORS["professional"], secret=True)
    said = sentence(replace(READ, mode="break-glass", agent=agent), telling("en"))
    assert "in an emergency" in said
    assert "kept from the legal representatives" in said


def test_others_are_not_told_the_reason() -> None:
    assert "unconscious" not in sentence(READ, telling("en", whole=False))


@pytest.mark.parametrize(("tag", "language"), [
    pytest.param("fr-FR", "fr", id="region"),
    pytest.param("FR", "fr", id="case"),
    pytest.param("de", "en", id="other"),
])  # fmt: skip
def test_a_language_is_found_by_its_first_part(tag: str, language: str) -> None:
    assert language_of(tag) == language


@pytest.mark.parametrize(("interaction", "entities", "words"), [
    pytest.param("search-type", (), "searched and saw nothing", id="found-nothing"),
    pytest.param("$hide", ("DocumentReference/d/_history/1", "Consent/c1/_history/1"), "hid a document “Letter”.",
                 id="the-mirror-is-not-told-again"),
    pytest.param("$block", ("Consent/c1/_history/1",), "blocked somebody: access to this record.", id="choice-alone"),
])  # fmt: skip
def test_a_sentence_says_each_thing_once(interaction: str, entities: tuple[str, ...], words: str) -> None:
    agent = Actor("person", "p1")
    entry = replace(
        READ, interaction=interaction, entities=entities, agent=agent, actor=agent.ref, status=200
    )
    assert words in sentence(entry, telling("en", titles=TITLES))


@pytest.mark.parametrize(("asked", "english", "french"), [
    pytest.param("_summary=count", "saw only how many", "leur nombre", id="summary"),
    pytest.param("_count=0", "saw only how many", "leur nombre", id="count"),
    pytest.param("_count=10", "saw nothing", "rien", id="page"),
])  # fmt: skip
def test_who_was_told_a_number_is_not_said_to_have_seen_nothing(
    asked: str, english: str, french: str
) -> None:
    counted = replace(entry("search-type"), entities=(), request=f"GET Observation?patient=p1&{asked}")
    assert english in sentence(counted, telling("en"))
    assert french in sentence(counted, telling("fr"))
