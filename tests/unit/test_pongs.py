"""Pong messages are taken before the parser, and nothing else is: beside uvicorn's own protocol."""

import asyncio
import weakref
from typing import Any, cast

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from subscriptions.messages import PONGS
from subscriptions.transport import SocketProtocol
from tests.support.patience import PATIENCE_S

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CONTROL = [Opcode.PING, Opcode.PONG]

datas = st.one_of(st.sampled_from(PONGS), st.text(max_size=20).map(str.encode))
frames = st.builds(Frame, st.sampled_from([Opcode.TEXT, Opcode.BINARY]), datas)
in_parts = st.builds(
    lambda opcode, first, between, last: [
        Frame(opcode, first, fin=False),
        *between,
        Frame(Opcode.CONT, last),
    ],
    st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
    datas,
    # A message in the middle of another one breaks the protocol.
    st.lists(st.builds(Frame, st.sampled_from([*CONTROL, Opcode.CONT, Opcode.TEXT]), datas)),
    datas,
)
groups = st.one_of(
    st.sampled_from(PONGS).map(lambda pong: [Frame(Opcode.TEXT, pong)]),
    frames.map(lambda frame: [frame]),
    in_parts,
    st.builds(Frame, st.sampled_from([*CONTROL, Opcode.CLOSE]), datas).map(lambda one: [one]),
)


class Transport:
    """Keeps what is written until it is closed."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None: ...

    def get_extra_info(self, name: str) -> None: ...


class Peer:
    """A protocol after its handshake, and what its app would receive."""

    def __init__(self, kind: type[WebSocketsSansIOProtocol]) -> None:
        config = uvicorn.Config(
            self._app, interface="asgi3", ws_per_message_deflate=False, log_config=None
        )
        config.load()
        self.protocol = kind(config, ServerState(), {}, asyncio.get_running_loop())
        self._accepted = asyncio.Event()
        self.transport = Transport()
        self.protocol.connection_made(cast(asyncio.Transport, self.transport))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self._accepted.set()
        await asyncio.Event().wait()

    async def shake_hands(self, and_then: bytes = b"") -> None:
        self.protocol.data_received(HANDSHAKE + and_then)
        async with asyncio.timeout(PATIENCE_S):
            await self._accepted.wait()
        self.transport.written = b""

    def take(self, data: bytes) -> None:
        if not self.transport.is_closed:
            self.protocol.data_received(data)

    async def received(self) -> list[Any]:
        queue, events = self.protocol.queue, []
        while not queue.empty():
            events.append(await queue.get())
        return events

    async def end(self) -> None:
        for task in self.protocol.tasks:
            task.cancel()
        await asyncio.wait(self.protocol.tasks)


async def both(chunks: list[bytes]) -> int:
    """Compare what an app hears beside uvicorn's protocol; return how many pongs it was spared."""
    ours, plain = Peer(SocketProtocol), Peer(WebSocketsSansIOProtocol)
    spared = 0
    for peer in (ours, plain):
        await peer.shake_hands()
    channel = cast(SocketProtocol, ours.protocol).channel
    assert channel is not None
    for chunk in chunks:
        channel.heard.message_at = -1.0
        for peer in (ours, plain):
            peer.take(chunk)
        is_spared = channel.heard.message_at != -1.0
        spared += is_spared
        told, expected = await ours.received(), await plain.received()
        assert told == ([] if is_spared else expected)
        if is_spared:
            assert [one["text"].encode() in PONGS for one in expected] == [True]
        assert ours.transport.written == plain.transport.written
        assert ours.transport.is_closed == plain.transport.is_closed
    for peer in (ours, plain):
        await peer.end()
    return spared


@given(st.lists(groups, max_size=8), st.data())
def test_an_app_hears_all_but_whole_pongs_however_the_bytes_come(
    some: list[list[Frame]], data: st.DataObject
) -> None:
    wire = [frame.serialize(mask=True) for group in some for frame in group]
    if data.draw(st.booleans(), "in pieces"):
        whole = b"".join(wire)
        cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12), "cuts"))
        edges = zip([0, *cuts], [*cuts, len(whole)], strict=True)
        wire = [whole[start:end] for start, end in edges if start < end]
    asyncio.run(both(wire))


@pytest.mark.parametrize("pong", PONGS)
@given(st.binary(min_size=4, max_size=4))
def test_each_pong_is_taken_under_any_mask(pong: bytes, mask: bytes) -> None:
    masked = bytes(one ^ mask[number % 4] for number, one in enumerate(pong))
    frame = bytes([0x81, 0x80 | len(pong)]) + mask + masked
    assert asyncio.run(both([frame, frame])) == 2


def test_a_pong_is_left_to_the_parser_that_waits_for_more() -> None:
    pong = Frame(Opcode.TEXT, PONGS[0]).serialize(mask=True)
    head = Frame(Opcode.TEXT, b"x" * len(pong)).serialize(mask=True)[:6]
    for begun in range(1, 7):  # the bytes of a pong's frame are here another frame's text
        assert asyncio.run(both([head[:begun], head[begun:] or pong, pong])) == 0
    opened = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True)
    assert asyncio.run(both([opened, pong])) == 0


async def test_a_socket_keeps_nothing_of_its_handshake_once_a_message_came() -> None:
    peer = Peer(SocketProtocol)
    await peer.shake_hands()
    request, response = weakref.ref(peer.protocol.request), weakref.ref(peer.protocol.response)
    peer.take(Frame(Opcode.TEXT, b"a").serialize(mask=True))
    assert (request(), response()) == (None, None)
    await peer.end()


@pytest.mark.parametrize("early", range(1, 12))
async def test_a_client_that_does_not_wait_for_the_handshake_is_heard(early: int) -> None:
    first, second = (Frame(Opcode.TEXT, text).serialize(mask=True) for text in (b"abcd", b"e"))
    peer = Peer(SocketProtocol)
    await peer.shake_hands(first[:early])
    for data in (first[early:], second):
        peer.take(data)
    assert [one["text"] for one in await peer.received()] == ["abcd", "e"]
    await peer.end()
