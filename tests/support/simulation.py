"""The demo's sender of webhooks, with the key of the tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateways.livekit_simulation import Sender
from tests.support.webhooks import KEY, SECRET


@asynccontextmanager
async def sending(url: str) -> AsyncIterator[Sender]:
    sender = Sender(url, KEY, SECRET)
    try:
        yield sender
    finally:
        await sender.aclose()
