"""The reconciler repairs what webhooks missed from LiveKit's list of people, without guesses."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from livekit.protocol import models as protocol

from actions.attendance.final_result import finalise_attendance
from actions.attendance.reconciliation import reconcile_session as really_reconcile
from actions.attendance.stale_stays import expire_stays
from actions.clock.sweep import advance_due
from actions.rooms.reconciler import reconcile_in_turn, reconcile_rooms
from actions.rooms.room import make_room
from actions.writing.leases import take_lease
from domain.attendance.fold import (
    Confidence,
    CycleEnd,
    CycleStart,
    EventKind,
    EventSource,
    Presence,
)
from domain.attendance.state import AttendanceState, to_ms
from domain.errors import LiveKitUnavailableError
from domain.rooms import participant_identity
from domain.session import WorkKind
from domain.status import SessionStatus
from gateways.livekit import LiveKit, Participant
from gateways.livekit import Room as LiveKitRoom
from models import (
    DoorClosure,
    DueWork,
    MeetingAttendance,
    MeetingAttendanceEvent,
    Session,
    SessionParticipant,
    User,
)
from tests.support import make
from tests.support.attendance_rows import state, states, stream, visits
from tests.support.classrooms import START, Classroom, at, away, ready
from tests.support.livekit_events import Room, send
from tests.support.livekit_stub import LiveKitStub, twirp_error

pytestmark = pytest.mark.usefixtures("database")

MINUTE = 60_000
ACTIVE, JOINING = protocol.ParticipantInfo.State.ACTIVE, protocol.ParticipantInfo.State.JOINING


@dataclass(frozen=True, slots=True)
class House:
    """A session whose room is there, and LiveKit as we reach it."""

    classroom: Classroom
    stub: LiveKitStub
    livekit: LiveKit
    room: Room

    @property
    def name(self) -> str:
        return str(self.classroom.session.room_name)

    def enter(self, user: User, at: datetime, sid: str, **changed: object) -> None:
        identity = participant_identity(user.id, user.first_name, user.last_name)
        person = self.stub.enter(self.name, identity)
        person.sid, person.joined_at_ms = sid, to_ms(at)
        for name, value in changed.items():
            setattr(person, name, value)

    def leave(self, user: User) -> None:
        identity = participant_identity(user.id, user.first_name, user.last_name)
        del self.stub.people[self.name][identity]

    async def look(self, *moments: datetime) -> None:
        for now in moments:
            await reconcile_rooms(self.livekit, now)

    async def row(self, user: User | None = None) -> AttendanceState:
        return await state(self.classroom.session.id, user or self.classroom.student)

    async def lines(self) -> list[EventKind]:
        found = MeetingAttendanceEvent.filter(source=EventSource.RECONCILER, user_id__isnull=False)
        return [line.kind for line in await found.order_by("id")]

    async def version(self) -> int:
        return (await self.classroom.now()).version


@pytest.fixture
async def house(stub: LiveKitStub, livekit: LiveKit) -> House:
    return await open_house(stub, livekit)


async def open_house(stub: LiveKitStub, livekit: LiveKit, students: int = 2) -> House:
    classroom = await ready(students)
    stub.rooms[str(classroom.session.room_name)] = protocol.Room(
        sid=f"RM_{classroom.session.id}",
        name=classroom.session.room_name,
        creation_time_ms=to_ms(at(-9)),
    )
    await make_room(livekit, classroom.session.id, at(-9))
    room = Room(classroom.session, at(-9), f"RM_{classroom.session.id}")
    return House(classroom, stub, livekit, room)


async def test_a_lost_join_is_found(house: House) -> None:
    student = house.classroom.student
    house.enter(student, at(-1), "PA_1")
    await house.look(at(0, 2))
    found = await house.row()
    assert visits(found, START) == [(-MINUTE, None, CycleStart.RECONCILED, None)]
    assert found.result.presence is Presence.IN_MEETING
    assert found.result.confidence is Confidence.RECONCILED
    assert (await house.classroom.now()).status is SessionStatus.ONGOING


async def test_a_session_starts_with_whoever_is_found_in_it(house: House) -> None:
    house.enter(house.classroom.teacher, at(-5), "PA_1")
    await house.look(at(-4))
    session = await house.classroom.now()
    assert (session.status, session.started_at) == (SessionStatus.ONGOING, at(-4))
    causes = [event.payload.get("cause") for event in await stream(session.id)]
    assert causes[-1] == "FIRST_JOIN"


async def test_looks_that_change_nothing_only_stamp(house: House) -> None:
    stay = house.classroom.stay(0)
    house.enter(house.classroom.student, START, stay.sid)
    await send(house.room.joined(stay), START)
    version = await house.version()
    await house.look(*(at(0, 5 * number) for number in range(1, 13)))
    assert await house.lines() == []
    assert await house.version() == version
    assert (await house.classroom.now()).room_seen_at == at(1)


async def test_a_found_stay_is_written_once_and_the_late_webhook_takes_it_over(
    house: House,
) -> None:
    stay = house.classroom.stay(0)
    house.enter(house.classroom.student, START, stay.sid)
    await house.look(*(at(0, 5 * number) for number in range(1, 6)))
    assert await house.lines() == [EventKind.SEEN]
    await send(house.room.joined(stay), at(0, 40))
    found = await house.row()
    assert visits(found, START) == [(0, None, CycleStart.JOINED, None)]
    assert found.result.confidence is Confidence.CONFIRMED


async def test_a_lost_leave_is_found_by_the_second_look_and_is_when_they_were_last_seen(
    house: House,
) -> None:
    stay = house.classroom.stay(0)
    house.enter(house.classroom.student, START, stay.sid)
    await send(house.room.joined(stay), START)
    await house.look(at(0, 10), at(0, 15))
    house.leave(house.classroom.student)
    await house.look(at(0, 20))
    assert (await house.row()).result.presence is Presence.IN_MEETING
    await house.look(at(0, 25))
    found = await house.row()
    assert visits(found, START) == [(0, 15_000, CycleStart.JOINED, CycleEnd.RECONCILED)]
    assert found.result.presence is Presence.LEFT
    assert found.result.confidence is Confidence.RECONCILED
    await house.look(at(0, 30), at(0, 35))
    assert await house.lines() == [EventKind.NOT_SEEN]


async def test_being_missed_once_does_not_end_a_stay(house: House) -> None:
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    await house.look(at(0, 10))
    house.enter(house.classroom.student, START, stay.sid)
    await house.look(at(0, 15))
    house.leave(house.classroom.student)
    await house.look(at(0, 20))
    assert await house.lines() == []
    assert (await house.row()).result.presence is Presence.IN_MEETING


async def test_a_person_who_has_just_joined_or_left_is_not_corrected(house: House) -> None:
    """LiveKit's list lags behind its webhooks."""
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    await house.look(at(0, 1), at(0, 2), at(0, 4))
    assert (await house.row()).result.presence is Presence.IN_MEETING
    await send(house.room.left(stay, at(5)), at(5))
    house.enter(house.classroom.student, START, stay.sid)
    await house.look(at(5, 2), at(5, 7), at(5, 12))
    assert (await house.row()).result.presence is Presence.LEFT
    assert await house.lines() == []  # LiveKit's own leave stands


