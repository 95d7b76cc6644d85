"""One row of a roster as a stream, for the student, their parents and the managers."""

import pytest

import clock
from actions.academies.group_upsert import GroupEntry, MemberInput, upsert_groups
from actions.admittance.barring import bar_participant
from actions.attendance.final_result import finalise_attendance
from actions.webhooks.notices import record_notice
from domain.access import UserRole
from domain.session import MembershipSource
from gateways.livekit_webhooks import translate
from models import Group, Session, User
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import Stay
from tests.support.streams import streaming
from tests.support.webhooks import encode as body_of


async def joins(classroom: Classroom, minutes: float, user: User | None = None) -> Stay:
    stay = classroom.stay(minutes, user)
    await record_notice(translate(body_of(classroom.room.joined(stay))), at(minutes))
    return stay


async def leaves(classroom: Classroom, stay: Stay, minutes: float) -> None:
    told = classroom.room.left(stay, at(minutes))
    await record_notice(translate(body_of(told)), at(minutes))


async def admin_of(classroom: Classroom) -> User:
    return await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)


async def test_a_row_is_sent_at_once_and_then_at_every_change(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.row(
            classroom.session.id, classroom.student, classroom.student
        ) as stream:
            first = await stream.next()
            assert first["attendance"]["presence"] == "NOT_JOINED"
            stay = await joins(classroom, -2)
            came = await stream.next()
            assert came["attendance"]["presence"] == "IN_MEETING"
            await leaves(classroom, stay, 5)
            gone = await stream.next()
            assert gone["attendance"]["presence"] == "LEFT"
            assert first["version"] < came["version"] < gone["version"]


async def test_a_change_of_one_student_wakes_nobody_elses_stream(database: Database) -> None:
    classroom = await ready(students=2)
    one, two = classroom.students
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(classroom.session.id, one, one) as first,
            streams.row(classroom.session.id, two, two) as second,
            streams.row(classroom.session.id, two, classroom.teacher) as managers,
        ):
            for stream in (first, second, managers):
                await stream.next()
            await joins(classroom, -2, two)
            assert (await second.next())["attendance"]["presence"] == "IN_MEETING"
            assert (await managers.next())["attendance"]["presence"] == "IN_MEETING"
            assert await first.is_silent()
            await joins(classroom, -1, one)
            assert (await first.next())["attendance"]["presence"] == "IN_MEETING"
            assert await second.is_silent()


async def test_watchers_of_the_same_row_share_one_answer_in_the_same_second(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: at(-1))
    classroom = await ready()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(classroom.session.id, classroom.student, classroom.student) as own,
            streams.row(classroom.session.id, classroom.student, parent) as parents,
            streams.row(classroom.session.id, classroom.student, classroom.teacher) as managers,
        ):
            for stream in (own, parents, managers):
                await stream.next()
            await joins(classroom, -2)
            told = await own.shared()
            assert await parents.shared() is told
            assert await managers.shared() is told


async def test_a_stream_after_a_cursor_sends_only_later_changes(database: Database) -> None:
    classroom = await ready(students=2)
    one, two = classroom.students
    number = classroom.session.id
    async with streaming(at(-9)) as streams:
        async with streams.row(number, one, one) as stream:
            cursor = (await stream.next())["cursor"]
        await joins(classroom, -3, two)
        async with streams.row(number, one, one, cursor) as stream:
            assert await stream.is_silent()
            await joins(classroom, -2, one)
            assert (await stream.next())["attendance"]["joinCount"] == 1
        async with streams.row(number, one, one, cursor) as stream:
            assert (await stream.next())["attendance"]["joinCount"] == 1
        async with streams.row(number, one, one, "no cursor of ours") as stream:
            assert (await stream.next())["attendance"]["joinCount"] == 1


async def test_watching_a_row_one_may_not_see_is_not_found(database: Database) -> None:
    classroom = await ready(students=2)
    one, two = classroom.students
    stranger = await make.student(await classroom.session.academy)
    number = classroom.session.id
    asked = [(two, one), (classroom.teacher, one), (stranger, classroom.teacher), (one, stranger)]
    async with streaming(at(-9)) as streams:
        for whose, viewer in asked:
            async with streams.row(number, whose, viewer) as stream:
                assert await stream.refusal() == "NOT_FOUND"


async def test_a_late_event_is_told_after_the_final_result(database: Database) -> None:
    classroom = await ready()
    stay = await joins(classroom, 1)
    await Session.filter(id=classroom.session.id).update(
        status="COMPLETED", ended_at=at(65), next_transition_at=None
    )
    async with streaming(at(66)) as streams:
        async with streams.row(
            classroom.session.id, classroom.student, classroom.student
        ) as stream:
            assert (await stream.next())["attendance"]["isFinal"] is False
            await finalise_attendance(classroom.session.id, at(66))
            assert (await stream.next())["attendance"]["isFinal"] is True
            await leaves(classroom, stay, 50)
            assert (await stream.next())["attendance"]["presence"] == "LEFT"


async def test_the_stream_of_a_row_ends_when_the_row_is_removed(database: Database) -> None:
    """The person gets FORBIDDEN; the stream of a manager is complete."""
    classroom = await ready(students=2)
    one, two = classroom.students
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(classroom.session.id, one, one) as own,
            streams.row(classroom.session.id, one, classroom.teacher) as managers,
            streams.row(classroom.session.id, two, two) as others,
        ):
            for stream in (own, managers, others):
                await stream.next()
            await leave_only(classroom, two)
            assert await own.refusal() == "FORBIDDEN"
            assert await managers.is_over()
            assert await others.is_silent()


async def leave_only(classroom: Classroom, stays: User) -> None:
    group = await Group.get(id=classroom.session.group_id)
    member = MemberInput(str(stays.external_id), MembershipSource.ENROLMENT, None, None)
    plan = GroupEntry(
        group.external_id, group.academy_id, group.kind, group.name, None, True, [member]
    )
    await upsert_groups(make.viewer(await admin_of(classroom)), [plan], at(-5))


async def test_a_barred_students_stream_ends_and_a_new_one_is_refused(database: Database) -> None:
    classroom = await ready()
    number = classroom.session.id
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(number, classroom.student, classroom.student) as own,
            streams.row(number, classroom.student, classroom.teacher) as managers,
        ):
            assert (await own.next())["attendance"]["isBarred"] is False
            await managers.next()
            await bar_participant(
                make.viewer(classroom.teacher), number, classroom.student.id, at(-5)
            )
            assert await own.refusal() == "FORBIDDEN"
            assert (await managers.next())["attendance"]["isBarred"] is True
        async with streams.row(number, classroom.student, classroom.student) as again:
            assert await again.refusal() == "FORBIDDEN"
        async with streams.events(number, classroom.student) as events:
            assert await events.refusal() == "FORBIDDEN"
