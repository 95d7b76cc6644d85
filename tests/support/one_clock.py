"""A clock in a process of its own, to be killed: `python -m tests.support.one_clock DB LIVEKIT`."""

import asyncio
import sys

from models.database.connection import open_database
from tests.support.ticking import reaching, ticking


async def main(database_url: str, livekit_url: str) -> None:
    await open_database(database_url)
    async with reaching(livekit_url) as livekit, ticking(livekit):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
