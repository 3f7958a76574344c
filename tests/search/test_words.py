"""Full text: `_text` and `_content`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from fhir_server.model.outcome import FhirError
from fhir_server.search.index import Indexer
from fhir_server.search.words import MOST_CHARACTERS
from profiles.registry import Registry
from tests.search.resources import observation
from tests.search.shelf import Shelf


def _condition(id: str, narrative: str, note: str = "") -> dict[str, Any]:
    text = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{narrative}</div>'}
    noted = {"note": [{"text": note}]} if note else {}
    return {
        "resourceType": "Condition",
        "id": id,
        "subject": {"reference": "Patient/p"},
        "text": text,
        **noted,
    }


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    shelf = Shelf(registry)
    shelf.add(_condition("bone", "<p class='metastases'>Bone <b>metastases</b>&nbsp;found</p>"))
    shelf.add(_condition("liver", "Foie&#160;: m&eacute;tastases", "Liver, 3&nbsp;cm; l'œdème persiste"))
    shelf.add(_condition("well", "Nothing found", "bone density normal"))
    shelf.add({"resourceType": "Condition", "id": "mute", "subject": {"reference": "Patient/p"}})
    return shelf


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("_text=metastases", {"bone", "liver"}, id="word"),
        pytest.param("_text=Métastases", {"bone", "liver"}, id="folded"),
        pytest.param("_text=metasta", set(), id="whole-words"),
        pytest.param("_text=metasta*", {"bone", "liver"}, id="beginning"),
        pytest.param("_text=bone metastases", {"bone"}, id="all-words"),
        pytest.param("_text=metastases bone", {"bone"}, id="in-any-order"),
        pytest.param("_text=bone and metastases", {"bone"}, id="and"),
        pytest.param("_text=(bone OR foie) AND metastases", {"bone", "liver"}, id="or"),
        pytest.param("_text=bone,foie", {"bone", "liver"}, id="comma"),
        pytest.param("_text=found NOT bone", {"well"}, id="not"),
        pytest.param("_text=not NOT bone", set(), id="small-not-is-a-word"),
        pytest.param('_text="bone metastases"', {"bone"}, id="quoted"),
        pytest.param("_text=class", set(), id="markup-is-no-text"),
        pytest.param("_text=nbsp", set(), id="entities-are-characters"),
        pytest.param("_text=liver", set(), id="notes-are-no-narrative"),
        pytest.param("_content=liver", {"liver"}, id="content-of-a-note"),
        pytest.param("_content=metastases", {"bone", "liver"}, id="narrative-is-content"),
        pytest.param("_content=liver metastases", {"liver"}, id="words-of-both"),
        pytest.param("_content=bone", {"bone", "well"}, id="words-of-either"),
        pytest.param("_content=l'oedeme", {"liver"}, id="apostrophe"),
        pytest.param("_text:missing=true", {"mute"}, id="missing"),
        pytest.param("_content:missing=false", {"bone", "liver", "well"}, id="not-missing"),
    ],
)
def test_words_are_found(shelf: Shelf, query: str, found: set[str]) -> None:
    name, _, value = query.partition("=")
    assert shelf.search(f"Condition?{name}={quote(value)}") == found


@pytest.mark.parametrize("value", ["(bone", "bone)", "OR", "bone OR", "NOT", "...", "(" * 40, "a " * 40, '"'])
def test_an_expression_that_is_none_is_refused(shelf: Shelf, value: str) -> None:
    with pytest.raises(FhirError) as refused:
        shelf.search(f"Condition?_text={quote(value)}")
    assert refused.value.issues[0].situation == "illegal-parameter-value"


def test_codes_references_and_addresses_are_no_words(registry: Registry) -> None:
    found = _words(registry, observation(note=[{"text": "see http://x.org/secret"}]))
    assert found == ["_content= body temperature cel "]


def test_a_word_is_kept_once(registry: Registry) -> None:
    said = _condition("x", "bone bone", "Bone again")
    assert sorted(_words(registry, said)) == ["_content= again ", "_text= bone "]


def test_of_a_long_text_whole_words_are_kept(registry: Registry) -> None:
    words = " ".join(f"w{number}" for number in range(20_000))
    entry = max(_words(registry, _condition("x", words)), key=len)
    assert MOST_CHARACTERS - 10 < len(entry) <= MOST_CHARACTERS
    assert set(entry.split()[1:]) < set(words.split())


def _words(registry: Registry, resource: dict[str, Any]) -> list[str]:
    entries = Indexer(registry, base_url="https://example.org/fhir").entries(resource)
    return [entry for entry in entries.residual if entry.startswith(("_text=", "_content="))]


def test_without_words_full_text_is_no_parameter(registry: Registry) -> None:
    indexer = Indexer(registry, base_url="https://example.org/fhir", words=False)
    assert indexer.catalogue.parameter("Condition", "_text") is None
    assert "sealed" in indexer.catalogue.of("Condition").unsupported["_content"]
    assert not any(" bone " in entry for entry in indexer.entries(_condition("x", "bone")).residual)
