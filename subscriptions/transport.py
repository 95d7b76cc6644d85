"""The WebSocket's wire, where the server is our uvicorn: pass it as `ws=SocketProtocol`.

It lets subscriptions write to a socket past the tasks of its operations, and drops a socket
whose peer reads nothing. Another ASGI server gives no channel: there all is sent by the tasks.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any, cast

import orjson
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

# uvicorn writes two lines of INFO for each socket that opens.
quiet = logging.getLogger("uvicorn.sockets")
quiet.setLevel(logging.WARNING)

CHANNEL = "halaqa.channel"  # among the extensions of a socket's scope
COPIED_MAX_BYTES = 16 * 1024  # a longer payload is kept once for all sockets that wait to take it

# As the clients write it: ten thousand idle ones send some hundreds a second.
PONGS = (b'{"type":"pong"}', b'{"type": "pong"}')

Way = tuple[bytes, Callable[[bytes], None]]  # what an operation's messages open with, and a socket


def frame_head(length: int) -> bytes:
    """Open the unmasked frame of a text message of this length: RFC 6455, section 5.2."""
    if length < 126:
        return b"\x81" + length.to_bytes(1)
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2)
    return b"\x81\x7f" + length.to_bytes(8)


class Channel:
    """Writes to one socket at once. `parked` are the outlets of its parked operations.

    While it is not free nothing is written past the tasks: they wait, or find the socket closed.
    """

    __slots__ = ("_protocol", "heard_at", "parked", "spoke_at")

    def __init__(self, protocol: "SocketProtocol") -> None:
        self._protocol = protocol
        self.parked: set[Outlet] = set()
        self.heard_at = 0.0  # by the loop's clock; any frame counts
        self.spoke_at = 0.0  # when a pong message came, of which the app hears nothing

    @property
    def is_free(self) -> bool:
        protocol = self._protocol
        is_ending = protocol.close_sent or protocol.transport.is_closing()
        return protocol.writable.is_set() and not is_ending

    @property
    def write_raw(self) -> Callable[[bytes], None]:
        return self._protocol.transport.write

    def write(self, text: bytes) -> None:
        """Write a text message."""
        self._protocol.transport.write(frame_head(len(text)) + text)

    def stop(self) -> None:
        for outlet in tuple(self.parked):
            outlet.stop()


class Outlet:
    """One operation's way to its socket, past its task, while its channel is free.

    `way` is what `write_to_all` takes. `has_written` says that the client got events by it. `stop`
    ends the parking: the channel is not free any more, or the client has had enough.
    """

    __slots__ = ("_on_stop", "channel", "has_written", "way")

    def __init__(self, channel: Channel, operation_id: str) -> None:
        head = b'{"id":' + orjson.dumps(operation_id) + b',"type":"next","payload":'
        self.channel = channel
        self.way: Way = (head, channel.write_raw)
        self.has_written = False
        self._on_stop: Callable[[], None] | None = None

    def park(self, on_stop: Callable[[], None]) -> None:
        self._on_stop = on_stop
        self.channel.parked.add(self)

    def unpark(self) -> None:
        self._on_stop = None
        self.channel.parked.discard(self)

    def stop(self) -> None:
        if self._on_stop is not None:
            self._on_stop()


def write_to_all(ways: Iterable[Way], payload: bytes) -> None:
    """Write a `next` message to each; the payload is its rest, with the closing brace.

    Nothing of ours runs meanwhile that could change who is written to.
    """
    openings: dict[int, bytes] = {}
    for head, write in ways:
        opening = openings.get(len(head))
        if opening is None:
            opening = openings[len(head)] = frame_head(len(head) + len(payload))
        if len(payload) < COPIED_MAX_BYTES:
            write(opening + head + payload)
        else:
            write(opening + head)
            write(payload)


class SocketProtocol(WebSocketsSansIOProtocol):
    """Gives its channel to the app, and drops a connection whose peer reads nothing.

    uvicorn only asks such a transport to close, which waits for ever until its buffer is read.
    """

    release_after_s = 5.0
    channel: Channel | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = quiet

    async def run_asgi(self) -> None:
        if not self.config.ws_per_message_deflate:  # else each message has to pass the compressor
            self.channel = Channel(self)
            extensions = cast(dict[str, object], self.scope["extensions"])
            extensions[CHANNEL] = self.channel
        await super().run_asgi()
        self._release_later()

    def data_received(self, data: bytes) -> None:
        if self.channel is not None:
            self.channel.heard_at = self.loop.time()
        super().data_received(data)

    def handle_text(self, event: Frame) -> None:
        if self.channel is not None and event.fin and event.data in PONGS:
            self.channel.spoke_at = self.channel.heard_at
        else:
            super().handle_text(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.loop.call_soon(self._stop_channel)  # not in the middle of writing to all

    def handle_close(self, event: Frame) -> None:
        self._stop_channel()  # nothing may follow the close frame that this answers with
        super().handle_close(event)

    def shutdown(self) -> None:
        self._stop_channel()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_channel()

    def _stop_channel(self) -> None:
        if self.channel is not None:
            self.channel.stop()

    def _release_later(self) -> None:
        self.loop.call_later(self.release_after_s, self._release)

    def _release(self) -> None:
        if not self.disconnected:
            self.transport.abort()
