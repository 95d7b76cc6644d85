"""One row of a roster as a stream: the student's own, their parent's, and who manages sees any."""

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
from tests.support.lessons import Lesson, at, ready
from tests.support.livekit_events import Stay
from tests.support.streams import streaming
from tests.support.webhooks import encode as body_of


async def joins(lesson: Lesson, minutes: float, user: User | None = None) -> Stay:
    stay = lesson.stay(minutes, user)
    await record_notice(translate(body_of(lesson.room.joined(stay))), at(minutes))
    return stay


async def leaves(lesson: Lesson, stay: Stay, minutes: float) -> None:
    told = lesson.room.left(stay, at(minutes))
    await record_notice(translate(body_of(told)), at(minutes))


async def admin_of(lesson: Lesson) -> User:
    return await make.user(await lesson.session.academy, UserRole.ACADEMY_ADMIN)


async def test_the_row_now_and_then_each_change_of_it(database: Database) -> None:
    lesson = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.row(lesson.session.id, lesson.student, lesson.student) as stream:
            first = await stream.next()
            assert first["attendance"]["presence"] == "NOT_JOINED"
            stay = await joins(lesson, -2)
            came = await stream.next()
            assert came["attendance"]["presence"] == "IN_MEETING"
            await leaves(lesson, stay, 5)
            gone = await stream.next()
            assert gone["attendance"]["presence"] == "LEFT"
            assert first["version"] < came["version"] < gone["version"]


async def test_a_change_of_one_student_wakes_nobody_elses_stream(database: Database) -> None:
    lesson = await ready(students=2)
    one, two = lesson.students
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(lesson.session.id, one, one) as first,
            streams.row(lesson.session.id, two, two) as second,
            streams.row(lesson.session.id, two, lesson.teacher) as managers,
        ):
            for stream in (first, second, managers):
                await stream.next()
            await joins(lesson, -2, two)
            assert (await second.next())["attendance"]["presence"] == "IN_MEETING"
            assert (await managers.next())["attendance"]["presence"] == "IN_MEETING"
            assert await first.is_silent()
            await joins(lesson, -1, one)
            assert (await first.next())["attendance"]["presence"] == "IN_MEETING"
            assert await second.is_silent()


async def test_who_watches_the_same_row_gets_the_same_answer(database: Database) -> None:
    lesson = await ready()
    parent = await make.parent(await lesson.session.academy, lesson.student)
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(lesson.session.id, lesson.student, lesson.student) as own,
            streams.row(lesson.session.id, lesson.student, parent) as parents,
            streams.row(lesson.session.id, lesson.student, lesson.teacher) as managers,
        ):
            for stream in (own, parents, managers):
                await stream.next()
            await joins(lesson, -2)
            told = await own.data()
            assert await parents.data() is told
            assert await managers.data() is told


async def test_after_a_cursor_only_what_changed_since(database: Database) -> None:
    lesson = await ready(students=2)
    one, two = lesson.students
    number = lesson.session.id
    async with streaming(at(-9)) as streams:
        async with streams.row(number, one, one) as stream:
            cursor = (await stream.next())["cursor"]
        await joins(lesson, -3, two)
        async with streams.row(number, one, one, cursor) as stream:
            assert await stream.is_silent()
            await joins(lesson, -2, one)
            assert (await stream.next())["attendance"]["joinCount"] == 1
        async with streams.row(number, one, one, cursor) as stream:
            assert (await stream.next())["attendance"]["joinCount"] == 1
        async with streams.row(number, one, one, "no cursor of ours") as stream:
            assert (await stream.next())["attendance"]["joinCount"] == 1


async def test_of_nobodys_row_nothing_is_told(database: Database) -> None:
    lesson = await ready(students=2)
    one, two = lesson.students
    stranger = await make.student(await lesson.session.academy)
    number = lesson.session.id
    asked = [(two, one), (lesson.teacher, one), (stranger, lesson.teacher), (one, stranger)]
    async with streaming(at(-9)) as streams:
        for whose, viewer in asked:
            async with streams.row(number, whose, viewer) as stream:
                assert await stream.refusal() == "NOT_FOUND"


async def test_a_late_event_is_told_after_the_final_result(database: Database) -> None:
    lesson = await ready()
    stay = await joins(lesson, 1)
    await Session.filter(id=lesson.session.id).update(
        status="COMPLETED", ended_at=at(65), next_transition_at=None
    )
    async with streaming(at(66)) as streams:
        async with streams.row(lesson.session.id, lesson.student, lesson.student) as stream:
            assert (await stream.next())["attendance"]["isFinal"] is False
            await finalise_attendance(lesson.session.id, at(66))
            assert (await stream.next())["attendance"]["isFinal"] is True
            await leaves(lesson, stay, 50)
            assert (await stream.next())["attendance"]["presence"] == "LEFT"


async def test_with_the_row_the_stream_ends(database: Database) -> None:
    """FORBIDDEN for the person; for those who manage the session there is nothing more to come."""
    lesson = await ready(students=2)
    one, two = lesson.students
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(lesson.session.id, one, one) as own,
            streams.row(lesson.session.id, one, lesson.teacher) as managers,
            streams.row(lesson.session.id, two, two) as others,
        ):
            for stream in (own, managers, others):
                await stream.next()
            await leave_only(lesson, two)
            assert await own.refusal() == "FORBIDDEN"
            assert await managers.is_over()
            assert await others.is_silent()


async def leave_only(lesson: Lesson, stays: User) -> None:
    group = await Group.get(id=lesson.session.group_id)
    member = MemberInput(str(stays.external_id), MembershipSource.ENROLMENT, None, None)
    plan = GroupEntry(
        group.external_id, group.academy_id, group.kind, group.name, None, True, [member]
    )
    await upsert_groups(make.viewer(await admin_of(lesson)), [plan], at(-5))


async def test_who_is_barred_is_told_no_more_and_begins_no_more(database: Database) -> None:
    lesson = await ready()
    number = lesson.session.id
    async with streaming(at(-9)) as streams:
        async with (
            streams.row(number, lesson.student, lesson.student) as own,
            streams.row(number, lesson.student, lesson.teacher) as managers,
        ):
            assert (await own.next())["attendance"]["isBarred"] is False
            await managers.next()
            await bar_participant(make.viewer(lesson.teacher), number, lesson.student.id, at(-5))
            assert await own.refusal() == "FORBIDDEN"
            assert (await managers.next())["attendance"]["isBarred"] is True
        async with streams.row(number, lesson.student, lesson.student) as again:
            assert await again.refusal() == "FORBIDDEN"
        async with streams.events(number, lesson.student) as events:
            assert await events.refusal() == "FORBIDDEN"
