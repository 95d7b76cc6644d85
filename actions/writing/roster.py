"""The roster of a session: its teacher, the expected students, and whoever else joined.

Students are expected: the one it is for, or the members of its group at its start. Who becomes a
member while the class runs has a row too, and is not expected. Others get a row when they join.
"""

from actions.writing.draft import Draft
from domain.access import UserRole
from domain.event import SessionEventKind
from models import (
    MeetingAttendance,
    MeetingAttendanceEvent,
    Session,
    SessionParticipant,
)
from models.reading.rosters import Part, read_students, state_of


async def fill(draft: Draft) -> None:
    """Bring the roster in step with the session's students, and append what changed of it.

    Each student has a row, which says whether they are expected. A student who left the group
    loses the row. Where something keeps it (see `_remove`), they are no longer expected, and it
    shows them the session no more until it is over.
    """
    session = draft.session
    students = await read_students(session, draft.now)
    rows = {row.user_id: row for row in await SessionParticipant.filter(session_id=session.id)}
    for user_id in sorted(students.keys() - rows.keys()):
        is_expected = students[user_id] is Part.EXPECTED
        row = await enrol(session, user_id, UserRole.STUDENT, is_expected=is_expected)
        draft.append_presence(state_of(row, None, is_final=session.finalised_at is not None))
    for row in rows.values():
        if row.role is not UserRole.STUDENT:
            continue
        part = students.get(row.user_id)
        if part is None and not row.is_removed:
            draft.concerned.add(row.user_id)
            if await _remove(draft, row):
                continue
        is_expected = row.is_expected if part is Part.AS_BEFORE else part is Part.EXPECTED
        before = row.is_expected, row.is_removed
        row.is_expected, row.is_removed = is_expected, part is None
        if before != (row.is_expected, row.is_removed):
            await row.save(update_fields=["is_expected", "is_removed"])
        if before[0] is not row.is_expected:
            await append_row(draft, row)


async def enrol(
    session: Session, user_id: int, role: UserRole, *, is_expected: bool, is_removed: bool = False
) -> SessionParticipant:
    """Add a row to the roster; the caller appends its event."""
    return await SessionParticipant.create(
        session_id=session.id,
        user_id=user_id,
        role=role,
        is_expected=is_expected,
        is_removed=is_removed,
    )


async def change_teacher(draft: Draft, former_id: int) -> None:
    """Replace the teacher's row after the session got another teacher."""
    session = draft.session
    both = SessionParticipant.filter(
        session_id=session.id, user_id__in=(former_id, session.teacher_id)
    )
    rows = {row.user_id: row for row in await both}
    if former_id in rows and not await _remove(draft, rows[former_id]):
        await _show(rows[former_id], is_removed=True)
    if session.teacher_id in rows:
        await _show(rows[session.teacher_id], is_removed=False)
    else:
        row = await enrol(session, session.teacher_id, UserRole.TEACHER, is_expected=False)
        draft.append_presence(state_of(row, None, is_final=False))


async def _show(row: SessionParticipant, *, is_removed: bool) -> None:
    """Take the session from its former teacher's sight, or give it back."""
    row.is_removed = is_removed
    await row.save(update_fields=["is_removed"])


async def _remove(draft: Draft, row: SessionParticipant) -> bool:
    """Delete the row of somebody who has no part any more; False if it has to stay.

    It stays if the log has a line of theirs, or they were added or barred by hand.
    """
    if row.is_added or row.barred_at is not None:
        return False
    if await MeetingAttendanceEvent.exists(session_id=row.session_id, user_id=row.user_id):
        return False
    await row.delete()
    gone = {"participant_id": row.id, "user_id": row.user_id}
    draft.append(SessionEventKind.PRESENCE_REMOVED, gone)
    return True


async def append_row(draft: Draft, row: SessionParticipant) -> None:
    """Append a row's whole state when the row changed but its attendance did not."""
    attendance = await MeetingAttendance.get_or_none(participant_id=row.id)
    is_final = draft.session.finalised_at is not None
    draft.append_presence(state_of(row, attendance, is_final=is_final))
