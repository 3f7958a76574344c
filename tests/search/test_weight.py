"""What a search asks in all is bounded, however it is spread over parameters."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from fhir_server.model.outcome import FhirError
from fhir_server.search.weight import MOST_WEIGHT
from profiles.registry import Registry
from tests.search.shelf import Shelf


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry)


def _dates(name: str, parameters: int, values: int) -> str:
    return "&".join(
        f"{name}={','.join(f'ge{1800 + at}-{1 + each % 12:02d}' for at in range(values))}"
        for each in range(parameters)
    )


def _tokens(name: str, parameters: int, values: int) -> str:
    return "&".join(
        f"{name}={','.join(f'{each}-{at}' for at in range(values))}" for each in range(parameters)
    )


def _filters(parameters: int, comparisons: int) -> str:
    text = " and ".join(f"birthdate ge {1900 + at}" for at in range(comparisons))
    return "&".join(f"_filter={text} or gender eq x{each}" for each in range(parameters))


@pytest.mark.parametrize("query", [
    pytest.param(f"Patient?{_dates('birthdate', 1, 200)}", id="dates-of-one-parameter"),
    pytest.param(f"Patient?{_dates('birthdate', 20, 12)}", id="dates-of-many-parameters"),
    pytest.param(f"Patient?{_tokens('identifier', 10, 200)}", id="codes-are-looked-up"),
    pytest.param(f"Patient?{_tokens('_id', 10, 200)}", id="ids-are-looked-up"),
    pytest.param(f"Patient?{_filters(4, 49)}", id="comparisons"),
    pytest.param(f"Patient?{_tokens('name', 100, 1)}", id="a-hundred-names"),
    pytest.param(f"Observation?{_dates('patient.birthdate', 1, 200)}", id="behind-a-chain"),
    pytest.param(f"Patient?_content={' '.join(f'w{at}' for at in range(30))}", id="words"),
])  # fmt: skip
def test_what_a_client_asks_is_taken(shelf: Shelf, query: str) -> None:
    shelf.request(quote(query, safe="?=&:,"))


@pytest.mark.parametrize("query", [
    pytest.param(f"Patient?{_dates('birthdate', 2, 200)}", id="dates"),
    pytest.param(f"Patient?{_dates('birthdate', 30, 12)}", id="dates-of-many-parameters"),
    pytest.param(f"Patient?{_tokens('identifier', 30, 200)}", id="codes"),
    pytest.param(f"Patient?{_tokens('name:contains', 2, 200)}", id="parts-of-texts"),
    pytest.param(f"Patient?{_tokens('identifier:text', 2, 200)}", id="texts-of-codes"),
    pytest.param(f"Patient?{_filters(6, 49)}", id="comparisons"),
    pytest.param(f"Observation?{_dates('patient.birthdate', 2, 200)}", id="behind-chains"),
    pytest.param(f"Patient?{_dates('_has:Observation:patient:date', 2, 200)}", id="behind-has"),
    pytest.param(
        "&".join([f"Patient?_content={' '.join(f'w{at}' for at in range(30))}"]
                 + [f"_content={' '.join(f'v{each}x{at}' for at in range(30))}" for each in range(9)]),
        id="words",
    ),
])  # fmt: skip
def test_what_weighs_too_much_is_refused(shelf: Shelf, query: str) -> None:
    with pytest.raises(FhirError) as refused:
        shelf.request(quote(query, safe="?=&:,"))
    assert refused.value.issues[0].situation == "too-costly"
    assert str(MOST_WEIGHT) in refused.value.issues[0].text
