"""What a class survives: LiveKit killed under it, LiveKit away, ourselves away."""

import asyncio
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.livekit import measured
from tests.livekit.campus import Campus
from tests.livekit.lesson import Lesson, moment
from tests.livekit.school import School, open_school
from tests.livekit.stays import check_cycles
from tests.livekit.together import Started
from tests.livekit.waiting import until
from tests.support.livekit_people import Elsewhere

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("any_template", ["sqlite"], indirect=True, scope="session"),
]

DOWN_S = 4.0
BACK_WITHIN_S = 20.0
LOOK_EVERY = timedelta(seconds=5)
SLACK = timedelta(seconds=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def school(campus: Campus, started: Started) -> School:
    """For what would disturb the other scenarios: they are over."""
    await asyncio.gather(*started.values(), return_exceptions=True)
    return await open_school(campus, "alone", "sara", "omar", "huda")


async def test_livekit_is_killed_and_people_are_back_by_themselves(school: School) -> None:
    async with school.lesson(starts_in_s=-60, minutes=30) as lesson, lesson.watched() as watcher:
        guests = {name: await lesson.enter(name) for name in ("teacher", "sara", "omar")}
        huda = await lesson.enter_elsewhere("huda")
        await watcher.sees(school["huda"], presence="IN_MEETING")
        before = await sids(lesson, {"teacher", "sara", "omar", "huda"})
        # Long enough for a look at the rooms: what she is credited with is more than her joining.
        await asyncio.sleep((LOOK_EVERY + SLACK).total_seconds())

        after = await kill_livekit(lesson, guests, huda)
        assert not set(after.values()) & set(before.values())
        row = await watcher.sees(school["huda"], presence="LEFT")
        assert row["cycles"][0]["closedBy"] == "STALE"
        for name in guests:
            await watcher.sees(school[name], presence="IN_MEETING", joinCount=1, leaveCount=0)
        assert (await lesson.state())["status"] == "ONGOING"
        await guests["omar"].leave()
        await watcher.sees(school["omar"], presence="LEFT")
        await lesson.end()
        rows = await lesson.final()
        for name, guest in guests.items():
            check_cycles(rows[name], (guest.joined, guest.left))
        check_lost(huda, rows["huda"])
        assert watcher.snapshots == 1


async def kill_livekit(lesson: Lesson, guests: Collection[str], other: Elsewhere) -> dict[str, str]:
    """Kill it, and one of those inside with it; the sids under which the guests are back."""
    livekit, room = lesson.campus.livekit, await lesson.room_is_there()
    killed_at = time.monotonic()
    await asyncio.to_thread(livekit.kill)
    await other.kill()
    await asyncio.sleep(DOWN_S)
    await asyncio.to_thread(livekit.start)
    assert (await lesson.room_is_there())["sid"] != room["sid"]
    note("room made again after the kill", killed_at)
    after = await sids(lesson, guests)
    note("people back after the kill", killed_at)
    return after


def check_lost(device: Elsewhere, row: dict[str, Any]) -> None:
    """Nobody knows when they left, only that the room was there when we last looked."""
    lost = device.left.began - moment(row["cycles"][0]["leftAt"])
    measured.spans_s["who did not come back lost"].append(lost.total_seconds())
    assert -SLACK < lost < LOOK_EVERY + SLACK


async def sids(lesson: Lesson, names: Collection[str]) -> dict[str, str]:
    """The participants' sids by name, once all of them are really inside."""
    numbers = {lesson.people[name].number: name for name in names}

    async def all_inside() -> dict[str, str] | None:
        inside = await lesson.campus.rooms.inside(lesson.room)
        found = {numbers[n]: str(who["sid"]) for n, who in inside.items() if n in numbers}
        return found if len(found) == len(numbers) else None

    return await until(all_inside, BACK_WITHIN_S, f"{names} inside") or {}


def note(what: str, since: float) -> None:
    measured.spans_s[what].append(time.monotonic() - since)


async def test_a_token_is_issued_without_livekit_and_the_room_follows(school: School) -> None:
    await asyncio.to_thread(school.campus.livekit.kill)
    async with school.lesson(starts_in_s=-60, minutes=30) as lesson, lesson.watched() as watcher:
        asked_at = time.monotonic()
        token = await lesson.token("sara")
        assert not token["roomEnsured"]
        note("token without LiveKit took", asked_at)
        await asyncio.sleep(3)
        await asyncio.to_thread(school.campus.livekit.start)
        started_at = time.monotonic()
        await lesson.room_is_there()
        note("room there after LiveKit is back", started_at)
        sara = await lesson.enter("sara", token)
        await watcher.sees(school["sara"], presence="IN_MEETING")
        assert (await lesson.token("sara"))["roomEnsured"]
        await sara.leave()
        await watcher.sees(school["sara"], presence="LEFT")
        await lesson.end()
        check_cycles((await lesson.final())["sara"], (sara.joined, sara.left))


async def test_we_are_away_for_four_seconds_and_nothing_is_lost(school: School) -> None:
    async with school.lesson(starts_in_s=-60, minutes=30) as lesson, lesson.watched() as watcher:
        sara, huda = await lesson.enter("sara"), await lesson.enter("huda")
        omars = await lesson.token("omar")
        await watcher.sees(school["huda"], presence="IN_MEETING")

        await school.campus.close()
        closed_at = time.monotonic()
        await sara.leave()
        omar = await lesson.enter("omar", omars)
        await asyncio.sleep(closed_at + 4 - time.monotonic())
        await school.campus.serve()

        await watcher.sees(school["sara"], presence="LEFT")
        await watcher.sees(school["omar"], presence="IN_MEETING")
        note("caught up after we were away for 4 s", closed_at + 4)
        await omar.leave()
        await watcher.sees(school["omar"], presence="LEFT")
        await lesson.end()
        rows = await lesson.final()
        check_cycles(rows["sara"], (sara.joined, sara.left), kind="left, told late")
        check_cycles(rows["omar"], (omar.joined, omar.left))
        check_cycles(rows["huda"], (huda.joined, huda.left))
        assert watcher.snapshots == 1  # it went on by its cursor
