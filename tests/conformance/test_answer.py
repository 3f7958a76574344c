"""HTTP answers read in pieces, however the network cuts them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.load.answer import Answer, AnswerReader, BrokenAnswer


def sized(body: bytes, extra: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: %d\r\n" % len(body)
    return head + extra + b"\r\n" + body


def chunked(parts: list[bytes]) -> bytes:
    head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = [b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts if part]
    return head + b"".join(chunks) + b"0\r\n\r\n"


def read_in_pieces(data: bytes, cuts: list[int]) -> list[Answer]:
    reader = AnswerReader()
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(places) if start < end]
    return [answer for piece in pieces if (answer := reader.feed(piece)) is not None]


CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(body=st.binary(max_size=300), cuts=CUTS)
def test_body_of_a_given_length_arrives_whole(body: bytes, cuts: list[int]) -> None:
    assert read_in_pieces(sized(body), cuts) == [Answer(200, body, keep=True)]


@given(parts=st.lists(st.binary(max_size=60), max_size=6), cuts=CUTS)
def test_chunked_body_arrives_whole(parts: list[bytes], cuts: list[int]) -> None:
    assert read_in_pieces(chunked(parts), cuts) == [Answer(201, b"".join(parts), keep=True)]


@pytest.mark.parametrize(
    ("data", "keep"),
    [
        pytest.param(sized(b"x"), True, id="http-1.1-keeps"),
        pytest.param(sized(b"x", b"Connection: close\r\n"), False, id="http-1.1-close"),
        pytest.param(sized(b"x").replace(b"HTTP/1.1", b"HTTP/1.0"), False, id="http-1.0-closes"),
        pytest.param(
            sized(b"x", b"Connection: keep-alive\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
            True,
            id="http-1.0-keep-alive",
        ),
    ],
)
def test_connection_is_kept_as_the_answer_says(data: bytes, keep: bool) -> None:
    answer = AnswerReader().feed(data)

    assert answer is not None
    assert answer.keep is keep


def test_204_has_no_body_and_no_length() -> None:
    assert AnswerReader().feed(b"HTTP/1.1 204 No Content\r\n\r\n") == Answer(204, b"", keep=True)


def test_reader_is_ready_for_the_next_answer() -> None:
    reader = AnswerReader()

    assert reader.feed(chunked([b"one"])) == Answer(201, b"one", keep=True)
    assert reader.feed(sized(b"two")) == Answer(200, b"two", keep=True)


def test_body_without_length_ends_with_the_connection() -> None:
    reader = AnswerReader()

    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nabc") is None
    assert reader.end() == Answer(200, b"abc", keep=False)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(sized(b"abc") + b"more", id="more-than-the-length"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="not-http"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", id="length-no-number"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunk-size-no-number"
        ),
        pytest.param(b"x" * 70_000, id="head-without-end"),
    ],
)
def test_broken_answers_are_told_from_whole_ones(data: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        AnswerReader().feed(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(sized(b"abc")[:-1], id="short-body"),
        pytest.param(chunked([b"abc"])[:-5], id="no-last-chunk"),
    ],
)
def test_end_in_the_middle_of_an_answer_is_broken(data: bytes) -> None:
    reader = AnswerReader()
    reader.feed(data)

    with pytest.raises(BrokenAnswer):
        reader.end()
