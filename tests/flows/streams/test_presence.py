"""A dashboard gets the roster first, then every change of it, without a gap."""

import asyncio
import random
from typing import Any

import pytest

from actions.academies import group_upsert
from actions.academies.group_upsert import GroupEntry, MemberInput
from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.sessions import session_cancel
from actions.webhooks.notices import record_notice
from domain.access import UserRole
from domain.cursors import stream_cursor
from domain.session import MembershipSource
from gateways.livekit_webhooks import translate
from models import Group
from models.reading.rosters import read_rosters
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import Classroom, at, ready, scheduled
from tests.support.streams import Dashboard, Streams, streaming
from tests.support.webhooks import encode as body_of


async def tell(event: dict[str, Any], minutes: float) -> None:
    await record_notice(translate(body_of(event)), at(minutes))


async def test_a_watcher_sees_the_roster_and_then_who_comes_and_goes(database: Database) -> None:
    classroom = await ready(students=2)
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            first = await stream.next()
            assert first["__typename"] == "PresenceSnapshot"
            assert [row["presence"] for row in first["attendances"]] == ["NOT_JOINED"] * 3
            assert [row["isExpected"] for row in first["attendances"]] == [False, True, True]

            stay = classroom.stay(-5)
            await tell(classroom.room.joined(stay), -5)
            joined = await stream.next()
            assert joined["__typename"] == "PresenceChanges"
            assert joined["fromVersion"] <= first["version"] < joined["version"]
            (row,) = joined["changes"]
            assert row["presence"] == "IN_MEETING"
            assert row["user"] == {"displayName": classroom.student.display_name}
            assert joined["statistics"] == {"inMeeting": 1, "participants": 1}

            await tell(classroom.room.left(stay, at(3)), 3)
            left = await stream.next()
            assert left["fromVersion"] == joined["version"]
            assert [row["presence"] for row in left["changes"]] == ["LEFT"]


async def test_a_change_of_status_alone_moves_no_roster(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            first = await stream.next()
            await advance_due(at(0))
            assert await stream.is_silent()
            await tell(classroom.room.joined(classroom.stay(1)), 1)
            joined = await stream.next()
            assert joined["fromVersion"] <= first["version"]


async def test_a_cursor_resumes_without_a_gap_and_without_a_snapshot(database: Database) -> None:
    classroom = await ready(students=3)
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            cursor = (await stream.next())["cursor"]
        for number, student in enumerate(classroom.students):
            await tell(classroom.room.joined(classroom.stay(number, student)), number)
        async with streams.presence(classroom.session.id, classroom.teacher, cursor) as stream:
            missed = await stream.next()
            assert missed["__typename"] == "PresenceChanges"
            assert len(missed["changes"]) == 3
        async with streams.presence(
            classroom.session.id, classroom.teacher, missed["cursor"]
        ) as stream:
            assert await stream.is_silent()


async def test_a_cursor_that_is_of_no_use_gets_a_snapshot(database: Database) -> None:
    classroom = await ready()
    other = await scheduled()
    session = await classroom.now()
    mark = session.version_mark
    useless = [
        stream_cursor(other.session.id, 1, (await other.now()).version_mark),
        stream_cursor(session.id, session.version + 1, mark),
        stream_cursor(session.id, session.version, mark + 1),
        stream_cursor(session.id, -1, 0),
        "nonsense",
        "",
        "[]",
    ]
    async with streaming(at(-9)) as streams:
        for cursor in useless:
            async with streams.presence(classroom.session.id, classroom.teacher, cursor) as stream:
                assert (await stream.next())["__typename"] == "PresenceSnapshot", cursor


async def test_a_watcher_too_slow_for_the_ring_gets_the_roster_anew(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9), ring=4) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            first = await stream.next()
            for minute in range(6):
                stay = classroom.stay(minute * 5)
                await tell(classroom.room.joined(stay), minute * 5)
                await tell(classroom.room.left(stay, at(minute * 5 + 1)), minute * 5 + 1)
            await streams.hubs.close_gaps()  # the hub has heard of all of it
            again = await stream.next()
            assert again["__typename"] == "PresenceSnapshot"
            assert again["version"] > first["version"] + 4


async def test_the_backstop_finds_changes_that_no_hint_told(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9), is_told=False) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await stream.next()
            await tell(classroom.room.joined(classroom.stay(1)), 1)
            assert await stream.is_silent()
            await streams.hubs.close_gaps()
            assert [row["presence"] for row in (await stream.next())["changes"]] == ["IN_MEETING"]


async def test_a_student_who_leaves_the_group_leaves_the_roster(database: Database) -> None:
    classroom = await ready(students=2)
    group = await Group.get(id=classroom.session.group_id or 0)
    academy = await group.academy
    admin = make.viewer(await make.user(academy, UserRole.ACADEMY_ADMIN))
    stays, goes = classroom.students
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            roster = (await stream.next())["attendances"]
            member = MemberInput(str(stays.external_id), MembershipSource.ENROLMENT, None, None)
            plan = GroupEntry(
                group.external_id, academy.id, group.kind, group.name, None, True, [member]
            )
            await group_upsert.upsert_groups(admin, [plan], at(-8))
            changed = await stream.next()
            (gone,) = [row for row in roster if row["user"]["displayName"] == goes.display_name]
            assert changed["removedIds"] == [gone["id"]]
            assert changed["changes"] == []


