"""SPDY/3.1 as an exec needs it: the same events however the bytes are cut, and an end of the connection for whatever is not understood."""

from __future__ import annotations

import itertools
import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.streams.spdy import Arrived, Event, Finished, Left, Opened, Peer, Reset, SpdyError
from bot.gateway.streams.spdy_headers import DICTIONARY, Deflater, HeaderError, Inflater
from tests.unit.gateway.spdy_client import Frames, control, data

NAMES = ("error", "stdin", "stdout", "stderr")


def opening(*names: str) -> bytes:
    frames = Frames()
    return b"".join(frames.syn_stream(2 * index + 1, {"streamtype": name}) for index, name in enumerate(names))


def in_pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(content) + 1) for cut in cuts}), len(content)]
    return [content[start:end] for start, end in itertools.pairwise(places)]


def joined(events: list[Event]) -> list[Event]:
    """The events with data that followed on data in one."""
    shown: list[Event] = []
    for event in events:
        last = shown[-1] if shown else None
        if isinstance(event, Arrived) and isinstance(last, Arrived) and event.stream == last.stream:
            shown[-1] = Arrived(event.stream, last.data + event.data)
        else:
            shown.append(event)
    return shown


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """What a client may send, and what it says."""
    frames, sent, events = Frames(), bytearray(), []
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    for index, name in enumerate(names):
        headers = {"streamtype": name, **draw(st.dictionaries(st.sampled_from(["a", "b"]), st.text("xyz", max_size=300)))}
        sent += frames.syn_stream(2 * index + 1, headers)
        events.append(Opened(2 * index + 1, headers))
        sent += draw(st.sampled_from([b"", control(4, struct.pack(">III", 1, 7, 65536)), control(9, struct.pack(">II", 0, 5))]))
        sent += frames.headers(1, {"more": "x"}) if draw(st.booleans()) else b""
    for stream in draw(st.lists(st.integers(0, len(names) - 1).map(lambda index: 2 * index + 1), max_size=8)):
        content = draw(st.binary(max_size=100))
        sent += data(stream, content) + draw(st.sampled_from([b"", control(6, b"\0\0\0\x09")]))
        events += [Arrived(stream, content)] if content else []
    sent += data(1, b"end", fin=True)
    events += [Arrived(1, b"end"), Finished(1)]
    return bytes(sent), joined(events)


@given(conversations(), st.lists(st.integers(0), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_events_and_answers(conversation: tuple[bytes, list[Event]], cuts: list[int]) -> None:
    sent, expected = conversation
    whole, cut = Peer(), Peer()

    events = [event for piece in in_pieces(sent, cuts) for event in cut.feed(piece)]

    assert joined(whole.feed(sent)) == joined(events) == expected
    assert whole.take() == cut.take()


@given(st.lists(st.binary(max_size=60) | st.builds(control, st.integers(0, 12), st.binary(max_size=30), st.integers(0, 4)), max_size=6))
def test_garbage_says_nothing_or_ends_the_connection_for_good(pieces: list[bytes]) -> None:
    peer = Peer()
    peer.feed(opening("error", "stdin"))
    for piece in pieces:
        try:
            peer.feed(piece)
        except SpdyError:
            with pytest.raises(SpdyError):
                peer.feed(b"")
            assert len(peer._unread) == 0
            return
        assert len(peer._unread) <= 8 + 8192


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("another version", control(6, b"\0\0\0\1", version=2)),
        ("unknown frame", control(5, b"")),
        ("credential", control(10, bytes(8))),
        ("answer to what was not asked", control(2, bytes(10))),
        ("long control frame", struct.pack(">II", 0x8003_0008, 8193)),
        ("data of no stream", data(9, b"x")),
        ("data of stream 0", data(0, b"x")),
        ("data with a flag", struct.pack(">II", 1, 2 << 24 | 1) + b"x"),
        ("data after the end", data(1, b"", fin=True) + data(1, b"x")),
        ("data after a reset", control(3, struct.pack(">II", 1, 5)) + data(1, b"x")),
        ("reset for no reason", control(3, struct.pack(">II", 1, 0))),
        ("reset of no stream", control(3, struct.pack(">II", 9, 5))),
        ("short ping", control(6, b"\0\0\0")),
        ("ping with a flag", control(6, b"\0\0\0\1", 1)),
        ("long goodbye", control(7, bytes(12))),
        ("window without a size", control(9, bytes(4))),
        ("no headers", control(1, bytes(4))),
        ("headers that are not compressed", control(1, struct.pack(">IIBB", 3, 0, 0, 0) + bytes(20))),
        ("headers of another dictionary", control(1, struct.pack(">IIBB", 3, 0, 0, 0) + zlib.compress(bytes(4)))),
    ],
)
def test_what_the_protocol_does_not_allow_ends_the_connection(what: str, sent: bytes) -> None:
    peer = Peer()
    peer.feed(opening("error"))

    with pytest.raises(SpdyError):
        peer.feed(sent)


