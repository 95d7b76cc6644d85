"""Frames of our own are those of RFC 6455, as the websockets library reads them."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from subscriptions.transport import (
    COPIED_MAX_BYTES,
    Channel,
    Outlet,
    SocketProtocol,
    write_to_all,
)
from tests.support.wires import Wire

LENGTHS = [0, 1, 125, 126, 65_535, 65_536, COPIED_MAX_BYTES - 1, COPIED_MAX_BYTES, 200_000]


def read(data: bytes) -> list[Frame]:
    """Read what a server sent as a client does that is connected already."""
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None
    return [cast(Frame, event) for event in client.events_received()]


@given(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(LENGTHS)), max_size=4))
def test_a_payload_is_one_text_frame_on_each_socket(lengths: list[tuple[int, int]]) -> None:
    wires = [Wire(), Wire()]
    for length, tail in lengths:
        outlets = [
            Outlet(Channel(cast(SocketProtocol, wire)), "i" * (length + number))
            for number, wire in enumerate(wires)
        ]
        write_to_all({outlet: outlet.way for outlet in outlets}, b"t" * tail)
    for number, wire in enumerate(wires):
        frames = read(wire.written)
        assert [(one.opcode, one.fin) for one in frames] == [(Opcode.TEXT, True)] * len(lengths)
        assert [bytes(one.data) for one in frames] == [
            b'{"id":"' + b"i" * (n + number) + b'","type":"next","payload":' + b"t" * m + b"}"
            for n, m in lengths
        ]


@given(st.lists(st.sampled_from(LENGTHS), max_size=4))
def test_a_text_is_one_frame(lengths: list[int]) -> None:
    wire = Wire()
    channel = Channel(cast(SocketProtocol, wire))
    for length in lengths:
        channel.write(b"t" * length)
    assert [bytes(one.data) for one in read(wire.written)] == [b"t" * n for n in lengths]


def test_an_operations_id_is_written_as_json() -> None:
    wire = Wire()
    outlet = Outlet(Channel(cast(SocketProtocol, wire)), 'an "id" of §')
    write_to_all({1: outlet.way}, b'{"data":{"a":1}}')
    (frame,) = read(wire.written)
    told = '{"id":"an \\"id\\" of §","type":"next","payload":{"data":{"a":1}}}'
    assert bytes(frame.data).decode() == told
