"""Which systems a token parameter was ever written with."""

from __future__ import annotations

import pytest

from fhir_server.model.document import SearchEntries
from fhir_server.store.open import StoreOptions, open_store


@pytest.mark.parametrize(
    ("tokens", "parameter", "expected"),
    [
        pytest.param(("code=s|a", "code=t|a", "code=s|b"), "code", ("s", "t"), id="each-once"),
        pytest.param(("code=|a",), "code", ("",), id="no-system"),
        pytest.param(("code=s|t|a",), "code", ("s", "s|t"), id="a-bar-in-either-part"),
        pytest.param(("subject=Group/1",), "subject", (), id="a-reference-has-none"),
        pytest.param(("subject:identifier=s|1",), "subject:identifier", ("s",), id="identifier-of-a-reference"),
        pytest.param(("category=s|a",), "code", (), id="another-parameter"),
    ],
)  # fmt: skip
def test_systems_of_a_parameter(store, saved, tokens, parameter, expected) -> None:
    saved(search=SearchEntries(token=tokens))
    assert store.systems.of("Observation", parameter) == expected
    assert store.systems.of("Condition", parameter) == ()


def test_what_another_process_wrote_is_there_at_once(
    store, saved, database_uri, database_name, registry, make
) -> None:
    other = open_store(database_uri, database_name, StoreOptions(registry=registry))
    try:
        saved(search=SearchEntries(token=("code=s|a",)))
        other.records.commit(make.creates(make.document(search=SearchEntries(token=("code=t|a",)))))
        assert store.systems.of("Observation", "code") == ("s", "t")
    finally:
        other.close()


def test_canonicals_of_a_uri_parameter_are_no_systems(store, saved) -> None:
    saved(type="ValueSet", search=SearchEntries(token=("url=http://x|1.0",)))
    assert store.systems.of("ValueSet", "url") == ()
