"""Names of people and places are found as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.fold import fold
from fhir_server.search.names import other_spellings
from profiles.registry import Registry
from tests.search.resources import observation, patient
from tests.search.shelf import Shelf

FAMILIES = (
    "D’Artagnan", "de Gaulle", "von der Leyen", "O'Brien", "Müller", "Mueller", "Çelik", "Lefœuvre", "Le Guen",
    "Dupont-Durand", "Ångström", "Łukasiewicz", "Đorđević", "Strauß", "Παπαδόπουλος", "Йорданова", "Oʼneill",
    "Ħaġar", "Van", "du  Pré", "in 't Veld", "L'Haÿ",
)  # fmt: skip


@pytest.fixture(scope="module")
def shelf(registry: Registry) -> Shelf:
    return Shelf(registry, [patient(f"n{at}", name=[{"family": name}]) for at, name in enumerate(FAMILIES)])


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param("artagnan", {"D’Artagnan"}, id="without-the-particle"),
        pytest.param("dartagnan", {"D’Artagnan"}, id="without-the-apostrophe"),
        pytest.param("d artagnan", {"D’Artagnan"}, id="with-a-space"),
        pytest.param("D'ARTAGNAN", {"D’Artagnan"}, id="another-apostrophe"),
        pytest.param("Gaulle", {"de Gaulle"}, id="particle"),
        pytest.param("De gaulle", {"de Gaulle"}, id="particle-and-case"),
        pytest.param("leyen", {"von der Leyen"}, id="two-particles"),
        pytest.param("der leyen", {"von der Leyen"}, id="one-of-two-particles"),
        pytest.param("obrien", {"O'Brien"}, id="irish"),
        pytest.param("oneill", {"Oʼneill"}, id="an-apostrophe-that-is-a-letter"),
        pytest.param("muller", {"Müller"}, id="without-the-umlaut"),
        pytest.param("mueller", {"Müller", "Mueller"}, id="umlaut-in-two-letters"),
        pytest.param("müller", {"Müller", "Mueller"}, id="umlaut-asked"),
        pytest.param("mu\u0308ller", {"Müller", "Mueller"}, id="umlaut-as-a-mark"),
        pytest.param("celik", {"Çelik"}, id="cedilla"),
        pytest.param("lefoeuvre", {"Lefœuvre"}, id="ligature"),
        pytest.param("leguen", set(), id="a-space-is-kept"),
        pytest.param("guen", {"Le Guen"}, id="article"),
        pytest.param("dupont durand", {"Dupont-Durand"}, id="hyphen"),
        pytest.param("durand", set(), id="a-second-name-is-no-beginning"),
        pytest.param("angstrom", {"Ångström"}, id="ring"),
        pytest.param("aangstroem", {"Ångström"}, id="ring-in-two-letters"),
        pytest.param("lukasiewicz", {"Łukasiewicz"}, id="stroke"),
        pytest.param("dordevic", {"Đorđević"}, id="croatian"),
        pytest.param("STRAUSS", {"Strauß"}, id="sharp-s"),
        pytest.param("ΠΑΠΑΔΟΠΟΥΛΟΣ", {"Παπαδόπουλος"}, id="greek"),
        pytest.param("иорданова", {"Йорданова"}, id="cyrillic"),
        pytest.param("hagar", {"Ħaġar"}, id="maltese"),
        pytest.param("van", {"Van"}, id="a-particle-alone-is-a-name"),
        pytest.param("pre", {"du  Pré"}, id="spaces"),
        pytest.param("veld", {"in 't Veld"}, id="dutch"),
        pytest.param("hay", {"L'Haÿ"}, id="diaeresis"),
    ],
)
def test_a_family_name_is_found(shelf: Shelf, asked: str, names: set[str]) -> None:
    found = shelf.search(f"Patient?family={asked}")
    assert {FAMILIES[int(id[1:])] for id in found} == names


def test_exact_knows_one_spelling_only(shelf: Shelf) -> None:
    assert shelf.search("Patient?family:exact=D’Artagnan") == {"n0"}
    assert shelf.search("Patient?family:exact=artagnan") == set()


def test_a_name_is_the_same_in_every_parameter_that_holds_it(registry: Registry) -> None:
    city = {"city": "L’Haÿ-les-Roses"}
    shelf = Shelf(registry, [patient("p", name=[{"family": "de Gaulle"}], address=[city])])
    for query in ("family=gaulle", "name=gaulle", "address-city=hay les roses", "address=lhay"):
        assert shelf.search(f"Patient?{query}") == {"p"}, query


def test_a_text_that_is_no_name_is_written_once(registry: Registry) -> None:
    shelf = Shelf(registry, [observation(valueQuantity=None, valueString="de l'eau")])
    assert shelf.documents[0].entries.string == ("value-string=de l eau",)


@given(st.text(max_size=40))
def test_other_spellings_are_folded(text: str) -> None:
    for spelling in other_spellings(text, fold(text)):
        assert fold(spelling) == spelling