async def test_a_person_missing_since_their_join_gets_no_time(
    house: House,
) -> None:
    await send(house.room.joined(house.classroom.stay(0)), START)
    await house.look(at(0, 3), at(0, 8))
    found = await house.row()
    assert visits(found, START) == [(0, 0, CycleStart.JOINED, CycleEnd.RECONCILED)]


async def test_a_person_who_is_seen_again_has_never_left(house: House) -> None:
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    await house.look(at(0, 10), at(0, 15))
    assert (await house.row()).result.presence is Presence.LEFT
    house.enter(house.classroom.student, START, stay.sid)
    await house.look(at(0, 21))
    assert visits(await house.row(), START) == [(0, None, CycleStart.JOINED, None)]
    house.leave(house.classroom.student)
    await house.look(at(0, 30), at(0, 35))
    assert await house.lines() == [EventKind.NOT_SEEN, EventKind.SEEN, EventKind.NOT_SEEN]
    assert (await house.row()).result.presence is Presence.LEFT


async def test_livekits_late_leave_replaces_what_was_concluded(house: House) -> None:
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    await house.look(at(0, 10), at(0, 15))
    await send(house.room.left(stay, at(0, 12)), at(0, 12.3))
    assert visits(await house.row(), START) == [(0, 12_300, CycleStart.JOINED, CycleEnd.LEFT)]


async def test_a_new_connection_of_the_same_person_does_not_keep_the_old_one(house: House) -> None:
    old = house.classroom.stay(0)
    await send(house.room.joined(old), START)
    house.enter(house.classroom.student, START, old.sid)
    await house.look(at(0, 10))
    house.leave(house.classroom.student)
    house.enter(house.classroom.student, at(0, 12), "PA_new")
    await house.look(*(at(0, 15 + 6 * number) for number in range(5)))
    # LiveKit admits an identity once: to see the new connection is to know the old one over.
    assert await house.lines() == [EventKind.SEEN]
    found = await house.row()
    assert (found.result.presence, found.result.open_sids) == (Presence.IN_MEETING, ("PA_new",))


