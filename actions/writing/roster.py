"""Who is expected in a session: the assignee, or the members whose membership covers its start.

Students are expected; the teacher has a row, and who else comes gets one on joining."""

from collections.abc import Iterable

from actions.writing.draft import Draft
from domain.access import UserRole
from domain.attendance.state import AttendanceState
from domain.event import SessionEventKind
from models import (
    MeetingAttendance,
    MeetingAttendanceEvent,
    Session,
    SessionParticipant,
)
from models.reading.rosters import read_expected_ids, state_of


async def fill(draft: Draft) -> None:
    """Bring the roster in step with who is expected, and tell what changed of it."""
    session = draft.session
    expected = await read_expected_ids(session)
    rows = {row.user_id: row for row in await SessionParticipant.filter(session_id=session.id)}
    await _add(draft, [user_id for user_id in sorted(expected) if user_id not in rows])
    for row in rows.values():
        is_expected = row.user_id in expected
        if row.role is UserRole.STUDENT and row.is_expected != is_expected:
            await _expect(draft, row, is_expected)


async def _add(draft: Draft, user_ids: Iterable[int]) -> None:
    for user_id in user_ids:
        row = await enrol(draft.session, user_id, UserRole.STUDENT, is_expected=True)
        tell(draft, state_of(row, None, is_final=draft.session.finalised_at is not None))


async def enrol(
    session: Session, user_id: int, role: UserRole, *, is_expected: bool
) -> SessionParticipant:
    """A new row of the roster; telling of it is the caller's."""
    return await SessionParticipant.create(
        session_id=session.id, user_id=user_id, role=role, is_expected=is_expected
    )


async def change_teacher(draft: Draft, former_id: int) -> None:
    """The session has another teacher, so the roster has."""
    session = draft.session
    both = SessionParticipant.filter(
        session_id=session.id, user_id__in=(former_id, session.teacher_id)
    )
    rows = {row.user_id: row for row in await both}
    if former_id in rows:
        await _leave(draft, rows[former_id])
    if session.teacher_id not in rows:
        row = await enrol(session, session.teacher_id, UserRole.TEACHER, is_expected=False)
        tell(draft, state_of(row, None, is_final=False))


async def _leave(draft: Draft, row: SessionParticipant) -> bool:
    """Who has no part any more loses the row, unless it says something of them: the log has a
    line of theirs, or they were added or barred by hand. Whether it is gone."""
    has_lines = await MeetingAttendanceEvent.exists(session_id=row.session_id, user_id=row.user_id)
    if has_lines or row.is_added or row.barred_at is not None:
        return False
    await row.delete()
    gone = {"participant_id": row.id, "user_id": row.user_id}
    draft.append(SessionEventKind.PRESENCE_REMOVED, gone)
    return True


async def _expect(draft: Draft, row: SessionParticipant, is_expected: bool) -> None:
    """Who leaves the group loses the row where the log has no line of theirs."""
    if not is_expected:
        draft.concerned.add(row.user_id)
        if await _leave(draft, row):
            return
    row.is_expected = is_expected
    await row.save(update_fields=["is_expected"])
    await tell_row(draft, row)


async def tell_row(draft: Draft, row: SessionParticipant) -> None:
    """Tell the whole state of a row that changed by itself: its attendance is as it was."""
    attendance = await MeetingAttendance.get_or_none(participant_id=row.id)
    tell(draft, state_of(row, attendance, is_final=draft.session.finalised_at is not None))


def tell(draft: Draft, state: AttendanceState) -> None:
    draft.append(SessionEventKind.PRESENCE_CHANGED, state.to_dict())
