"""Warnings before it is too late: read with the session, and true at that moment."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_reschedule import reschedule_session
from domain.access import UserRole
from domain.status import SessionStatus
from models import (
    Academy,
    Membership,
    Session,
    SessionParticipant,
    TeacherMeetingSettings,
    User,
)
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, asking, code, payload
from tests.support.classrooms import Classroom, at, scheduled
from tests.support.statements import counting

pytestmark = pytest.mark.usefixtures("database")

WARNINGS = "warnings { code message session { databaseId } user { databaseId } }"
ONE = f"query ($id: ID!) {{ session(id: $id) {{ {WARNINGS} }} }}"
EARLY = at(-600)


async def read(
    asker: Asker, viewer: User, session: Session, now: datetime = EARLY
) -> list[dict[str, Any]]:
    found = payload(await asker.ask(ONE, viewer, now=now, id=encode(Kind.SESSION, session.id)))
    return list(found["warnings"]) if found else []


async def codes(
    asker: Asker, classroom: Classroom, viewer: User | None = None, now: datetime = EARLY
) -> list[str]:
    found = await read(asker, viewer or classroom.teacher, classroom.session, now)
    return [one["code"] for one in found]


async def admin_of(session: Session) -> User:
    academy = await Academy.get(id=session.academy_id)
    return await make.user(academy, UserRole.ACADEMY_ADMIN)


async def also(classroom: Classroom, starts: float, minutes: int = 60, **people: User) -> Session:
    """Another session of the classroom's academy, of the same people unless others are given."""
    academy = await Academy.get(id=classroom.session.academy_id)
    teacher = people.get("teacher") or classroom.teacher
    student = people.get("student") or classroom.student
    return await make.session(
        academy, teacher, student=student, at=at(starts), minutes=minutes, now=at(-1500)
    )


async def test_a_session_in_order_has_no_warning(asker: Asker) -> None:
    assert await codes(asker, await scheduled()) == []


@pytest.mark.parametrize(
    ("starts", "minutes", "clashes"),
    [(-60, 60, False), (-60, 61, True), (59, 60, True), (60, 60, False), (-30, 120, True)],
)
async def test_two_sessions_clash_where_their_times_overlap(
    asker: Asker, starts: float, minutes: int, clashes: bool
) -> None:
    classroom = await scheduled()
    other = await also(classroom, starts, minutes)
    found = await read(asker, classroom.teacher, classroom.session)
    title = '"Surat al-Kahf"'
    local = f"{at(starts) + timedelta(hours=3):%Y-%m-%d %H:%M}"  # in Riyadh
    assert found == [
        {
            "code": warning,
            "message": f"{who.display_name} is needed in {title} at this time, which starts "
            f"{local} (Asia/Riyadh).",
            "session": {"databaseId": other.id},
            "user": {"databaseId": who.id},
        }
        for warning, who in (
            ("TEACHER_BUSY", classroom.teacher),
            ("STUDENT_BUSY", classroom.student),
        )
        if clashes
    ]


async def test_the_longest_session_clashes_with_what_starts_in_its_last_minute(
    asker: Asker,
) -> None:
    classroom = await scheduled(max_duration_minutes=1440)
    await also(classroom, -1439, 1440)
    assert await codes(asker, classroom) == ["TEACHER_BUSY", "STUDENT_BUSY"]


async def test_what_is_over_or_cancelled_clashes_with_none(asker: Asker) -> None:
    classroom = await scheduled()
    other = await also(classroom, 30)
    assert await codes(asker, classroom) == ["TEACHER_BUSY", "STUDENT_BUSY"]
    for status in SessionStatus:
        await Session.filter(id=other.id).update(status=status, next_transition_at=None)
        found = await codes(asker, classroom)
        assert found == ([] if status.is_over else ["TEACHER_BUSY", "STUDENT_BUSY"]), status


async def test_a_warning_goes_when_its_cause_goes(asker: Asker) -> None:
    classroom = await scheduled()
    other = await also(classroom, 30)
    admin = make.viewer(await admin_of(other))
    await reschedule_session(admin, other.id, at(60), None, EARLY)
    assert await codes(asker, classroom) == []
    await reschedule_session(admin, other.id, at(10), None, EARLY)
    assert await codes(asker, classroom) == ["TEACHER_BUSY", "STUDENT_BUSY"]
    await cancel_session(admin, other.id, None, EARLY)
    assert await codes(asker, classroom) == []


