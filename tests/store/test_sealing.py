"""Sealed bodies and attachments: exact on the way back, unreadable without the keys, refused when touched."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.model.document import Document
from fhir_server.model.outcome import FhirError
from fhir_server.model.unit_of_work import Replace, UnitOfWork
from fhir_server.model.view import View
from fhir_server.store.connection import StoreRefused
from fhir_server.store.open import Store
from fhir_server.store.sealing.opening import SealingOptions
from tests.store.conftest import OPEN, Make
from tests.store.sealed import LARGE, SealedDatabase, flipped, sealed_database, write_master


@pytest.fixture
def sealed(database_uri: str, database_name: str, tmp_path: Path) -> Iterator[SealedDatabase]:
    with sealed_database(database_uri, database_name, "directory", tmp_path) as made:
        yield made


@pytest.fixture
def store(sealed: SealedDatabase) -> Iterator[Store]:
    with sealed.open() as opened:
        yield opened


@pytest.fixture
def saved(store: Store, make: Make) -> Callable[..., Document]:
    def create(*args: Any, **more: Any) -> Document:
        document = make.document(*args, **more)
        store.records.commit(make.creates(document))
        return document

    return create


def body_of(store: Store, document: Document, view: View = OPEN) -> Any:
    stored = store.records.read(document.facts.resource_type, document.facts.id, view)
    return None if stored is None else json.loads(stored.body)


def situation(refused: pytest.ExceptionInfo[FhirError]) -> str:
    return refused.value.issues[0].situation


class TestRoundTrip:
    def test_a_body_comes_back(self, store: Store, saved: Callable[..., Document]) -> None:
        document = saved(content={"valueString": "Café", "note": [{"text": LARGE}]})
        assert body_of(store, document) == document.resource

    def test_nothing_of_the_body_is_in_the_database(
        self, sealed: SealedDatabase, saved: Callable[..., Document]
    ) -> None:
        saved(content={"valueString": "unmistakable", "note": [{"text": LARGE}]})
        with sealed.raw() as database:
            dump = b"".join(
                row.raw
                for name in database.list_collection_names()
                for row in database[name].with_options(codec_options=raw_codec()).find()
            )
        assert b"Observation" not in dump.replace(b"Observation_history", b"")
        assert b"unmistakable" not in dump
        assert base64.b64decode(LARGE)[:64] not in dump

    def test_every_version_comes_back(self, store: Store, make: Make, saved: Callable[..., Document]) -> None:
        first = saved(content={"valueString": "one"})
        second = make.document(first.facts.id, 2, content={"valueString": "two"})
        store.records.commit(UnitOfWork(OPEN, replaces=(Replace(second, 1),)))
        found = store.records.history("Observation", first.facts.id, OPEN, count=9)
        assert [json.loads(stored.body)["valueString"] for stored in found] == ["two", "one"]
        old = store.records.vread("Observation", first.facts.id, 1, OPEN)
        assert old is not None
        assert json.loads(old.body)["valueString"] == "one"

    def test_a_version_rewritten_in_place_lets_go_of_its_blobs(
        self, sealed: SealedDatabase, store: Store, make: Make, saved: Callable[..., Document]
    ) -> None:
        first = saved(content={"note": [{"text": LARGE}]})
        again = make.document(first.facts.id, 1, content={"valueString": "short"})
        store.records.commit(UnitOfWork(OPEN, rewrites=(Replace(again, 1),)))
        assert body_of(store, first)["valueString"] == "short"
        with sealed.raw() as database:
            assert [file["state"] for file in database["blobs.files"].find()] == ["put"]

    def test_the_directory_is_not_sealed(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        document = saved(type="Organization", owner=None, content={"name": "Clinic"})
        assert body_of(store, document)["name"] == "Clinic"
        with sealed.raw() as database:
            assert database["Organization"].find_one()["seal"] is None

    def test_a_blob_is_read_in_pieces(self, store: Store) -> None:
        content = bytes(range(256)) * 10_000
        pieces = list(store.blobs.open(store.blobs.put(content, "p1")))
        assert len(pieces) == 3
        assert b"".join(pieces) == content

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=st.text(max_size=3000), type_name=st.sampled_from(["Observation", "Claim", "Basic", "List"]))
    def test_any_text_comes_back_to_the_byte(self, store: Store, text: str, type_name: str) -> None:
        from fhir_server.store.sealing.seals import Place

        assert store.sealing is not None
        data = text.encode("utf-8", "surrogatepass")
        place = Place("p1", type_name, "x", 1)
        body, seal = store.sealing.seal(place, data)
        assert store.sealing.open(place, body, seal) == data


class TestTampering:
    @pytest.mark.parametrize("field", ["body", "nonce", "key", "dictionary", "owner", "version"])
    def test_anything_that_was_changed_is_refused(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document], field: str
    ) -> None:
        document = saved(content={"valueString": "one"})
        saved(owner="p2")
        with sealed.raw() as database:
            kept = database["Observation"].find_one({"_id": document.facts.id})
            changed = {
                "body": {"body": flipped(kept["body"], 0)},
                "nonce": {"seal.nonce": flipped(kept["seal"]["nonce"], 3)},
                "key": {"seal.key": kept["seal"]["key"] ^ 1},
                "dictionary": {"seal.dictionary": kept["seal"]["dictionary"] + 1},
                "owner": {"owner": "p2"},
                "version": {"version": 2},
            }[field]
            database["Observation"].update_one({"_id": document.facts.id}, {"$set": changed})
        with pytest.raises(FhirError) as refused:
            store.records.read("Observation", document.facts.id, OPEN)
        assert situation(refused) == "seal-broken"

    def test_every_flipped_byte_is_refused(self, store: Store) -> None:
        from fhir_server.store.sealing.seals import Place

        assert store.sealing is not None
        place = Place("p1", "Observation", "x", 1)
        body, seal = store.sealing.seal(place, b'{"resourceType":"Observation","valueString":"one"}')
        for at in range(len(body)):
            with pytest.raises(FhirError) as refused:
                store.sealing.open(place, flipped(body, at), seal)
            assert situation(refused) == "seal-broken"

    def test_bodies_of_two_documents_cannot_be_swapped(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        first, second = saved(), saved()
        with sealed.raw() as database:
            other = database["Observation"].find_one({"_id": second.facts.id})
            moved = {"body": other["body"], "seal": other["seal"]}
            database["Observation"].update_one({"_id": first.facts.id}, {"$set": moved})
        with pytest.raises(FhirError) as refused:
            store.records.read("Observation", first.facts.id, OPEN)
        assert situation(refused) == "seal-broken"

    def test_bodies_of_two_versions_cannot_be_swapped(
        self, sealed: SealedDatabase, store: Store, make: Make, saved: Callable[..., Document]
    ) -> None:
        first = saved(content={"valueString": "one"})
        second = make.document(first.facts.id, 2, content={"valueString": "two"})
        store.records.commit(UnitOfWork(OPEN, replaces=(Replace(second, 1),)))
        with sealed.raw() as database:
            old = database["Observation_history"].find_one()
            moved = {"body": old["body"], "seal": old["seal"]}
            database["Observation"].update_one({"_id": first.facts.id}, {"$set": moved})
        with pytest.raises(FhirError) as refused:
            store.records.read("Observation", first.facts.id, OPEN)
        assert situation(refused) == "seal-broken"

    def test_a_body_in_the_clear_is_not_taken_for_a_sealed_one(
        self, sealed: SealedDatabase, store: Store, saved: Callable[..., Document]
    ) -> None:
        document = saved()
        forged = {"body": '{"resourceType":"Observation","valueString":"forged"}', "seal": None}
        with sealed.raw() as database:
            database["Observation"].update_one({"_id": document.facts.id}, {"$set": forged})
        with pytest.raises(FhirError) as refused:
            store.records.read("Observation", document.facts.id, OPEN)
        assert situation(refused) == "seal-broken"

    @pytest.mark.parametrize("change", ["flip", "swap", "cut", "clear", "unpack"])
    def test_a_blob_that_was_changed_is_refused(
        self, sealed: SealedDatabase, store: Store, change: str
    ) -> None:
        id = store.blobs.put(bytes(3 << 20), "p1")
        with sealed.raw() as database:
            chunks = database["blobs.chunks"]
            first, second, last = chunks.find().sort("_id", 1)
            if change == "flip":
                chunks.update_one({"_id": second["_id"]}, {"$set": {"data": flipped(second["data"], 5)}})
            elif change == "swap":
                chunks.replace_one({"_id": first["_id"]}, second | {"_id": first["_id"]})
            elif change == "unpack":
                chunks.update_one({"_id": first["_id"]}, {"$unset": {"packed": ""}})
            elif change == "clear":
                chunks.replace_one({"_id": first["_id"]}, {"_id": first["_id"], "data": b"forged"})
            else:
                chunks.delete_one({"_id": last["_id"]})
        with pytest.raises(FhirError) as refused:
            store.blobs.read_all({id: "p1"})
        assert situation(refused) == "seal-broken"


class TestRefusedToStart:
    def test_another_master_key(self, sealed: SealedDatabase, saved: Callable[..., Document]) -> None:
        saved()
        write_master(sealed.master_file)
        with pytest.raises(StoreRefused, match="lacks the key"), sealed.open():
            pass

    def test_without_sealing(self, sealed: SealedDatabase, saved: Callable[..., Document]) -> None:
        saved()
        with pytest.raises(StoreRefused, match="FHIR_SEALING has to be on"), sealed.open(sealed=False):
            pass

    def test_without_its_vault(
        self, sealed: SealedDatabase, tmp_path: Path, saved: Callable[..., Document]
    ) -> None:
        saved()
        missing = SealingOptions(str(tmp_path / "elsewhere"), sealed.master_file)
        with pytest.raises(StoreRefused, match="no key vault"), sealed.open(sealing=missing):
            pass
        assert not (tmp_path / "elsewhere").exists()

    def test_with_the_vault_of_another_database(
        self, sealed: SealedDatabase, tmp_path: Path, store: Store
    ) -> None:
        other = SealedDatabase(
            sealed.uri, f"{sealed.name}_other", str(tmp_path / "other"), write_master(tmp_path / "other.key")
        )
        with other.open() as opened:
            opened.client.drop_database(other.name)
        wrong = SealingOptions(other.vault, other.master_file)
        with pytest.raises(StoreRefused, match="was not sealed with"), sealed.open(sealing=wrong):
            pass

    @pytest.mark.parametrize(("content", "mode", "reason"), [
        pytest.param("", 0o600, "no line is a key", id="empty"),
        pytest.param("abc\n", 0o600, "line 1 is no key", id="short"),
        pytest.param("0" * 64, 0o644, "open to others", id="open-to-others"),
    ])  # fmt: skip
    def test_a_master_key_file_that_is_none(
        self, sealed: SealedDatabase, content: str, mode: int, reason: str
    ) -> None:
        sealed.master_file.write_text(content, "ascii")
        sealed.master_file.chmod(mode)
        with pytest.raises(StoreRefused, match=reason), sealed.open():
            pass

    def test_the_records_are_no_vault(self, sealed: SealedDatabase, store: Store) -> None:
        uri = f"{sealed.uri.partition('?')[0].rstrip('/')}/{sealed.name}?{sealed.uri.partition('?')[2]}"
        with (
            pytest.raises(StoreRefused, match="the database of the records"),
            sealed.open(sealing=SealingOptions(uri, sealed.master_file)),
        ):
            pass


def raw_codec() -> Any:
    from fhir_server.store.documents import RAW

    return RAW