async def test_presence_completes_after_the_final_result(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await stream.next()
            await advance_due(at(65))
            await finalise_attendance(classroom.session.id, at(65, 10))
            dashboard = Dashboard()
            last = await stream.next()
            while not all(row["isFinal"] for row in last["changes"]):
                dashboard.take(last)
                last = await stream.next()
            assert {row["status"] for row in last["changes"]} == {None}
            assert await stream.is_over()
        async with streams.presence(classroom.session.id, classroom.teacher) as late:
            assert (await late.next())["__typename"] == "PresenceSnapshot"
            assert await late.is_over()


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_whenever_a_watcher_asks_on_it_hears_the_final_result(
    database: Database, turns: int
) -> None:
    """It does so even when its last send ends while the hub is reading."""
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await stream.next()
            await advance_due(at(65))
            await finalise_attendance(classroom.session.id, at(65, 10))
            for _ in range(turns):
                await asyncio.sleep(0)
            assert all(row["isFinal"] for row in (await stream.next())["changes"])
            assert await stream.is_over()


async def test_presence_completes_when_the_session_is_cancelled(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await stream.next()
            await session_cancel.cancel_session(
                make.viewer(classroom.teacher), classroom.session.id, "ill", at(-8)
            )
            assert await stream.is_over()


async def test_presence_does_not_exist_for_those_who_do_not_manage(database: Database) -> None:
    classroom = await ready()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    stranger = await make.teacher(await make.academy())
    async with streaming(at(-9)) as streams:
        for person in (classroom.student, parent, stranger):
            async with streams.presence(classroom.session.id, person) as stream:
                assert await stream.refusal() == "NOT_FOUND"
        async with streams.presence(999_999, classroom.teacher) as stream:
            assert await stream.refusal() == "NOT_FOUND"


async def test_events_come_in_order_after_a_snapshot(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.events(classroom.session.id, classroom.teacher) as stream:
            first = await stream.next()
            assert first["__typename"] == "SessionSnapshot"
            assert first["session"] == {"status": "READY", "version": first["sequence"]}
            await tell(classroom.room.joined(classroom.stay(-2)), -2)
            heard = [await stream.next() for _ in range(2)]
            assert [event["sequence"] for event in heard] == [
                first["sequence"] + 1,
                first["sequence"] + 2,
            ]
            assert [event["__typename"] for event in heard] == ["PresenceChanged", "StatusChanged"]
            assert heard[1]["cause"] == "FIRST_JOIN"


async def test_a_student_hears_of_the_session_and_not_of_the_others(database: Database) -> None:
    classroom = await ready(students=2)
    async with streaming(at(-9)) as streams:
        async with streams.events(classroom.session.id, classroom.student) as stream:
            await stream.next()
            await tell(classroom.room.joined(classroom.stay(-2)), -2)
            assert (await stream.next())["__typename"] == "StatusChanged"
            assert await stream.is_silent()


async def test_the_hub_goes_with_its_last_watcher(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as one:
            async with streams.presence(classroom.session.id, classroom.teacher) as two:
                await one.next()
                await two.next()
                assert streams.hubs.watched == {classroom.session.id: 2}
        assert streams.hubs.watched == {}


async def test_a_client_that_loses_frames_and_comes_back_ends_with_the_truth(
    database: Database,
) -> None:
    """Many people join and leave; clients lose frames, disconnect, and resume from old cursors."""
    classroom = await ready(students=4)
    chance = random.Random(11)
    async with streaming(at(-9), ring=16) as streams:
        clients = [Dashboard() for _ in range(6)]
        for minute in range(25):
            await _come_and_go(classroom, chance, minute)
            for client in clients:
                if chance.random() < 0.6:
                    await _follow(streams, classroom, client, chance)
        truth = (await read_rosters([classroom.session.id]))[classroom.session.id]
        last = (await classroom.now()).version
        for client in clients:
            while client.version < last:  # so something comes, however slow the machine is
                opened = streams.presence(classroom.session.id, classroom.teacher, client.cursor)
                async with opened as stream:
                    while client.version < last and client.take(await stream.next()):
                        pass
            seen = {key: (row["presence"], row["joinCount"]) for key, row in client.roster.items()}
            assert seen == {
                encode(Kind.ATTENDANCE, state.participant_id): (
                    state.result.presence,
                    state.result.join_count,
                )
                for state in truth
            }


async def _come_and_go(classroom: Classroom, chance: random.Random, minute: int) -> None:
    for student in chance.sample(classroom.students, 2):
        stay = classroom.stay(minute, student)
        await tell(classroom.room.joined(stay), minute)
        if chance.random() < 0.7:
            await tell(classroom.room.left(stay, at(minute + 0.5)), minute + 0.5)


async def _follow(
    streams: Streams, classroom: Classroom, client: Dashboard, chance: random.Random
) -> None:
    """Subscribe and take events until a frame is lost or the client knows everything."""
    after = client.cursor if chance.random() < 0.9 else None
    last = (await classroom.now()).version
    async with streams.presence(classroom.session.id, classroom.teacher, after) as stream:
        while client.version < last:
            event = await stream.next()
            if chance.random() < 0.2:
                return  # this frame is lost
            if not client.take(event):
                return
