"""Reports of a person's own page: shown at once, counted once LiveKit confirms them."""

from datetime import datetime, timedelta

from actions.attendance.final_result import move_by_attendance
from actions.attendance.folding import advance_if_due, refold
from actions.attendance.lines import append_line, new_line
from actions.writing.draft import Draft
from actions.writing.roster import enrol
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.attendance.fold import (
    EventKind,
    EventSource,
    Line,
    Presence,
    open_reports,
    would_change,
)
from domain.attendance.reports import UNCONFIRMED_FOR_MS
from domain.attendance.state import AttendanceState, from_ms, to_ms
from domain.errors import InvalidInputError, NotInRoomError
from domain.session import WorkKind
from models import Session, SessionParticipant
from models.reading.attendance_log import facts_of, line_of, read_lines
from models.reading.joining import check_joining
from models.reading.rosters import read_states

EXPIRES_AFTER = timedelta(milliseconds=UNCONFIRMED_FOR_MS)
SID_MAX_CHARS = 64
# One person may report so often in one session: enough for a page that is loaded again and again.
REPORTS_MAX = 10
REPORTS_WITHIN = timedelta(minutes=10)


async def report_join(
    viewer: Viewer, session_id: int, sid: str | None, now: datetime
) -> AttendanceState:
    """Record that the viewer's page is connected.

    It adds nothing while a stay of theirs is open, nor after too many reports of late. The
    refusals are those of joining, but a full room refuses nobody: they are in it.
    """
    _check_sid(sid)
    await Session.fetch_for(viewer, session_id, Permit.SEE)
    async with writing(session_id, now) as draft:
        await advance_if_due(draft)
        row = await _row(viewer, session_id)
        await check_joining(viewer, draft.session, now, is_inside=True)
        if row is None:
            row = await enrol(draft.session, viewer.user_id, viewer.role, is_expected=False)
        state = await _state(row)
        is_in = state.result.presence is Presence.IN_MEETING
        if not is_in and await _report(draft, row, EventKind.JOINED, sid):
            draft.add_work(WorkKind.EXPIRE_REPORT, now + EXPIRES_AFTER, row.id)
            state = await _state(row)
    return state


async def report_leave(
    viewer: Viewer, session_id: int, sid: str | None, now: datetime
) -> AttendanceState:
    """Record that the viewer's page leaves; NOT_IN_ROOM where they never came. Safe to repeat.

    It says nothing about a stay that is not open, or that LiveKit has shown to go on after an
    earlier report.
    """
    _check_sid(sid)
    await Session.fetch_for(viewer, session_id, Permit.SEE)
    async with writing(session_id, now) as draft:
        await advance_if_due(draft)
        row = await _row(viewer, session_id)
        state = await _state(row) if row else None
        if row is None or state is None or state.result.presence is Presence.NOT_JOINED:
            raise NotInRoomError("Not in this room.")
        is_in = state.result.presence is Presence.IN_MEETING
        if is_in and await _report(draft, row, EventKind.LEFT, sid):
            state = await _state(row)
    return state


async def expire_report(participant_id: int, now: datetime) -> None:
    """Drop the reports that LiveKit has not confirmed in time. Safe to repeat."""
    row = await SessionParticipant.get_or_none(id=participant_id)
    if row is None:
        return
    async with writing(row.session_id, now) as draft:
        facts = facts_of(draft.session, is_expected=row.is_expected)
        reports = open_reports(await _log(draft, row), facts)
        due = [report for report in reports if report.expires_ms <= to_ms(now)]
        for report in due:
            line = new_line(
                draft,
                EventKind.EXPIRED,
                EventSource.CLOCK,
                row.user_id,
                participant_sid=report.sid,
                occurred_ms=report.expires_ms,
            )
            await append_line(line)
        if due:
            move_by_attendance(draft, await refold(draft, [row.user_id]))
        if waiting := [report.expires_ms for report in reports if report not in due]:
            draft.add_work(WorkKind.EXPIRE_REPORT, from_ms(min(waiting)), participant_id)


def _check_sid(sid: str | None) -> None:
    """Refuse what cannot be a participant sid: LiveKit's are short and plain."""
    if sid is None:
        return
    is_plain = sid.isascii() and sid.isprintable() and " " not in sid
    if not (is_plain and 0 < len(sid) <= SID_MAX_CHARS):
        raise InvalidInputError("Not a participant sid of LiveKit's.", ("participantSid",))


async def _row(viewer: Viewer, session_id: int) -> SessionParticipant | None:
    return await SessionParticipant.get_or_none(session_id=session_id, user_id=viewer.user_id)


async def _state(row: SessionParticipant) -> AttendanceState:
    return (await read_states([row]))[0]


async def _report(draft: Draft, row: SessionParticipant, kind: EventKind, sid: str | None) -> bool:
    """Append the report, unless it would change nothing or is one too many; True if appended."""
    line = new_line(draft, kind, EventSource.CLIENT, row.user_id, participant_sid=sid)
    log = await _log(draft, row)
    since_ms = to_ms(draft.now - REPORTS_WITHIN)
    own = [one for one in log if one.source is EventSource.CLIENT and one.received_ms > since_ms]
    facts = facts_of(draft.session, is_expected=row.is_expected)
    if len(own) >= REPORTS_MAX or not would_change(log, line_of(line), facts):
        return False
    await append_line(line)
    await refold(draft, [row.user_id])
    return True


async def _log(draft: Draft, row: SessionParticipant) -> list[Line]:
    lines = await read_lines(draft.session.id, [row.user_id])
    return lines[row.user_id] + lines[None]
