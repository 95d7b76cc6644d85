"""Post a signed webhook for each byte on the control port, as LiveKit does: one after the other.

Arguments: the control port, Halaqa's port, and the file in which the server told the room, its
people and LiveKit's secret. The people join and leave in turn, each many times.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx

import clock
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.webhooks import encode, sign


def webhooks(room_name: str, people: list[Any]) -> Iterator[dict[str, Any]]:
    room = Room(cast(Any, SimpleNamespace(room_name=room_name)), clock.now())
    number = 0
    while True:
        person_id, first, last = people[number % len(people)]
        number += 1
        person = SimpleNamespace(id=person_id, first_name=first, last_name=last)
        stay = Stay(cast(Any, person), clock.now())
        yield room.joined(stay)
        yield room.left(stay, clock.now())


async def post(
    control: socket.socket, port: int, room_name: str, people: list[Any], secret: str
) -> None:
    events = webhooks(room_name, people)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as livekit:
                while orders := await reader.read(64):
                    for _ in orders:
                        body = encode(next(events))
                        signed = {"Authorization": sign(body, secret=secret, now=clock.now())}
                        answer = await livekit.post(PATH, content=body, headers=signed)
                        answer.raise_for_status()
            ended.set_result(None)
        except httpx.HTTPError as error:
            ended.set_exception(error)  # the process ends with these words
        finally:
            writer.close()

    async with await asyncio.start_server(take, sock=control):
        await ended


if __name__ == "__main__":
    room = json.loads(Path(sys.argv[3]).read_text())
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    asyncio.run(post(listener, int(sys.argv[2]), *room))
