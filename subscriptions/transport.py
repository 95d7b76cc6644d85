"""Drops WebSockets whose peer reads nothing: pass it to uvicorn as `ws=ReleasingProtocol`."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class ReleasingProtocol(WebSocketsSansIOProtocol):
    """Drops a connection whose peer reads nothing.

    uvicorn only asks such a transport to close, which waits for ever until its buffer is read.
    """

    release_after_s = 5.0

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._release_later()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._release_later()

    def _release_later(self) -> None:
        self.loop.call_later(self.release_after_s, self._release)

    def _release(self) -> None:
        if not self.disconnected:
            self.transport.abort()
