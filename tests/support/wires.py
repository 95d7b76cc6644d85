"""A socket's protocol and transport in memory: it takes what is written, and may be full."""

import asyncio
from collections.abc import Callable


class Wire:
    """Stands for uvicorn's protocol under a `Channel`. `takes`: so many writes until it is full."""

    close_sent = False
    fails = False

    def __init__(self, takes: int | None = None) -> None:
        self.transport = self
        self.written = b""
        self.writable = asyncio.Event()
        self.writable.set()
        self.takes = takes
        self.on_full: Callable[[], None] = lambda: None

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        if self.fails:
            raise RuntimeError("a handle that is closed")
        self.written += data
        if self.takes is not None:
            self.takes -= 1
            if self.takes == 0:
                self.takes = None
                self.writable.clear()
                asyncio.get_running_loop().call_soon(self.on_full)
