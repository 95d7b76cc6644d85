"""A class survives outages: LiveKit killed, LiveKit away, and ourselves away."""

import asyncio
import time

import pytest
import pytest_asyncio

from tests.livekit.campus import Campus
from tests.livekit.outages import LOOK_EVERY, SLACK, check_lost, kill_livekit, note, sids
from tests.livekit.school import School, open_school
from tests.livekit.stays import check_cycles
from tests.livekit.together import Started

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("any_template", ["sqlite"], indirect=True, scope="session"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone(campus: Campus, started: Started) -> School:
    """A school for scenarios that would disturb the others, which are over by now."""
    await asyncio.gather(*started.values(), return_exceptions=True)
    return await open_school(campus, "alone", "sara", "omar", "huda")


@pytest_asyncio.fixture(loop_scope="session")
async def school(alone: School) -> School:
    """The same school, signed in anew: the tests of this file may outlast a token."""
    await alone.sign_in()
    return alone


async def test_livekit_is_killed_and_people_are_back_by_themselves(school: School) -> None:
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        classroom.watched() as watcher,
    ):
        guests = {name: await classroom.enter(name) for name in ("teacher", "sara", "omar")}
        huda = await classroom.enter_elsewhere("huda")
        await watcher.sees(school["huda"], presence="IN_MEETING")
        before = await sids(classroom, {"teacher", "sara", "omar", "huda"})
        # Long enough for a look at the rooms: her counted time is more than her join.
        await asyncio.sleep((LOOK_EVERY + SLACK).total_seconds())

        after = await kill_livekit(classroom, guests, huda)
        assert not set(after.values()) & set(before.values())
        row = await watcher.sees(school["huda"], presence="LEFT")
        assert row["cycles"][0]["closedBy"] == "STALE"
        for name in guests:
            await watcher.sees(school[name], presence="IN_MEETING", joinCount=1, leaveCount=0)
        assert (await classroom.state())["status"] == "ONGOING"
        await guests["omar"].leave()
        await watcher.sees(school["omar"], presence="LEFT")
        await classroom.end()
        rows = await classroom.final()
        for name, guest in guests.items():
            check_cycles(rows[name], (guest.joined, guest.left))
        check_lost(huda, rows["huda"])
        assert watcher.snapshots == 1


async def test_a_token_is_issued_without_livekit_and_the_room_follows(school: School) -> None:
    await asyncio.to_thread(school.campus.livekit.kill)
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        classroom.watched() as watcher,
    ):
        asked_at = time.monotonic()
        token = await classroom.token("sara")
        assert not token["roomEnsured"]
        note("token without LiveKit took", asked_at)
        await asyncio.sleep(3)
        await asyncio.to_thread(school.campus.livekit.start)
        started_at = time.monotonic()
        await classroom.room_is_there()
        note("room there after LiveKit is back", started_at)
        sara = await classroom.enter("sara", token)
        await watcher.sees(school["sara"], presence="IN_MEETING")
        assert (await classroom.token("sara"))["roomEnsured"]
        await sara.leave()
        await watcher.sees(school["sara"], presence="LEFT")
        await classroom.end()
        check_cycles((await classroom.final())["sara"], (sara.joined, sara.left))


async def test_we_are_away_for_four_seconds_and_nothing_is_lost(
    school: School, campus: Campus
) -> None:
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        classroom.watched() as watcher,
    ):
        sara, huda = await classroom.enter("sara"), await classroom.enter("huda")
        omars = await classroom.token("omar")
        await watcher.sees(school["huda"], presence="IN_MEETING")

        await campus.close()
        closed_at = time.monotonic()
        await sara.leave()
        omar = await classroom.enter("omar", omars)
        await asyncio.sleep(closed_at + 4 - time.monotonic())
        await campus.serve()

        await watcher.sees(school["sara"], presence="LEFT")
        await watcher.sees(school["omar"], presence="IN_MEETING")
        note("caught up after we were away for 4 s", closed_at + 4)
        await omar.leave()
        await watcher.sees(school["omar"], presence="LEFT")
        await classroom.end()
        rows = await classroom.final()
        check_cycles(rows["sara"], (sara.joined, sara.left), kind="left, told late")
        check_cycles(rows["omar"], (omar.joined, omar.left))
        check_cycles(rows["huda"], (huda.joined, huda.left))
        assert watcher.snapshots == 1  # it resumed from its cursor