async def test_only_what_has_not_started_is_warned_of(asker: Asker) -> None:
    classroom = await scheduled()
    await also(classroom, 30)
    assert await codes(asker, classroom, now=at(-5)) == ["TEACHER_BUSY", "STUDENT_BUSY"]
    assert await codes(asker, classroom, now=at(0)) == []  # reading it starts it


async def test_warnings_are_for_those_who_manage(asker: Asker) -> None:
    classroom = await scheduled(teachers_join_any_session=True)
    await also(classroom, 30)
    academy = await Academy.get(id=classroom.session.academy_id)
    both = ["TEACHER_BUSY", "STUDENT_BUSY"]
    for viewer, seen in (
        (classroom.teacher, both),
        (await make.user(academy, UserRole.SUPERVISOR), both),
        (await make.user(None, UserRole.SUPER_ADMIN), both),
        (await make.teacher(academy), []),
        (classroom.student, []),
        (await make.parent(academy, classroom.student), []),
        (await make.user(await make.academy(), UserRole.ACADEMY_ADMIN), []),
    ):
        assert await codes(asker, classroom, viewer) == seen, viewer.role


async def test_a_clash_with_a_session_that_the_viewer_may_not_see_tells_nothing_of_it(
    asker: Asker,
) -> None:
    classroom = await scheduled()
    academy = await Academy.get(id=classroom.session.academy_id)
    other = await also(classroom, 30, teacher=await make.teacher(academy))
    await Session.filter(id=other.id).update(title="A secret")
    student = {"databaseId": classroom.student.id}
    (hidden,) = await read(asker, classroom.teacher, classroom.session)
    assert (hidden["code"], hidden["session"], hidden["user"]) == ("STUDENT_BUSY", None, student)
    assert "secret" not in hidden["message"]
    (shown,) = await read(asker, await admin_of(other), classroom.session)
    assert (shown["session"], shown["user"]) == ({"databaseId": other.id}, student)
    assert "A secret" in shown["message"]


async def test_an_academys_sessions_do_not_clash_with_anothers(asker: Asker) -> None:
    """One person is of one academy; a row that says otherwise is not told of."""
    classroom, elsewhere = await scheduled(), await scheduled()
    await Session.filter(id=elsewhere.session.id).update(teacher_id=classroom.teacher.id)
    assert await codes(asker, classroom) == []


async def test_more_people_than_places_the_teacher_among_them(asker: Asker) -> None:
    classroom = await scheduled(3, default_max_participants=3)
    assert await codes(asker, classroom) == ["OVER_CAPACITY"]
    preferences = await TeacherMeetingSettings.create(
        teacher_id=classroom.teacher.id, max_participants=4
    )
    assert await codes(asker, classroom) == []  # the teacher's own
    await preferences.update_from_dict({"max_participants": 2}).save()
    assert await codes(asker, classroom) == ["OVER_CAPACITY"]
    await Session.filter(id=classroom.session.id).update(
        meeting_id="mtg_1", meeting_options={"maxParticipants": 4}
    )
    assert await codes(asker, classroom) == []  # the meeting's
    await Session.filter(id=classroom.session.id).update(meeting_options={"maxParticipants": 3})
    assert await codes(asker, classroom) == ["OVER_CAPACITY"]
    row = SessionParticipant.filter(user_id=classroom.students[0].id)
    await row.update(barred_at=EARLY)
    assert await codes(asker, classroom) == []
    await row.update(barred_at=None)
    await User.filter(id=classroom.students[1].id).update(is_active=False)
    assert await codes(asker, classroom) == []


async def test_a_teacher_who_is_not_active(asker: Asker) -> None:
    classroom = await scheduled()
    await User.filter(id=classroom.teacher.id).update(is_active=False)
    (found,) = await read(asker, await admin_of(classroom.session), classroom.session)
    assert (found["code"], found["user"]) == (
        "TEACHER_INACTIVE",
        {"databaseId": classroom.teacher.id},
    )


async def test_nobody_is_expected(asker: Asker) -> None:
    classroom = await scheduled()
    await User.filter(id=classroom.student.id).update(is_active=False)
    assert await codes(asker, classroom) == ["NOBODY_EXPECTED"]
    academy = await Academy.get(id=classroom.session.academy_id)
    circle = await make.group(academy, classroom.teacher, await make.student(academy))
    await Membership.filter(group_id=circle.id).update(active_until=at(600))
    empty = await make.session(academy, classroom.teacher, group=circle, at=at(600))
    (found,) = await read(asker, classroom.teacher, empty)
    assert (found["code"], found["session"], found["user"]) == ("NOBODY_EXPECTED", None, None)


