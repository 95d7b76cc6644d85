"""Frames of our own are those of RFC 6455, as the websockets library reads them."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from subscriptions.transport import COPIED_MAX_BYTES, Channel, Outlet, SocketProtocol
from tests.support.wires import Wire

LENGTHS = [0, 1, 125, 126, 65_535, 65_536, COPIED_MAX_BYTES - 1, COPIED_MAX_BYTES, 200_000]


def read(data: bytes) -> list[Frame]:
    """Read what a server sent as a client does that is connected already."""
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None
    return [cast(Frame, event) for event in client.events_received()]


@given(st.lists(st.tuples(st.sampled_from(LENGTHS), st.sampled_from(LENGTHS)), max_size=4))
def test_a_message_of_two_parts_is_one_text_frame(lengths: list[tuple[int, int]]) -> None:
    wire = Wire()
    channel = Channel(cast(SocketProtocol, wire))
    for head, tail in lengths:
        channel.write(b"h" * head, b"t" * tail)
    frames = read(wire.written)
    assert [(one.opcode, one.fin) for one in frames] == [(Opcode.TEXT, True)] * len(lengths)
    assert [bytes(one.data) for one in frames] == [b"h" * n + b"t" * m for n, m in lengths]


def test_an_outlet_writes_a_next_message_of_its_operation() -> None:
    wire = Wire()
    Outlet(Channel(cast(SocketProtocol, wire)), 'an "id" of §').write(b'{"data":{"a":1}}}')
    (frame,) = read(wire.written)
    told = '{"id":"an \\"id\\" of §","type":"next","payload":{"data":{"a":1}}}'
    assert bytes(frame.data).decode() == told
