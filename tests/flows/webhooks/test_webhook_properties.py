"""Any class gives the same rows, in whatever order and how often its webhooks come."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.webhooks.notices import record_notice
from domain.attendance.fold import EventKind, EventSource, Facts, Line, Policy, fold
from domain.attendance.lines import LINE_KINDS
from domain.attendance.state import AttendanceState, from_ms, to_ms
from domain.rooms import participant_identity
from gateways.livekit_webhooks import Notice
from models import Session, User
from tests.conftest import Database
from tests.support import make
from tests.support.attendance_lines import HOUR, START
from tests.support.attendance_rows import states, stream
from tests.support.lives import Class, classes

EVENTS = {kind: event for event, kind in LINE_KINDS.items()}
AT = from_ms(START)
# Everything that `classes` draws has happened by then.
BUFFER = {"completion_buffer_minutes": 600}


def told_of(log: list[Line]) -> list[Line]:
    """The events that LiveKit can send; none of them knows a last sign of life."""
    return [
        replace(line, alive_ms=None)
        for line in log
        # after the end, the session would be over at a time that depends on the order
        if line.kind in EVENTS and not (line.kind is EventKind.ROOM_FINISHED and is_after(line))
    ]


def is_after(line: Line) -> bool:
    return line.occurred_ms >= START + HOUR


def notice(line: Line, session: Session, user: User | None) -> Notice:
    name = participant_identity(user.id, user.first_name, user.last_name) if user else None
    return Notice(
        id=f"{session.id}/{line.source_id}",
        event=EVENTS[line.kind],
        created_ms=line.occurred_ms,
        room_name=session.room_name,
        room_sid=f"{session.id}/{line.room_sid}",  # unique, as LiveKit's sids are
        room_created_ms=line.room_created_ms,
        identity=name,
        participant_sid=line.participant_sid,
        participant_kind="STANDARD" if user else None,
        joined_ms=line.joined_ms,
        is_disconnected=line.is_disconnected,
        disconnect_reason=line.disconnect_reason,
    )


async def ready(people: int) -> tuple[Session, list[User]]:
    academy = await make.academy(None, **BUFFER)
    teacher = await make.teacher(academy)
    students = [await make.student(academy) for _ in range(people)]
    circle = await make.group(academy, teacher, *students)
    session = await make.session(academy, teacher, group=circle, at=AT)
    await advance_due(AT - timedelta(minutes=10))
    return await Session.get(id=session.id), students


few = settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Telling = tuple[int | None, Line]  # the user's number, or None for the room's lines


def tellings(told: Class) -> list[Telling]:
    own = [
        (who, replace(line, identity="the same"))
        for who, log in enumerate(told.people)
        for line in told_of(log)
    ]
    return [*own, *((None, line) for line in told_of(told.rooms))]


async def tell(session: Session, students: list[User], what: list[Telling]) -> None:
    for who, line in what:
        user = None if who is None else students[who]
        await record_notice(notice(line, session, user), from_ms(line.received_ms))


async def end(session: Session) -> None:
    await advance_due(session.completes_at)
    await finalise_attendance(session.id, session.completes_at + timedelta(seconds=10))


def rooms_of(what: list[Telling]) -> list[Line]:
    """The rooms that the lines tell of, where the room's own start was lost."""
    known = {line.room_sid: line for _, line in what if line.room_created_ms is not None}
    return [
        Line(
            source_id=f"room:{sid}",
            kind=EventKind.ROOM_STARTED,
            source=EventSource.WEBHOOK,
            occurred_ms=line.room_created_ms or 0,
            received_ms=line.room_created_ms or 0,
            room_sid=sid,
            room_created_ms=line.room_created_ms,
            participant_sid=None,
            joined_ms=None,
        )
        for sid, line in known.items()
    ]


def check_folded(row: AttendanceState, session: Session, log: list[Line]) -> None:
    facts = Facts(
        scheduled_ms=START,
        ends_ms=START + HOUR,
        ended_ms=to_ms(session.ended_at) if session.ended_at else None,
        is_final=session.finalised_at is not None,
        is_expected=row.is_expected,
        was_joinable=session.was_joinable,
        policy=Policy(),
    )
    found = row.result
    assert found == fold(log, facts)
    came = START + HOUR if found.first_joined_ms is None else found.first_joined_ms
    assert 0 <= found.closed_ms <= min(HOUR, max(0, START + HOUR - came))


def same(rows: dict[int, AttendanceState], students: list[User]) -> list[AttendanceState]:
    """Rows of two sessions, made comparable."""
    return [replace(rows[user.id], participant_id=0, session_id=0, user_id=0) for user in students]


@few
@given(told=classes(), data=st.data())
async def test_any_order_and_any_copies_leave_the_rows_that_the_log_folds_to(
    database: Database, told: Class, data: st.DataObject
) -> None:
    what = tellings(told)
    copies = data.draw(st.lists(st.sampled_from(what), max_size=6)) if what else []
    again = [(who, replace(line, received_ms=line.received_ms + 1_500)) for who, line in copies]
    shuffled = data.draw(st.permutations([*what, *copies]))
    cut = data.draw(st.integers(0, len(shuffled)))  # the rest comes after the final result

    session, students = await ready(len(told.people))
    await tell(session, students, [*what, *again])
    await end(session)
    other, others = await ready(len(told.people))
    await tell(other, others, shuffled[:cut])
    await end(other)
    await tell(other, others, shuffled[cut:])

    session, other = await Session.get(id=session.id), await Session.get(id=other.id)
    rows = await states(session.id)
    assert same(rows, students) == same(await states(other.id), others)
    for who, user in enumerate(students):
        own = [line for whose, line in what if whose in (who, None)]
        check_folded(rows[user.id], session, own + rooms_of(what))
    for row in (session, other):
        assert row.version == len(await stream(row.id))


@few
@given(told=classes(), data=st.data())
async def test_after_every_event_the_rows_are_what_is_told_so_far(
    database: Database, told: Class, data: st.DataObject
) -> None:
    session, students = await ready(len(told.people))
    what = data.draw(st.permutations(tellings(told)))
    for number, (whose, line) in enumerate(what, 1):
        await tell(session, students, [(whose, line)])
        rows = await states(session.id)
        row = await Session.get(id=session.id)
        for who, user in enumerate(students):
            own = [line for whose, line in what[:number] if whose in (who, None)]
            check_folded(rows[user.id], row, own + rooms_of(what[:number]))