SCHEDULE = f"""
mutation ($plan: ScheduleSessionInput!) {{
  scheduleSession(input: $plan) {{ session {{ {WARNINGS} }} errors {{ code }} }}
}}
"""


async def test_who_schedules_reads_the_warnings_in_the_same_answer(asker: Asker) -> None:
    classroom = await scheduled()
    plan = {
        "academyId": encode(Kind.ACADEMY, classroom.session.academy_id),
        "kind": "QURAN",
        "title": "Juz Amma",
        "teacherId": encode(Kind.USER, classroom.teacher.id),
        "studentId": encode(Kind.USER, classroom.student.id),
        "scheduledAt": at(30).isoformat(),
    }
    viewer = await admin_of(classroom.session)
    found = payload(await asker.ask(SCHEDULE, viewer, now=EARLY, plan=plan))["session"]
    told = [(one["code"], one["session"]) for one in found["warnings"]]
    other = {"databaseId": classroom.session.id}
    assert told == [("TEACHER_BUSY", other), ("STUDENT_BUSY", other)]


# Eleven in London is two in Riyadh; a meeting is due 15 minutes ahead, and the class takes an hour.
HOURS = ("meeting_creation_time_start", "meeting_creation_time_end")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(zip(HOURS, ("08:00", "13:45"), strict=True)), "at this hour"),
        (dict(zip(HOURS, ("08:00", "13:46"), strict=True)), None),
        (dict(zip(HOURS, ("14:59", "20:00"), strict=True)), None),
        (dict(zip(HOURS, ("15:00", "20:00"), strict=True)), "at this hour"),
        ({"meeting_creation_blocked_days": ["MONDAY"]}, "on this day"),
        ({"meeting_creation_blocked_days": ["TUESDAY"]}, None),
        ({"auto_create_meetings": False}, "by themselves"),
        # at READY at the latest
        (
            dict(zip(HOURS, ("08:00", "13:40"), strict=True)) | {"ready_minutes_before": 21},
            None,
        ),
    ],
)
async def test_a_meeting_that_will_be_refused_until_the_class_is_over(
    asker: Asker, settings: dict[str, Any], message: str | None
) -> None:
    classroom = await scheduled(**settings)
    found = await read(asker, classroom.teacher, classroom.session)
    if message is None:
        assert found == []
        return
    (warning,) = found
    assert (warning["code"], warning["session"]) == ("MEETING_WILL_BE_REFUSED", None)
    assert message in warning["message"]
    await Session.filter(id=classroom.session.id).update(meeting_id="mtg_1")
    assert await codes(asker, classroom) == []  # somebody made it


async def test_an_academy_that_is_not_active_makes_no_meeting(asker: Asker) -> None:
    classroom = await scheduled()
    await Academy.filter(id=classroom.session.academy_id).update(is_active=False)
    assert await codes(asker, classroom) == ["MEETING_WILL_BE_REFUSED"]


async def test_moments_that_are_past_count_no_more(asker: Asker) -> None:
    """The gate was open when the meeting was due; now it is shut until the class is over."""
    settings: dict[str, Any] = dict(zip(HOURS, ("08:00", "13:46"), strict=True))
    classroom = await scheduled(**settings)
    assert await codes(asker, classroom, now=at(-15)) == []
    assert await codes(asker, classroom, now=at(-13)) == ["MEETING_WILL_BE_REFUSED"]


async def test_there_are_at_most_twenty(asker: Asker) -> None:
    classroom = await scheduled(25)
    academy = await Academy.get(id=classroom.session.academy_id)
    other = await make.teacher(academy)
    circle = await make.group(academy, other, *classroom.students)
    await make.session(academy, other, group=circle)
    found = await read(asker, await admin_of(classroom.session), classroom.session)
    assert [one["code"] for one in found] == ["STUDENT_BUSY"] * 20
    assert len({one["user"]["databaseId"] for one in found}) == 20


