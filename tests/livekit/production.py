"""Production in small: two API processes, a worker, PostgreSQL, Redis and a livekit-server that
sends its webhooks to both processes. Each can be killed, and comes back at its address."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.livekit.campus import ANSWERS_WITHIN_S, EMAIL, PASSWORD
from tests.livekit.deliveries import PATH, Deliveries
from tests.livekit.door import Door, Person
from tests.livekit.road import Road
from tests.livekit.rooms import Rooms
from tests.support import redis
from tests.support.command import ROOT, environment, free_port, run
from tests.support.environment import DEFAULTS
from tests.support.livekit_server import LiveKitServer
from tests.support.patience import see, until

STARTS_WITHIN_S = 30.0
ROOMS_TO_MAKE = "SELECT count(*) FROM due_work WHERE kind = 'MAKE_ROOM'"


class Service:
    """One process of `python main.py …`; its log goes to a file in `folder`."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str], folder: Path) -> None:
        self.log = folder / f"{name}.log"
        self._arguments, self._env = arguments, env
        self._process: Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "main.py"),
                *self._arguments,
                env=self._env,
                cwd=ROOT,
                stdout=DEVNULL,
                stderr=log,
            )

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(number)
            await process.wait()


class Production:
    """The campus of the schools and sessions of these scenarios.

    `by_road` puts a road that can be shut between our processes and LiveKit's API.
    """

    def __init__(self, database_url: str, folder: Path, *, by_road: bool = False) -> None:
        self.livekit = LiveKitServer(folder)
        self.road = Road(self.livekit.port)
        self.redis = redis.Server()
        self.deliveries = Deliveries()  # empty: nothing stands before these processes
        self.ports = (free_port(), free_port())
        self._client = httpx.AsyncClient(timeout=ANSWERS_WITHIN_S)
        self.rooms = Rooms(self.livekit, self._client)
        self.database_url = database_url
        env = DEFAULTS | environment(
            database_url=database_url,
            redis_url=self.redis.url,
            livekit_url=self.livekit.url,
            livekit_api_url=self.road.url if by_road else self.livekit.api_url,
            livekit_api_key=self.livekit.key,
            livekit_api_secret=self.livekit.secret,
            jwt_secret=DEFAULTS["HALAQA_JWT_SECRET"],
        )
        self.apis = tuple(
            Service(f"api-{port}", ["serve", "--port", str(port)], env, folder)
            for port in self.ports
        )
        self.worker = Service("worker", ["worker"], env, folder)
        self._env = env

    @property
    def doors(self) -> list[Door]:
        return [Door(f"http://127.0.0.1:{port}", self._client) for port in self.ports]

    @property
    def door(self) -> Door:
        """The second process's door: the scenarios kill the first, or both."""
        return self.doors[1]

    async def start(self) -> None:
        await asyncio.to_thread(self.redis.start)
        await self.road.open()
        admin = ("create-admin", "--email", EMAIL, "--password", PASSWORD)
        assert (await run(*admin, env=self._env)).code == 0
        await asyncio.gather(self.worker.start(), *(api.start() for api in self.apis))
        for number in range(len(self.apis)):
            await self.is_ready(number)
        urls = [f"{door.url}{PATH}" for door in self.doors]
        await asyncio.to_thread(self.livekit.start, urls)

    async def sign_in_root(self) -> Person:
        return await self.door.sign_in("root", EMAIL, PASSWORD, None)

    async def is_ready(self, number: int) -> None:
        """Wait until the process answers, and somewhere a clock beats."""
        address = f"{self.doors[number].url}/health/ready"

        async def answers() -> bool:
            try:
                return see((await self._client.get(address)).status_code) == 200
            except httpx.TransportError as failure:
                see(failure)
                return False

        await until(answers, f"{address} is ready", within_s=STARTS_WITHIN_S)

    async def rooms_to_make(self, *, are_claimed: bool = False) -> int:
        """The number of rooms that are due work, or that somebody has claimed."""
        claimed = " AND claimed_until IS NOT NULL" if are_claimed else ""
        (row,) = await self.query(ROOMS_TO_MAKE + claimed)
        return int(row["count"])

    async def query(self, statement: str, *values: object) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(self.database_url)
        try:
            return [dict(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    async def stop(self) -> None:
        await asyncio.gather(self.worker.stop(), *(api.stop() for api in self.apis))
        await asyncio.to_thread(self.livekit.stop)
        await self.road.shut()
        self.redis.kill()
        await self._client.aclose()


@asynccontextmanager
async def in_production(
    database_url: str, folder: Path, *, by_road: bool = False
) -> AsyncIterator[Production]:
    """Production on a migrated PostgreSQL; everything it started is stopped at the end."""
    production = Production(database_url, folder, by_road=by_road)
    try:
        await production.start()
        yield production
    finally:
        await production.stop()
