"""Large base64 texts leave the body and come back to the byte.

Spec: https://hl7.org/fhir/R4/datatypes.html#base64Binary
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.outcome import FhirError
from fhir_server.store import attachments
from fhir_server.store.attachments import LARGE_TEXT_BYTES, blob_ids, join, split
from fhir_server.store.open import Store, StoreOptions, open_store
from tests.store.conftest import OPEN

LARGE = base64.b64encode(bytes(range(256)) * 100).decode()
SMALL = LARGE[: LARGE_TEXT_BYTES - 4]


def apart(body: bytes) -> tuple[bytes, dict[str, bytes]]:
    contents: dict[str, bytes] = {}

    def put(content: bytes) -> str:
        id = f"blob-{len(contents)}"
        contents[id] = content
        return id

    stored, ids = split(body, put)
    assert list(ids) == list(contents) == list(blob_ids(stored))
    return stored, contents


@pytest.mark.parametrize(
    ("text", "content"),
    [
        pytest.param(LARGE, base64.b64decode(LARGE), id="decoded"),
        pytest.param(LARGE + "=", (LARGE + "=").encode(), id="bad-padding-is-kept-as-text"),
        pytest.param(LARGE[:-4] + "\\n" + LARGE[-4:], (LARGE[:-4] + "\\n" + LARGE[-4:]).encode(), id="line-break"),
        pytest.param(LARGE[:-1] + "B=", (LARGE[:-1] + "B=").encode(), id="length-not-of-four"),
        pytest.param(LARGE.replace("/", "\\/"), LARGE.replace("/", "\\/").encode(), id="escaped-slash"),
    ],
)  # fmt: skip
def test_a_large_text_becomes_a_blob_and_comes_back(text: str, content: bytes) -> None:
    body = b'{"resourceType":"Binary","data":"%s","x":1}' % text.encode()
    stored, contents = apart(body)
    assert list(contents.values()) == [content]
    assert len(stored) < 100
    assert join(stored, contents) == body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f'{{"data":"{SMALL}"}}', id="small"),
        pytest.param(f'{{"div":"<p>{LARGE}</p>"}}', id="not-base64"),
        pytest.param(f'{{"text":"a:\\"{LARGE}\\" b"}}', id="quoted-within-a-string"),
        pytest.param(f'{{"text":"b \\":\\"{LARGE}"}}', id="after-an-escaped-quote"),
        pytest.param(f'{{"{LARGE}":1}}', id="a-key"),
    ],
)  # fmt: skip
def test_everything_else_stays(body: str) -> None:
    json.loads(body)
    assert apart(body.encode()) == (body.encode(), {})


def test_white_space_around_the_text_is_kept() -> None:
    body = b'{ "data" :\n  "%s" }' % LARGE.encode()
    stored, contents = apart(body)
    assert len(contents) == 1
    assert join(stored, contents) == body


pieces = st.one_of(
    st.text(max_size=20),
    st.just(LARGE),
    st.just(LARGE + '"'),
    st.just('":"' + LARGE),
    st.just(LARGE + "\\"),
    st.just("\n" + LARGE),
    st.just(SMALL),
)
trees = st.recursive(
    pieces,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=5), st.just(LARGE)), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(trees, st.sampled_from((None, 1)), st.booleans())
def test_any_json_comes_back_to_the_byte(tree, indent, ascii_only) -> None:
    body = json.dumps(tree, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    stored, contents = apart(body)
    assert join(stored, contents) == body
    assert b"\x00" in stored or not contents


def test_attachments_travel_through_the_store(store, make, saved, view) -> None:
    content = {"content": [{"attachment": {"data": LARGE}}, {"attachment": {"data": LARGE[4:] + "===="}}]}
    document = saved(type="DocumentReference", content=content, owner="p9")
    whole = store.records.read("DocumentReference", document.facts.id, view).body
    assert json.loads(whole) == document.resource
    kept = store.catalogue.current("DocumentReference").find_one()
    assert len(kept["body"]) < 1000
    files = list(store.catalogue.service("blobs.files").find())
    assert [(file["owner"], file["state"]) for file in files] == [("p9", "claimed")] * 2
    ids = blob_ids(kept["body"].encode())
    assert b"".join(store.blobs.open(ids[0])) == base64.b64decode(LARGE)


def test_a_page_restores_every_attachment(store, make, saved, view) -> None:
    expected = {}
    for number in range(5):
        data = base64.b64encode(bytes([number]) * 50_000).decode()
        document = saved(type="Binary", content={"data": data})
        expected[document.facts.id] = data
    found = store.records.read_many("Binary", list(expected), view)
    assert {id: json.loads(stored.body)["data"] for id, stored in found.items()} == expected


def test_what_no_database_can_hold_is_refused_before_anything_is_written(store, make) -> None:
    text = "é" * (8 << 20)
    with pytest.raises(FhirError) as error:
        store.records.commit(make.creates(make.document(), make.document(content={"note": [{"text": text}]})))
    assert error.value.issues[0].situation == "too-large"
    assert store.catalogue.current("Observation").count_documents({}) == 0


def test_a_binary_far_beyond_the_limit_of_a_document_is_stored(store, saved, view) -> None:
    data = base64.b64encode(bytes(range(256)) * (80 << 10)).decode()
    document = saved(type="Binary", content={"contentType": "application/pdf", "data": data})
    assert data.encode() in store.records.read("Binary", document.facts.id, view).body


class TestBlobs:
    def test_content_comes_back_in_chunks(self, store) -> None:
        content = bytes(range(256)) * 10_000
        id = store.blobs.put(content, "p1")
        chunks = list(store.blobs.open(id))
        assert b"".join(chunks) == content
        assert max(map(len, chunks)) <= 1 << 20

    @pytest.mark.parametrize(
        ("content", "is_packed"),
        [
            pytest.param(b"<id root='2.999'/>" * 90_000, True, id="text"),
            pytest.param(Random(1).randbytes(100_000), False, id="what-is-packed-already"),
        ],
    )
    def test_a_content_that_shrinks_is_packed_and_comes_back(
        self, store: Store, content: bytes, is_packed: bool
    ) -> None:
        id = store.blobs.put(content, "p1")
        assert b"".join(store.blobs.open(id)) == content
        assert store.blobs.read_all({id: "p1"}) == {id: content}
        chunks = list(store.catalogue.service("blobs.chunks").find())
        assert {"packed" in chunk for chunk in chunks} == {is_packed}
        stored = sum(len(chunk["data"]) for chunk in chunks)
        assert stored < len(content) / 10 if is_packed else stored == len(content)

    def test_a_chunk_from_before_they_were_packed_is_read(self, store: Store) -> None:
        id = store.blobs.put(b"a" * 1000, "p1")
        store.catalogue.service("blobs.chunks").replace_one({}, {"_id": f"{id}#000000", "data": b"b" * 1000})
        assert store.blobs.read_all({id: "p1"}) == {id: b"b" * 1000}

    def test_an_empty_content_is_a_content(self, store) -> None:
        assert list(store.blobs.open(store.blobs.put(b"", None))) == []

    def test_what_was_dropped_is_gone(self, store) -> None:
        id = store.blobs.put(b"content", "p1")
        store.blobs.drop(id)
        store.blobs.drop(id)
        with pytest.raises(KeyError):
            store.blobs.open(id)
        assert store.catalogue.service("blobs.chunks").count_documents({}) == 0

    def test_only_orphans_of_a_day_are_swept(
        self, database_uri, database_name, registry, make, clock
    ) -> None:
        store = open_store(database_uri, database_name, StoreOptions(registry=registry, clock=clock))
        try:
            claimed = make.document(type="Binary", content={"data": LARGE})
            store.records.commit(make.creates(claimed))
            store.blobs.put(b"old", None)
            clock.advance(hours=23)
            young = store.blobs.put(b"young", None)
            assert store.blobs.sweep_orphans(clock.now() + timedelta(hours=2)) == 1
            assert store.blobs.sweep_orphans(clock.now() + timedelta(hours=2)) == 0
            assert list(store.blobs.open(young)) == [b"young"]
            assert LARGE.encode() in store.records.read("Binary", claimed.facts.id, OPEN).body
        finally:
            store.close()

    def test_an_attachment_that_was_swept_keeps_its_document_from_being_written(self, store, make) -> None:
        prepared = store.blobs.put(b"content", None)
        store.blobs.drop(prepared)

        def claim(session) -> None:
            store.blobs.claim([prepared], session)

        with store.client.start_session() as session, pytest.raises(FhirError) as error:
            session.with_transaction(claim)
        assert error.value.issues[0].situation == "conflict"


def test_a_mirror_leaves_large_texts_out() -> None:
    tree = {"a": [{"data": LARGE, "b": SMALL}], "c": LARGE}
    assert attachments.without_large_texts(tree) == {"a": [{"b": SMALL}]}