async def test_only_people_who_are_in_count(house: House) -> None:
    student, classmate = house.classroom.students
    kinds = protocol.ParticipantInfo.Kind
    house.enter(student, START, "PA_1", state=JOINING)
    house.enter(classmate, START, "PA_2", kind=kinds.AGENT)
    house.stub.enter(house.name, "EG_recorder")
    stranger = await make.student(await make.academy())
    house.enter(stranger, START, "PA_3")
    await house.look(at(0, 10), at(0, 15))
    assert await house.lines() == []
    house.enter(classmate, START, "PA_4", kind=kinds.SIP)
    await house.look(at(0, 20))
    assert (await house.row(classmate)).result.presence is Presence.IN_MEETING


async def test_a_visitor_gets_a_row(house: House) -> None:
    visitor = await make.parent(await house.classroom.session.academy, house.classroom.student)
    house.enter(visitor, START, "PA_1")
    await house.look(at(0, 10))
    found = await house.row(visitor)
    assert (found.is_expected, found.result.presence) == (False, Presence.IN_MEETING)


def failing(kind: str) -> web.Response:
    return {
        "503": twirp_error("unavailable", "no response from servers", 503),
        "401": web.Response(status=401, text="invalid token"),
        "500": web.Response(status=500, text="oops"),
    }[kind]


@pytest.mark.parametrize("kind", ["503", "401", "500"])
async def test_a_room_that_gives_no_answer_tells_nothing_of_its_people(
    house: House, kind: str
) -> None:
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    other = await open_house(house.stub, house.livekit)
    other.enter(other.classroom.student, START, "PA_9")
    house.stub.silent[house.name] = failing(kind)
    await house.look(*(at(0, 5 * number) for number in range(2, 8)))
    assert (await house.row()).result.presence is Presence.IN_MEETING
    assert (await house.classroom.now()).room_seen_at is None
    assert (await other.row()).result.presence is Presence.IN_MEETING
    del house.stub.silent[house.name]
    await house.look(at(1), at(1, 5))
    assert (await house.row()).result.presence is Presence.LEFT


async def test_a_livekit_that_does_not_answer_tells_nothing(house: House) -> None:
    await send(house.room.joined(house.classroom.stay(0)), START)
    await house.stub.go_down()
    for seconds in (10, 15, 20):
        with pytest.raises(LiveKitUnavailableError):
            await house.look(at(0, seconds))
    assert (await house.row()).result.presence is Presence.IN_MEETING


async def test_a_room_that_is_made_again_ends_nobody_by_being_empty(house: House) -> None:
    """Its people come back by themselves; the new room itself tells that they were cut off."""
    await send(house.room.joined(house.classroom.stay(0)), START)
    house.enter(house.classroom.student, START, "PA_1")
    del house.stub.rooms[house.name]
    await house.look(at(0, 10))
    assert await house.lines() == []


async def test_one_session_in_trouble_keeps_no_other_from_being_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await open_house(house.stub, house.livekit)
    for one in (house, other):
        one.enter(one.classroom.student, START, "PA_1")

    async def reconcile(session: Session, *given: Any) -> None:
        if session.id == house.classroom.session.id:
            raise RuntimeError("in trouble")
        await really_reconcile(session, *given)

    monkeypatch.setattr("actions.attendance.people_inside.reconcile_session", reconcile)
    await house.look(at(0, 10))
    assert (await other.row()).result.presence is Presence.IN_MEETING
    assert (await house.classroom.now()).room_seen_at is None


async def test_a_barred_person_found_in_the_room_is_removed_every_time(house: House) -> None:
    student = house.classroom.student
    row = SessionParticipant.filter(session_id=house.classroom.session.id, user_id=student.id)
    await row.update(barred_at=START)
    house.enter(student, START, "PA_1")
    await house.look(at(0, 10))
    removal = await DueWork.get(kind=WorkKind.REMOVE_PERSON)
    assert removal.subject == (await row.get()).id
    await DueWork.filter(kind=WorkKind.REMOVE_PERSON).delete()
    await house.look(at(0, 15))
    assert await DueWork.filter(kind=WorkKind.REMOVE_PERSON, due_at=at(0, 15)).exists()


