"""One accepted socket: a client's texts, and ours to it, past the tasks where it has a channel."""

import asyncio
import contextlib

from starlette.websockets import WebSocket, WebSocketDisconnect

from subscriptions.messages import CloseCode, CloseError
from subscriptions.transport import CHANNEL, Channel, Heard


class ClientSocket:
    """Sends and receives texts; CloseError where the socket is over, or has to be.

    `send_s` is how long a text may take, `close_s` how long the close frame.
    """

    def __init__(self, websocket: WebSocket, send_s: float, close_s: float) -> None:
        self.websocket = websocket
        self.channel: Channel | None = websocket.scope.get("extensions", {}).get(CHANNEL)
        self.heard = self.channel.heard if self.channel is not None else Heard()
        self._send_s = send_s
        self._close_s = close_s
        self._loop = asyncio.get_running_loop()

    async def receive(self) -> str:
        frame = await self.websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise CloseError(CloseCode.GONE, "")
        self.heard.frame_at = self.heard.message_at = self._loop.time()
        text: str | None = frame.get("text")
        if text is None:
            raise CloseError(CloseCode.BAD_MESSAGE, "Messages must be text frames")
        return text

    def write(self, text: bytes) -> bool:
        """Write at once where there is a channel and it is free; else return False."""
        if self.channel is None or not self.channel.is_free:
            return False
        self.channel.write(text)
        return True

    async def send(self, text: bytes) -> None:
        if self.write(text):
            return
        try:
            async with asyncio.timeout(self._send_s):
                await self.websocket.send_text(text.decode())  # official clients refuse binary
        except TimeoutError:
            raise CloseError(CloseCode.TRY_AGAIN, "Too slow") from None
        except (WebSocketDisconnect, RuntimeError):
            raise CloseError(CloseCode.GONE, "") from None

    async def close(self, end: CloseError) -> None:
        # A stalled client takes no close frame either: returning is what drops the connection.
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(self._close_s):
                await self.websocket.close(end.code, end.reason)
