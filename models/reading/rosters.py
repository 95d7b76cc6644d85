"""Rosters: the participants of sessions, each with its attendance as one state."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Any

from tortoise.expressions import F

from domain.access import UserRole
from domain.attendance.fold import Result
from domain.attendance.state import AttendanceState
from models.attendance import MeetingAttendance
from models.attendance_json import result_from_json
from models.group import Membership
from models.participant import SessionParticipant
from models.session import Session
from models.user import User


def state_of(
    row: SessionParticipant, attendance: MeetingAttendance | None, *, is_final: bool
) -> AttendanceState:
    """Make the state of one participant; without an attendance row nothing has happened yet."""
    result = Result()
    if attendance is not None:
        result = result_from_json({name: getattr(attendance, name) for name in Result.__slots__})
    return AttendanceState(
        participant_id=row.id,
        session_id=row.session_id,
        user_id=row.user_id,
        role=row.role,
        is_expected=row.is_expected,
        is_barred=row.barred_at is not None,
        is_final=is_final,
        calculated_ms=attendance.calculated_ms if attendance else None,
        result=result,
    )


async def read_states(rows: Iterable[SessionParticipant]) -> list[AttendanceState]:
    """Read the states of some rows of any sessions, in the order of the rows.

    One statement reads the results and whether they are final, so a result that is stored at the
    same time is seen as a whole or not at all. A participant without a result is not final.
    """
    rows = list(rows)
    found = MeetingAttendance.filter(participant_id__in=[row.id for row in rows])
    attendances: dict[int, Any] = {
        row.participant_id: row
        for row in await found.annotate(finalised_at=F("session__finalised_at"))
    }
    states = []
    for row in rows:
        attendance = attendances.get(row.id)
        is_final = attendance is not None and attendance.finalised_at is not None
        states.append(state_of(row, attendance, is_final=is_final))
    return states


async def read_rosters(session_ids: Iterable[int]) -> dict[int, list[AttendanceState]]:
    """Read whole rosters by session, in the order in which people were added."""
    rows = await SessionParticipant.filter(session_id__in=list(session_ids)).order_by("id")
    grouped: dict[int, list[AttendanceState]] = defaultdict(list)
    for state in await read_states(rows):
        grouped[state.session_id].append(state)
    return grouped


class Part(IntEnum):
    """The part that a student has in a session. A person with two memberships has the first one.

    EXPECTED: their attendance counts. MAY_COME: a newcomer, who is not expected. AS_BEFORE: one
    who may be a newcomer, or a member again after somebody took the membership away. Their row
    tells: one that was expected stays so; without a row they are a newcomer.
    """

    EXPECTED = 1
    AS_BEFORE = 2
    MAY_COME = 3


async def read_students(session: Session, now: datetime) -> dict[int, Part]:
    """Read the students of a session by id: the one it is for, or the members of its group; nobody
    who has another role by now."""
    if session.student_id is not None:
        student = User.filter(id=session.student_id, role=UserRole.STUDENT)
        return {row.id: Part.EXPECTED for row in await student.only("id")}
    of_group = Membership.filter(group_id=session.group_id, user__role=UserRole.STUDENT)
    students: dict[int, Part] = {}
    for one in await of_group.filter(withdrawn_at=None):
        if one.term.expects(session.occasion):
            part = Part.EXPECTED
        elif one.term.is_newcomers(session.occasion, now):
            part = Part.AS_BEFORE if one.active_from is None else Part.MAY_COME
        else:
            continue
        students[one.user_id] = min(part, students.get(one.user_id, part))
    return students