class SlowLiveKit(LiveKit):
    """Answers who is in a room as `real` does, and only after `meanwhile`."""

    def __init__(self, real: LiveKit, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._real, self._meanwhile = real, meanwhile

    async def list_rooms(self, *, timeout_s: float = 5.0) -> dict[str, LiveKitRoom]:
        return await self._real.list_rooms()

    async def list_participants(self, room: str, *, timeout_s: float = 5.0) -> list[Participant]:
        answer = await self._real.list_participants(room)
        await self._meanwhile()
        return answer


async def test_a_leave_that_came_while_livekit_was_asked_stands(house: House) -> None:
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    house.enter(house.classroom.student, START, stay.sid)

    async def meanwhile() -> None:
        await send(house.room.left(stay, at(1)), at(1))

    await reconcile_rooms(SlowLiveKit(house.livekit, meanwhile), at(1))
    await house.look(at(1, 10))
    assert (await house.row()).result.presence is Presence.LEFT
    assert await house.lines() == []


async def test_a_look_at_a_class_that_ended_meanwhile_vouches_for_nobody(house: House) -> None:
    """It misses somebody whose leave was lost while we were away, too late to conclude anything."""
    await send(house.room.joined(house.classroom.stay(0)), START)
    await DoorClosure.create(shut_from=at(20), shut_until=at(66))

    async def meanwhile() -> None:
        await advance_due(at(66))

    await reconcile_rooms(SlowLiveKit(house.livekit, meanwhile), at(66))
    session = await house.classroom.now()
    assert (session.status, session.room_seen_at) == (SessionStatus.COMPLETED, None)
    await finalise_attendance(session.id, at(67))
    result = (await house.row()).result
    assert (result.closed_ms, result.needs_review) == (20 * MINUTE, True)
    assert result.bounds is not None
    assert result.bounds.at_most_ms == 60 * MINUTE


async def test_all_rooms_are_asked_ten_at_a_time(stub: LiveKitStub, livekit: LiveKit) -> None:
    houses = [await open_house(stub, livekit, students=1) for _ in range(12)]
    for one in houses:
        one.enter(one.classroom.student, START, f"PA_{one.classroom.session.id}")
    before, stub.slow_s = len(stub.calls), 0.02
    await reconcile_rooms(livekit, at(0, 10))
    asked = stub.calls[before:]
    assert (asked.count("ListRooms"), asked.count("ListParticipants")) == (1, 12)
    assert stub.most_at_once == 10
    for one in houses:
        assert (await one.row()).result.presence is Presence.IN_MEETING


async def test_no_session_is_compared_with_every_other(
    stub: LiveKitStub, livekit: LiveKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        await open_house(stub, livekit, students=1)
    compared: list[object] = []

    def equals(one: Session, other: object) -> bool:
        compared.append(other)
        return one is other

    monkeypatch.setattr(Session, "__eq__", equals)
    await reconcile_rooms(livekit, at(0, 10))
    assert compared == []


async def test_one_process_at_a_time_looks(house: House) -> None:
    asked = [await reconcile_in_turn(house.livekit, at(0, seconds)) for seconds in (0, 1, 4.9)]
    assert asked == [0, None, None]
    assert await reconcile_in_turn(house.livekit, at(0, 5)) == 0


async def test_only_one_of_many_claimants_gets_the_lease(house: House) -> None:
    for second in (0, 5):
        now = at(0, second)
        took = await asyncio.gather(
            *(take_lease("reconciler", now, timedelta(seconds=5)) for _ in range(8))
        )
        assert took.count(True) == 1


async def test_a_look_that_fails_is_soon_anybodys_turn(house: House) -> None:
    await house.stub.go_down()
    with pytest.raises(LiveKitUnavailableError):
        await reconcile_in_turn(house.livekit, START)
    await house.stub.come_up()
    assert await reconcile_in_turn(house.livekit, at(0, 1)) == 0


async def test_the_rows_are_told_in_one_stream_without_gaps(house: House) -> None:
    for number, student in enumerate(house.classroom.students):
        house.enter(student, START, f"PA_{number}")
    await house.look(at(0, 10))
    for student in house.classroom.students:
        house.leave(student)
    await house.look(at(0, 20), at(0, 25))
    rows = await states(house.classroom.session.id)
    assert [rows[one.id].result.presence for one in house.classroom.students] == [Presence.LEFT] * 2
    assert await house.version() == len(await stream(house.classroom.session.id))


async def test_a_look_after_we_were_away_confirms_the_stay(house: House) -> None:
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    house.enter(house.classroom.student, START, stay.sid)
    await away(house.classroom, 10, 12)
    assert (await house.row()).result.bounds is not None
    await house.look(at(12, 10))
    assert (await house.row()).result.bounds is None
    await expire_stays(house.classroom.session.id, at(42))
    assert (await house.row()).result.presence is Presence.IN_MEETING


async def test_open_stays_that_an_older_version_did_not_store_are_worked_out(house: House) -> None:
    """The migration to an earlier release left `open_sids` empty for people who were inside."""
    stay = house.classroom.stay(0)
    await send(house.room.joined(stay), START)
    await MeetingAttendance.filter(session_id=house.classroom.session.id).update(open_sids=None)
    house.enter(house.classroom.student, START, stay.sid)
    await house.look(at(1))
    assert (await house.row()).result.open_sids == (stay.sid,)
    house.leave(house.classroom.student)
    await house.look(at(2), at(2, 6))
    assert (await house.row()).result.presence is Presence.LEFT
