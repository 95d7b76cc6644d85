"""A page reports leaves and returns, the reconciler checks them, and nobody gains by a report."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.attendance.final_result import finalise_attendance
from actions.attendance.recalculation import recalculate_session
from actions.attendance.reports import report_join, report_leave
from actions.attendance.stale_stays import expire_stays
from actions.clock.sweep import advance_due
from actions.writing.due_work import claim_due
from domain.attendance.fold import AttendanceStatus, CycleEnd, CycleStart, EventKind, Presence
from domain.attendance.state import AttendanceState
from domain.session import WorkKind
from gateways.livekit import LiveKit
from models import Session
from tests.conftest import Database
from tests.flows.attendance.test_reconciler import House, open_house
from tests.support import make
from tests.support.attendance_rows import as_text, visits
from tests.support.classrooms import START, at, away
from tests.support.livekit_events import Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.ticking import reaching

pytestmark = pytest.mark.usefixtures("database")

MINUTE = 60_000
EVERY_S = 5
SID = "PA_mine"


@pytest.fixture
async def house(stub: LiveKitStub, livekit: LiveKit) -> House:
    return await come(await open_house(stub, livekit))


async def come(house: House, sid: str = SID) -> House:
    """The student joins at the start, and LiveKit tells of it."""
    house.enter(house.classroom.student, START, sid)
    await send(house.room.joined(Stay(house.classroom.student, START, sid)), at(0, 1))
    return house


async def look(house: House, since_s: float, until_s: float, every_s: float = EVERY_S) -> None:
    while since_s <= until_s:
        await house.look(at(0, since_s))
        since_s += every_s


async def leaves(house: House, second: float, sid: str | None = SID) -> AttendanceState:
    viewer = make.viewer(house.classroom.student)
    return await report_leave(viewer, house.classroom.session.id, sid, at(0, second))


async def comes(house: House, second: float, sid: str | None = SID) -> AttendanceState:
    viewer = make.viewer(house.classroom.student)
    return await report_join(viewer, house.classroom.session.id, sid, at(0, second))


async def at_last(house: House) -> AttendanceState:
    await advance_due(at(65, 1))
    await finalise_attendance(house.classroom.session.id, at(65, 20))
    return await house.row()


@pytest.mark.parametrize("sid", [SID, None])
async def test_the_hour_between_a_reported_leave_and_the_return_does_not_count(
    house: House, sid: str | None
) -> None:
    await look(house, 10, 60)
    await leaves(house, 62, sid)
    house.leave(house.classroom.student)  # LiveKit's webhook of it is lost
    await look(house, 65, 80)
    assert (await house.row()).result.open_sids == ()
    await look(house, 140, 55 * 60, 60)
    back = await comes(house, 55 * 60 + 2, sid)
    assert back.result.closed_ms == MINUTE
    await look(house, 55 * 60 + 5, 58 * 60, 60)
    assert (await at_last(house)).result.closed_ms == MINUTE
    assert await house.lines() == [EventKind.NOT_SEEN]


async def test_endless_reports_do_not_hide_that_a_student_is_not_in_the_room(house: House) -> None:
    await look(house, 10, 60)
    house.leave(house.classroom.student)
    for second in range(61, 600, EVERY_S):
        await leaves(house, second)
        await comes(house, second + 1)
        await house.look(at(0, second + 4))
    assert (await at_last(house)).result.closed_ms == MINUTE


@pytest.mark.parametrize("sid", [SID, None])
async def test_a_leave_reported_from_inside_is_shown_only_until_livekit_is_asked(
    house: House, sid: str | None
) -> None:
    shown = []
    for second in range(60, 180, EVERY_S):
        shown.append((await leaves(house, second, sid)).result.presence)
        await house.look(at(0, second + 4))
        assert (await house.row()).result.presence is Presence.IN_MEETING
    assert shown == [Presence.LEFT, *[Presence.IN_MEETING] * 23]
    assert await house.lines() == [EventKind.SEEN]
    assert visits(await house.row(), START) == [(0, None, CycleStart.JOINED, None)]


async def test_a_page_that_is_back_shows_at_once_and_counts_from_the_next_look(
    house: House,
) -> None:
    await leaves(house, 62)
    back = await comes(house, 63)
    assert visits(back, START) == [
        (0, 62_000, CycleStart.JOINED, CycleEnd.CLIENT_REPORT),
        (63_000, None, CycleStart.CLIENT_REPORT, None),
    ]
    assert (back.result.presence, back.result.joined_since_ms) == (Presence.IN_MEETING, None)
    await house.look(at(0, 65))
    assert visits(await house.row(), START) == [(0, None, CycleStart.JOINED, None)]


async def test_a_stay_that_is_over_by_a_report_alone_is_expired_where_no_look_tells(
    house: House,
) -> None:
    await away(house.classroom, 10, 12)
    await leaves(house, 20 * 60)
    (claim,) = await claim_due(at(42), kinds=[WorkKind.EXPIRE_STAYS])
    await expire_stays(claim.subject, at(42))
    found = await house.row()
    assert visits(found, START) == [(0, 600_000, CycleStart.JOINED, CycleEnd.STALE)]
    assert found.result.open_sids == ()


async def test_a_reported_leave_costs_no_look_once_it_is_found_to_be_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(house, 10, 60)
    await leaves(house, 62)
    house.leave(house.classroom.student)
    await look(house, 65, 75)
    concluded = counting(monkeypatch)
    await look(house, 80, 120)
    assert concluded == []


async def test_the_end_of_the_session_settles_what_a_page_reported(house: House) -> None:
    await leaves(house, 62)
    await advance_due(at(65, 1))
    found = await house.row()
    assert (found.result.open_sids, found.result.closed_ms) == ((), 62_000)
    rows = await as_text()
    await recalculate_session(house.classroom.session.id, at(66))
    assert await as_text() == rows


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sessions that the reconciler locks from now on."""
    locked: list[int] = []

    async def reconcile(session: Session, *_: object) -> None:
        locked.append(session.id)

    monkeypatch.setattr("actions.attendance.people_inside.reconcile_session", reconcile)
    return locked