@pytest.mark.parametrize(("stream", "flags"), [(1, 0), (2, 0), (0, 0), (5, 2)])
def test_streams_are_opened_in_turn_and_in_both_directions(stream: int, flags: int) -> None:
    frames, peer = Frames(), Peer()
    peer.feed(frames.syn_stream(3, {"streamtype": "error"}))

    with pytest.raises(SpdyError):
        peer.feed(frames.syn_stream(stream, {"streamtype": "stdin"}, flags))


def test_more_streams_than_an_exec_has_are_not_kept() -> None:
    with pytest.raises(SpdyError):
        Peer().feed(opening(*"abcdefghi"))


def test_headers_that_unpack_to_more_than_their_size_are_not_unpacked() -> None:
    bomb = Frames().compress(struct.pack(">IIs", 1, 50_000_000, b"a") + bytes(3_000_000))
    assert len(bomb) < 8000
    peer, sent = Peer(), control(1, struct.pack(">IIBB", 1, 0, 0, 0) + bomb)

    tracemalloc.start()
    try:
        with pytest.raises(SpdyError, match="too long"):
            peer.feed(sent)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 1_000_000


@pytest.mark.parametrize(
    "plain",
    [
        b"\0\0",
        b"\0\0\0\1",
        b"\0\0\0\1\0\0\0\5a",
        b"\0\0\0\0x",
        b"\0\0\0\1\0\0\0\1A\0\0\0\1x",
        b"\0\0\0\1\0\0\0\0\0\0\0\1x",
        b"\0\0\0\1\0\0\0\1\xff\0\0\0\1x",
        b"\0\0\0\2" + b"\0\0\0\1a\0\0\0\1x" * 2,
    ],
)
def test_headers_that_do_not_parse_are_no_headers(plain: bytes) -> None:
    with pytest.raises(HeaderError):
        Inflater().read(Frames().compress(plain))


def test_the_dictionary_is_the_one_of_the_specification() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_headers_come_back_as_they_were_written() -> None:
    deflater, inflater = Deflater(), Inflater()
    for headers in ({}, {"streamtype": "stdin"}, {"streamtype": "stdin", "x": "y" * 500}):
        assert inflater.read(deflater.write(headers)) == headers


def test_what_arrives_is_granted_again_for_the_stream_and_the_connection() -> None:
    peer = Peer()
    peer.feed(opening("stdin"))
    peer.take()

    peer.feed(data(1, b"x" * 1000))

    assert peer.take() == control(9, struct.pack(">II", 0, 1000)) + control(9, struct.pack(">II", 1, 1000))


def test_a_ping_is_answered_unless_it_is_an_answer() -> None:
    peer = Peer()

    peer.feed(control(6, b"\0\0\0\2") + control(6, b"\0\0\0\3"))

    assert peer.take() == control(6, b"\0\0\0\3")


def test_what_is_given_up_is_told() -> None:
    peer = Peer()

    events = peer.feed(opening("error", "stdin") + control(3, struct.pack(">II", 3, 5)) + control(7, bytes(8)))

    assert events[2:] == [Reset(3), Left()]


@given(st.binary(max_size=100_000), st.booleans())
def test_what_is_sent_comes_in_frames_and_ends_once(content: bytes, is_last: bool) -> None:
    peer, client = Peer(), Peer()
    client.feed(opening("stdout"))

    peer.send(1, content, is_last=is_last)

    assert joined(client.feed(peer.take())) == [Arrived(1, content)] * bool(content) + [Finished(1)] * is_last


def test_a_stream_may_end_as_it_opens() -> None:
    assert Peer().feed(Frames().syn_stream(1, {"streamtype": "stdin"}, 1)) == [Opened(1, {"streamtype": "stdin"}), Finished(1)]
