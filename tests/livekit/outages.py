"""LiveKit is killed during a class: what comes back, and how soon."""

import asyncio
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from tests.livekit import measured
from tests.livekit.classroom import Classroom, moment
from tests.support.livekit_people import Elsewhere
from tests.support.patience import see, until

DOWN_S = 4.0
BACK_WITHIN_S = 20.0
LOOK_EVERY = timedelta(seconds=5)
SLACK = timedelta(seconds=1)


async def kill_livekit(
    classroom: Classroom, guests: Collection[str], other: Elsewhere
) -> dict[str, str]:
    """Kill it, and one of the guests with it; return the sids of the guests who are back."""
    livekit, room = classroom.campus.livekit, await classroom.room_is_there()
    killed_at = time.monotonic()
    await asyncio.to_thread(livekit.kill)
    await other.kill()
    await asyncio.sleep(DOWN_S)
    await asyncio.to_thread(livekit.start)
    assert (await classroom.room_is_there())["sid"] != room["sid"]
    note("room made again after the kill", killed_at)
    after = await sids(classroom, guests)
    note("people back after the kill", killed_at)
    return after


def check_lost(device: Elsewhere, row: dict[str, Any]) -> None:
    """Nobody knows when they left: the row ends when the room was last seen."""
    lost = device.left.started_at - moment(row["cycles"][0]["leftAt"])
    measured.spans_s["who did not come back lost"].append(lost.total_seconds())
    assert -SLACK < lost < LOOK_EVERY + SLACK


async def sids(classroom: Classroom, names: Collection[str]) -> dict[str, str]:
    """The participants' sids by name, once all of them are really inside."""
    numbers = {classroom.people[name].number: name for name in names}

    async def all_inside() -> dict[str, str] | None:
        inside = await classroom.campus.rooms.inside(classroom.room)
        found = {numbers[n]: str(who["sid"]) for n, who in inside.items() if n in numbers}
        return found if len(see(found)) == len(numbers) else None

    return await until(all_inside, f"{names} are inside", within_s=BACK_WITHIN_S) or {}


def note(what: str, since: float) -> None:
    measured.spans_s[what].append(time.monotonic() - since)