async def test_a_participant_of_another_academy_costs_no_lock(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = await make.student(await make.academy())
    house.enter(stranger, START, "PA_stranger")
    house.stub.enter(house.name, "2000000000_Nobody_x").sid = "PA_nobody"
    concluded = counting(monkeypatch)
    await look(house, 10, 60)
    assert concluded == []
    house.enter(house.classroom.students[1], START, "PA_late")
    await house.look(at(0, 65))
    assert concluded == [house.classroom.session.id]


async def test_a_participant_who_left_and_is_still_listed_costs_no_lock(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(house.room.left(Stay(house.classroom.student, START, SID), at(1)), at(1))
    concluded = counting(monkeypatch)
    await look(house, 120, 180)
    assert concluded == []


few = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STEPS = 14
# The page's reports before each look: joins and leaves, with the sid of its stay or without one.
SAYINGS = st.lists(
    st.lists(st.tuples(st.booleans(), st.sampled_from([SID, None, "PA_else"])), max_size=2),
    min_size=STEPS,
    max_size=STEPS,
)


async def lived(
    house: House, told: list[list[tuple[bool, str | None]]], inside: list[bool]
) -> AttendanceState:
    """The row after a look per step, with the student inside or not; no webhook tells it."""
    await come(house)
    is_in = True
    for step, (said, is_inside) in enumerate(zip(told, inside, strict=True)):
        second = 30.0 + step * EVERY_S
        for number, (is_join, sid) in enumerate(said, 1):
            viewer = make.viewer(house.classroom.student)
            report = report_join if is_join else report_leave
            await report(viewer, house.classroom.session.id, sid, at(0, second - 5 + number))
        if is_in and not is_inside:
            house.leave(house.classroom.student)
        if is_inside and not is_in:
            house.enter(house.classroom.student, START, SID)
        is_in = is_inside
        await house.look(at(0, second))
    house.stub.people[house.name].clear()
    await look(house, 30 + STEPS * EVERY_S, 60 + STEPS * EVERY_S)
    return await at_last(house)


@few
@given(told=SAYINGS, inside=st.lists(st.booleans(), min_size=STEPS, max_size=STEPS))
async def test_no_report_adds_more_than_a_looks_period(
    database: Database, told: list[list[tuple[bool, str | None]]], inside: list[bool]
) -> None:
    async with LiveKitStub() as stub, reaching(stub.url) as livekit:
        silent = await lived(await open_house(stub, livekit), [[]] * STEPS, inside)
        spoken = await lived(await open_house(stub, livekit), told, inside)
    assert spoken.result.closed_ms <= silent.result.closed_ms + EVERY_S * 1000
    assert spoken.result.join_count <= silent.result.join_count
    if silent.result.status is AttendanceStatus.ABSENT:
        assert spoken.result.status is AttendanceStatus.ABSENT
