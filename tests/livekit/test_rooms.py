"""Rooms at a real LiveKit: how long they live, how they come back, how they move the session."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.livekit import measured
from tests.livekit.classroom import moment
from tests.livekit.school import School
from tests.livekit.stays import check_cycles
from tests.livekit.together import together

pytestmark = [pytest.mark.livekit, pytest.mark.asyncio(loop_scope="session")]


@together("sara", "omar")
async def test_a_room_closed_by_hand_in_mid_class_is_made_again(school: School) -> None:
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        classroom.watched() as watcher,
    ):
        first, omar = await classroom.enter("sara"), await classroom.enter("omar")
        await watcher.sees(school["sara"], presence="IN_MEETING")
        before = await classroom.room_is_there()
        await school.campus.rooms.delete(classroom.room)
        await watcher.sees(school["omar"], presence="LEFT")
        again = await classroom.room_is_there()
        assert again["sid"] != before["sid"]
        made_again = datetime.now(UTC) - omar.left.done
        measured.spans_s["closed room made again after"].append(made_again.total_seconds())
        second = await classroom.enter("sara")
        await watcher.sees(school["sara"], presence="IN_MEETING", joinCount=1, leaveCount=0)
        assert (await classroom.state())["status"] == "ONGOING"
        await second.leave()
        await classroom.end()
        rows = await classroom.final()
        check_cycles(rows["sara"], (first.joined, second.left))
        check_cycles(rows["omar"], (omar.joined, omar.left))
        assert rows["omar"]["cycles"][0]["closedBy"] == "ROOM_FINISHED"


@together("sara", "omar")
async def test_a_room_outlives_its_session_by_half_an_hour(school: School) -> None:
    async with school.classroom(starts_in_s=300, minutes=45) as classroom:
        room = await classroom.room_is_there()
        left_s = (
            moment(classroom.scheduled["endsAt"]) - datetime.now().astimezone()
        ).total_seconds()
        assert room["empty_timeout"] == room["departure_timeout"]
        assert 0 <= room["empty_timeout"] - (left_s + 30 * 60) < 30
        assert room["max_participants"] == 50


@together("sara", "omar")
async def test_the_first_to_join_starts_it_and_early_minutes_do_not_count(
    school: School,
) -> None:
    async with (
        school.classroom(starts_in_s=300, minutes=30) as classroom,
        classroom.watched() as watcher,
    ):
        assert classroom.scheduled["status"] == "READY"
        sara = await classroom.enter("sara")
        await watcher.sees(school["sara"], presence="IN_MEETING", totalSeconds=0)
        state = await classroom.becomes("ONGOING")
        moves = [event for event in state["history"]["nodes"] if "to" in event]
        causes = {move["to"]: move["cause"] for move in moves}
        assert causes == {"READY": "CLOCK", "ONGOING": "FIRST_JOIN"}
        await sara.leave()
        await watcher.sees(school["sara"], presence="LEFT")
        await classroom.end()
        row = (await classroom.final())["sara"]
        check_cycles(row, (sara.joined, sara.left))
        # A person ended it before its start: it did not take place, and nobody was absent.
        assert (row["totalSeconds"], row["status"]) == (0, None)


@together("sara", "omar")
async def test_a_webhook_answered_with_503_is_sent_again_and_counts_once(school: School) -> None:
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        classroom.watched() as watcher,
    ):
        deliveries = school.campus.deliveries
        sara = await classroom.enter("sara")
        await watcher.sees(school["sara"], presence="IN_MEETING")
        deliveries.refused_rooms.add(classroom.room)
        await sara.leave()
        omar = await classroom.enter("omar")
        await asyncio.sleep(4)
        deliveries.refused_rooms.clear()
        # A look may have missed her before LiveKit's own word comes; that word replaces it.
        await classroom.delivered("participant_left", "sara")
        await watcher.sees(school["sara"], presence="LEFT")
        await watcher.sees(school["omar"], presence="IN_MEETING")
        refused = deliveries.of(classroom.room, "participant_left", 503)
        taken = deliveries.of(classroom.room, "participant_left")
        assert [each.id for each in taken] == [refused[0].id]
        await omar.leave()
        await classroom.end()
        rows = await classroom.final()
        check_cycles(rows["sara"], (sara.joined, sara.left), kind="left, told late")
        check_cycles(rows["omar"], (omar.joined, omar.left))
