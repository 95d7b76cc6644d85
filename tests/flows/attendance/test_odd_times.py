"""A time that cannot be true takes no list and no stream with it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.attendance.state import to_ms
from domain.limits import INT_MAX, LAST_MS
from models import MeetingAttendanceEvent, Session, SessionParticipant
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support.asking import Asker, payload
from tests.support.attendance_rows import state, store
from tests.support.classrooms import START, Classroom, at, ready
from tests.support.livekit_events import Stay, send
from tests.support.streams import streaming

ROW = """user { id } presence joinedSince firstJoinedAt lastLeftAt lateBySeconds
  totalSeconds atLeastSeconds atMostSeconds percentage
  cycles { joinedAt leftAt durationSeconds } calculatedAt override { at }"""
ATTENDANCES = f"""{{ attendances(filter: {{}}) {{ nodes {{
  {ROW} events {{ nodes {{ occurredAt receivedAt }} }}
}} }} }}"""
PRESENCE = f"""subscription ($id: ID!) {{ sessionPresence(sessionId: $id) {{
  ... on PresenceSnapshot {{ attendances {{ {ROW} }} statistics {{ totalMeetingSeconds }} }}
  ... on PresenceChanges {{ changes {{ {ROW} }} statistics {{ totalMeetingSeconds }} }}
}} }}"""
FAR = datetime(2099, 12, 31, tzinfo=UTC)
NO_TIME_MS = 10**17  # no datetime goes so far


async def rows_of(asker: Asker, classroom: Classroom) -> dict[str, Any]:
    found = payload(await asker.ask(ATTENDANCES, classroom.teacher, now=at(5)))["nodes"]
    return {row["user"]["id"]: row for row in found}


@pytest.mark.parametrize("rule", [1, 2])
@pytest.mark.parametrize("since", [FAR, datetime(1970, 1, 1, 0, 1, tzinfo=UTC)])
async def test_a_join_of_another_century_is_one_odd_row(
    asker: Asker, since: datetime, rule: int
) -> None:
    classroom = await ready(2)
    await Session.filter(id=classroom.session.id).update(attendance_rule=rule)
    odd, plain = classroom.students
    told = Stay(odd, since).told()
    event = classroom.room.joined(classroom.stay(0, odd)) | {"participant": told}
    async with streaming(at(1)) as streams:
        ids = {"id": encode(Kind.SESSION, classroom.session.id)}
        async with streams.stream(PRESENCE, classroom.teacher, **ids) as stream:
            await stream.next()
            assert await send(event, START) == 200
            assert await send(classroom.room.joined(classroom.stay(0, plain)), START) == 200
            changed: set[str] = set()
            while len(changed) < 2:
                changed |= {row["user"]["id"] for row in (await stream.next()).get("changes", ())}
    rows = await rows_of(asker, classroom)
    assert rows[encode(Kind.USER, plain.id)]["totalSeconds"] == 300
    late = rows[encode(Kind.USER, odd.id)]["lateBySeconds"]
    assert late == (INT_MAX if (since, rule) == (FAR, 1) else 0)


@pytest.mark.parametrize("at_ms", [NO_TIME_MS, -NO_TIME_MS])
async def test_a_stored_time_beyond_the_calendar_is_shown_as_its_end(
    asker: Asker, at_ms: int
) -> None:
    classroom = await ready(2)
    odd = await SessionParticipant.get(session=classroom.session, user=classroom.student)
    cycle = {
        "joined_ms": at_ms,
        "left_ms": None,
        "opened_by": "JOINED",
        "closed_by": None,
        "confidence": "CONFIRMED",
    }
    override = {"status": "LATE", "note": "Late.", "by_id": odd.user_id, "at_ms": at_ms}
    times = dict.fromkeys(
        ("first_joined_ms", "last_left_ms", "arrived_ms", "joined_since_ms", "calculated_ms"),
        at_ms,
    )
    await store(odd, cycles=[cycle], override=override, closed_ms=NO_TIME_MS, **times)
    await MeetingAttendanceEvent.create(
        session_id=odd.session_id,
        user_id=odd.user_id,
        source_id=f"EV_{at_ms}",
        kind="JOINED",
        source="WEBHOOK",
        occurred_ms=at_ms,
        received_ms=at_ms,
    )
    rows = await rows_of(asker, classroom)
    assert len(rows) == 3
    shown = rows[encode(Kind.USER, classroom.student.id)]
    assert shown["totalSeconds"] == INT_MAX
    assert abs(shown["cycles"][0]["durationSeconds"]) in (0, INT_MAX)
    year = "9999-12-31T23:59:59.999Z" if at_ms > 0 else "0001-01-01T00:00:00.000Z"
    assert {shown["joinedSince"], shown["firstJoinedAt"], shown["calculatedAt"]} == {year}
    async with streaming(at(1)) as streams:
        ids = {"id": encode(Kind.SESSION, classroom.session.id)}
        async with streams.stream(PRESENCE, classroom.teacher, **ids) as stream:
            snapshot = await stream.next()
            assert snapshot["statistics"]["totalMeetingSeconds"] == INT_MAX
            await send(classroom.room.joined(classroom.stay(0, classroom.teacher)), START)
            assert (await stream.next())["statistics"]["totalMeetingSeconds"] == INT_MAX


async def test_the_present_rules_believe_no_time_ahead_of_its_arrival(database: Database) -> None:
    classroom = await ready(2)
    event = classroom.room.joined(classroom.stay(0)) | {
        "participant": Stay(classroom.student, FAR).told()
    }
    await send(event, at(2))
    found = await state(classroom.session.id, classroom.student)
    assert found.result.arrived_ms == to_ms(at(2)) < LAST_MS