async def test_warnings_of_a_hundred_sessions_take_as_many_statements_as_of_two() -> None:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    supervisor = await make.user(academy, UserRole.SUPERVISOR)
    for day in range(50):
        for starts in (0, 30):
            await make.session(academy, teacher, student=student, at=at(1440 * (day + 1) + starts))
    numbers = []
    async with asking() as asker:
        for first in (2, 100):
            question = f"{{ sessions(first: {first}) {{ nodes {{ {WARNINGS} }} }} }}"
            with counting() as sent:
                nodes = payload(await asker.ask(question, supervisor))["nodes"]
            assert [len(node["warnings"]) for node in nodes] == [2] * first
            numbers.append(len(sent))
    assert numbers[0] == numbers[1]


# --- the list filter

LIST = """
query ($filter: SessionFilter, $first: Int, $after: String, $order: SessionOrder!) {
  sessions(filter: $filter, first: $first, after: $after, orderBy: $order) {
    nodes { databaseId warnings { code } } pageInfo { hasNextPage hasPreviousPage endCursor }
  }
}
"""


async def listed(
    asker: Asker, viewer: User, wanted: bool, now: datetime = EARLY, **more: Any
) -> list[int]:
    """The ids of all pages, two by two."""
    span = {"from": at(-3000).isoformat(), "to": at(3000).isoformat()}
    arguments: dict[str, Any] = {"order": "SCHEDULED_AT_ASC", "after": None} | more
    found: list[int] = []
    while True:
        answer = payload(
            await asker.ask(
                LIST,
                viewer,
                now=now,
                filter=span | {"hasWarnings": wanted},
                first=2,
                **arguments,
            )
        )
        assert answer["pageInfo"]["hasPreviousPage"] is (arguments["after"] is not None)
        for node in answer["nodes"]:
            assert bool(node["warnings"]) is wanted
            found.append(node["databaseId"])
        if not answer["pageInfo"]["hasNextPage"]:
            return found
        assert len(answer["nodes"]) == 2
        arguments["after"] = answer["pageInfo"]["endCursor"]


async def test_sessions_are_listed_by_whether_they_have_warnings(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom = await scheduled()
    academy = await Academy.get(id=classroom.session.academy_id)
    clear = [(await also(classroom, starts, 30)).id for starts in (200, 400, 600, 800, 1000)]
    late = await also(classroom, 820, 60)
    warned = [clear.pop(3), late.id]
    inside = await also(classroom, 30, 10)
    warned += [classroom.session.id, inside.id]
    begun = await also(classroom, -1000)
    rows = await Session.filter(id__in=warned).order_by("scheduled_at")
    in_order = [row.id for row in rows]
    calm = [begun.id, *clear]
    admin = await admin_of(classroom.session)
    for at_once in (500, 3):  # read in one go, or a few at a time
        monkeypatch.setattr("models.reading.warnings.SCANNED_AT_ONCE", at_once)
        assert await listed(asker, admin, True) == in_order
        assert await listed(asker, admin, True, order="SCHEDULED_AT_DESC") == in_order[::-1]
        assert await listed(asker, admin, False) == calm
        assert await listed(asker, admin, False, order="SCHEDULED_AT_DESC") == calm[::-1]
        assert await listed(asker, classroom.teacher, True) == in_order
        assert await listed(asker, await make.teacher(academy), True) == []
        assert await listed(asker, classroom.student, True) == []
        everything = [
            row.id for row in await Session.filter(academy_id=academy.id).order_by("scheduled_at")
        ]
        assert await listed(asker, classroom.student, False) == everything
    assert await listed(asker, admin, True, now=at(500)) == warned[:2]


@pytest.mark.parametrize(
    "span",
    [
        lambda: {},
        lambda: {"from": at(0).isoformat()},
        lambda: {"to": at(0).isoformat()},
        lambda: {"from": at(0).isoformat(), "to": at(31 * 1440 + 1).isoformat()},
    ],
)
async def test_asking_for_warnings_needs_a_short_time(
    asker: Asker, span: Callable[[], dict[str, str]], database: Database
) -> None:
    classroom = await scheduled()
    arguments: dict[str, Any] = {"first": 5, "order": "SCHEDULED_AT_ASC"}
    for wanted in (True, False):
        answer = await asker.ask(
            LIST, classroom.teacher, filter=span() | {"hasWarnings": wanted}, **arguments
        )
        assert code(answer) == "INVALID_INPUT"
    answer = await asker.ask(
        LIST, classroom.teacher, filter=span() | {"hasWarnings": None}, **arguments
    )
    assert code(answer) is None
    month = {"from": at(0).isoformat(), "to": at(31 * 1440).isoformat(), "hasWarnings": True}
    assert code(await asker.ask(LIST, classroom.teacher, filter=month, **arguments)) is None
