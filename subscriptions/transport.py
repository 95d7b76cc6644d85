"""The WebSocket's wire, where the server is our uvicorn: pass it SocketProtocol as `ws`.

It lets subscriptions write to a socket past the tasks of its operations, and drops a socket
whose peer reads nothing. Another ASGI server gives no channel: there all is sent by the tasks.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import Protocol, State

from subscriptions.incoming import FrameReader, Gate, Inbox, is_pong
from subscriptions.messages import NEXT_TAIL, next_head

# uvicorn writes two lines of INFO for each socket that opens.
quiet = logging.getLogger("uvicorn.sockets")
quiet.setLevel(logging.WARNING)

CHANNEL = "halaqa.channel"  # among the extensions of a socket's scope
T = TypeVar("T")

COPIED_MAX_BYTES = 16 * 1024  # a longer payload is kept once for all sockets that wait to take it

Way = tuple[bytes, Callable[[bytes], None]]  # an operation's `next_head`, and its socket's write


def frame_head(length: int) -> bytes:
    """Open the unmasked frame of a text message of this length: RFC 6455, section 5.2."""
    if length < 126:
        return b"\x81" + length.to_bytes(1)
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2)
    return b"\x81\x7f" + length.to_bytes(8)


@dataclass(slots=True)
class Heard:
    """When a client was last heard, by the loop's clock: any frame of it, or a message."""

    frame_at: float = 0.0
    message_at: float = 0.0


class Channel:
    """Writes to one socket at once. `outlets` are those of its operations in crowds.

    While it is not free nothing is written past the tasks: they wait, or find the socket closed.
    """

    __slots__ = ("_protocol", "_write", "heard", "outlets")

    def __init__(self, protocol: "SocketProtocol") -> None:
        self._protocol: SocketProtocol | None = protocol
        self._write = protocol.transport.write
        self.outlets: set[Outlet] = set()
        self.heard = Heard()

    @property
    def is_free(self) -> bool:
        protocol = self._protocol
        if protocol is None:
            return False
        is_ending = protocol.close_sent or protocol.transport.is_closing()
        return protocol.writable.is_set() and not is_ending

    @property
    def write_raw(self) -> Callable[[bytes], None]:
        return self._write

    def write(self, text: bytes) -> None:
        """Write a text message."""
        self._write(frame_head(len(text)) + text)

    def call_back(self) -> None:
        for outlet in tuple(self.outlets):
            outlet.call_back()

    def end(self) -> None:
        """Call back for the last time. Contexts, which hold this, may wait for the collector."""
        self.call_back()
        self._protocol = None


class Outlet:
    """One operation's way to its socket, past its task, while its channel is free.

    `way` is what `write_to_all` takes. `was_in_crowd` says that the client has got events by it, or
    had all there was. `call_back` calls the task back: the channel is not free any more, or the
    client has had enough.
    """

    __slots__ = ("_call_back", "channel", "was_in_crowd", "way")

    def __init__(self, channel: Channel, operation_id: str) -> None:
        self.channel = channel
        self.way: Way = (next_head(operation_id), channel.write_raw)
        self.was_in_crowd = False
        self._call_back: Callable[[], None] | None = None

    def join(self, call_back: Callable[[], None]) -> None:
        self._call_back = call_back
        self.was_in_crowd = True
        self.channel.outlets.add(self)

    def leave(self) -> None:
        self._call_back = None
        self.channel.outlets.discard(self)

    def call_back(self) -> None:
        if self._call_back is not None:
            self._call_back()


def write_to_all(ways: Mapping[T, Way], payload: bytes) -> list[T]:
    """Write a `next` message with this payload to each; return those whose socket raised.

    Nothing of ours runs meanwhile that could change who is written to.
    """
    openings: dict[int, bytes] = {}
    failed: list[T] = []
    payload += NEXT_TAIL
    for key, (head, write) in ways.items():
        opening = openings.get(len(head))
        if opening is None:
            opening = openings[len(head)] = frame_head(len(head) + len(payload))
        try:
            if len(payload) < COPIED_MAX_BYTES:
                write(opening + head + payload)
            else:
                write(opening + head)
                write(payload)
        except Exception:  # a socket that fails is only its own trouble
            failed.append(key)
    return failed


class SocketProtocol(WebSocketsSansIOProtocol):
    """Gives its channel to the app, and drops a connection whose peer reads nothing.

    uvicorn only asks such a transport to close, which waits for ever until its buffer is read.
    """

    release_after_s = 5.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel: Channel | None = None
        self.queue = cast(Any, Inbox())
        self.writable = cast(Any, Gate())
        self.logger = self.conn.logger = quiet
        self.conn.reader = self._reader = FrameReader()
        self.conn.parser = self.conn.parse()  # anew, by this reader
        next(self.conn.parser)

    async def run_asgi(self) -> None:
        extensions = cast(dict[str, object], self.scope["extensions"])
        if not self.config.ws_per_message_deflate:  # else each message has to pass the compressor
            self.channel = extensions[CHANNEL] = Channel(self)
        try:
            await super().run_asgi()
        finally:
            if self.channel is not None:
                self.channel.end()
            self.channel = None
            extensions.pop(CHANNEL, None)  # they hold each other
        if not self.disconnected:
            self.loop.call_later(self.release_after_s, self._release)

    def data_received(self, data: bytes) -> None:
        if self.channel is not None:
            heard = self.channel.heard
            heard.frame_at = self.loop.time()
            if is_pong(data) and self._expects_message():
                heard.message_at = heard.frame_at  # which is all that the app would do
                return
        super().data_received(data)
        if self.conn.state is State.OPEN and self._reader.is_between_frames:
            self._forget_read()

    def _forget_read(self) -> None:
        """Free what was read: the handshake, after which only frames come, and the last frame."""
        self.request = self.response = cast(Any, None)
        self.conn.parser = Protocol.parse(self.conn)  # a new one: the old one still has them
        next(self.conn.parser)

    def _expects_message(self) -> bool:
        return self._reader.is_between_frames and self.conn.current_size is None

    def pause_writing(self) -> None:
        super().pause_writing()
        self.loop.call_soon(self._call_back_all)  # not in the middle of writing to all

    def handle_close(self, event: Frame) -> None:
        self._call_back_all()  # nothing may follow the close frame that this answers with
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        self._call_back_all()
        super().handle_parser_exception()

    def shutdown(self) -> None:
        self._call_back_all()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._call_back_all()
        super().connection_lost(exc)

    def _call_back_all(self) -> None:
        if self.channel is not None:
            self.channel.call_back()

    def _release(self) -> None:
        if not self.disconnected:
            self.transport.abort()
