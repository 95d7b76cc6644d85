"""The application and a livekit-server that know each other; either may go and come back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

import clock
from actions.academies.super_admin_create import create_super_admin
from main import App
from tests.livekit.deliveries import PATH, Deliveries
from tests.livekit.door import Door, Person
from tests.livekit.rooms import Rooms
from tests.support.app import settings_for
from tests.support.livekit_server import LiveKitServer
from tests.support.server import serving

EMAIL, PASSWORD = "root@halaqa.example", "the first of all passwords"
ANSWERS_WITHIN_S = 30.0


class Campus:
    def __init__(self, database_url: str, folder: Path) -> None:
        self.livekit = LiveKitServer(folder)
        self._client = httpx.AsyncClient(timeout=ANSWERS_WITHIN_S)
        self.rooms = Rooms(self.livekit, self._client)
        self.deliveries = Deliveries()
        self._settings = settings_for(
            database_url, livekit_url=self.livekit.url, livekit_api_url=self.livekit.api_url
        )
        self._port = 0
        self._serving = AsyncExitStack()

    @property
    def door(self) -> Door:
        return Door(f"http://127.0.0.1:{self._port}", self._client)

    async def serve(self) -> None:
        """Start the app with its clock, or start it again at the same address."""
        app = self.deliveries.before(App(self._settings).asgi())
        url, _ = await self._serving.enter_async_context(serving(app, port=self._port))
        self._port = urlsplit(url).port or 0

    async def close(self) -> None:
        """Stop the app: connections are refused."""
        await self._serving.aclose()

    async def leave(self) -> None:
        """End everything."""
        await asyncio.to_thread(self.livekit.stop)
        await self._client.aclose()
        await self.close()

    async def start_livekit(self) -> None:
        await asyncio.to_thread(self.livekit.start, [f"{self.door.url}{PATH}"])

    async def sign_in_root(self) -> Person:
        return await self.door.sign_in("root", EMAIL, PASSWORD, None)


@asynccontextmanager
async def opened(database_url: str, folder: Path) -> AsyncIterator[Campus]:
    """A campus on a migrated database; everything it started is stopped at the end."""
    campus = Campus(database_url, folder)
    try:
        await campus.serve()
        await campus.start_livekit()
        await create_super_admin(EMAIL, PASSWORD, clock.now())
        yield campus
    finally:
        await campus.leave()
