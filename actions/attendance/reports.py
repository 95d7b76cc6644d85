"""What a person's own page reports: they show at once, and count once LiveKit confirms it."""

from datetime import datetime, timedelta

from actions.attendance.final_result import settle
from actions.attendance.folding import catch_up, refold
from actions.attendance.lines import own_line, write_line
from actions.writing.draft import Draft
from actions.writing.roster import enrol
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.attendance.fold import (
    EventKind,
    EventSource,
    Line,
    Presence,
    Report,
    changes,
    open_reports,
)
from domain.attendance.reports import UNCONFIRMED_FOR_MS
from domain.attendance.state import AttendanceState, from_ms, to_ms
from domain.errors import InvalidInputError, NotInRoomError
from domain.session import WorkKind
from models import Session, SessionParticipant
from models.reading.attendance_log import facts_of, line_of, read_lines
from models.reading.joining import check_joining
from models.reading.rosters import read_states

STANDS_FOR = timedelta(milliseconds=UNCONFIRMED_FOR_MS)
LONGEST_SID = 64
# Of one person in one session: enough for a page that is loaded again and again.
MOST_REPORTS = 10
OFTEN_WITHIN = timedelta(minutes=10)


async def report_join(
    viewer: Viewer, session_id: int, sid: str | None, now: datetime
) -> AttendanceState:
    """The viewer's page is connected. While a stay of theirs is open it adds nothing, nor does it
    where they have reported too often of late.

    The refusals are those of joining, whatever is open, but for a room that is full: they are in
    it.
    """
    _check_sid(sid)
    await Session.fetch_for(viewer, session_id, Permit.SEE)
    async with writing(session_id, now) as draft:
        await catch_up(draft)
        row = await _row(viewer, session_id)
        await check_joining(viewer, draft.session, now, is_inside=True)
        row = row or await _enrol(draft, viewer)
        state = await _state(row)
        is_in = state.result.presence is Presence.IN_MEETING
        if not is_in and await _report(draft, row, EventKind.JOINED, sid):
            draft.plan(WorkKind.EXPIRE_REPORT, now + STANDS_FOR, row.id)
            state = await _state(row)
    return state


async def report_leave(
    viewer: Viewer, session_id: int, sid: str | None, now: datetime
) -> AttendanceState:
    """The viewer's page goes. NOT_IN_ROOM where they never came; who has left already, has.

    A leave of a stay that is not open, or that a look has refuted before, says nothing.
    """
    _check_sid(sid)
    await Session.fetch_for(viewer, session_id, Permit.SEE)
    async with writing(session_id, now) as draft:
        await catch_up(draft)
        row = await _row(viewer, session_id)
        state = await _state(row) if row else None
        if row is None or state is None or state.result.presence is Presence.NOT_JOINED:
            raise NotInRoomError("Not in this room.")
        is_in = state.result.presence is Presence.IN_MEETING
        if is_in and await _report(draft, row, EventKind.LEFT, sid):
            state = await _state(row)
    return state


async def expire_report(participant_id: int, now: datetime) -> None:
    """LiveKit has not confirmed what was reported: it is dropped. Safe to repeat."""
    row = await SessionParticipant.get_or_none(id=participant_id)
    if row is None:
        return
    async with writing(row.session_id, now) as draft:
        reports = await _open_reports(draft, row)
        due = [report for report in reports if report.expires_ms <= to_ms(now)]
        for report in due:
            await _expire(draft, row, report)
        if due:
            settle(draft, await refold(draft, [row.user_id]))
        if waiting := [report.expires_ms for report in reports if report not in due]:
            draft.plan(WorkKind.EXPIRE_REPORT, from_ms(min(waiting)), participant_id)


def _check_sid(sid: str | None) -> None:
    """What LiveKit calls a participant is short and plain."""
    if sid is None:
        return
    is_plain = sid.isascii() and sid.isprintable() and " " not in sid
    if not (is_plain and 0 < len(sid) <= LONGEST_SID):
        raise InvalidInputError("Not a participant sid of LiveKit's.", ("participantSid",))


async def _row(viewer: Viewer, session_id: int) -> SessionParticipant | None:
    return await SessionParticipant.get_or_none(session_id=session_id, user_id=viewer.user_id)


async def _state(row: SessionParticipant) -> AttendanceState:
    return (await read_states([row]))[0]


async def _enrol(draft: Draft, viewer: Viewer) -> SessionParticipant:
    return await enrol(draft.session, viewer.user_id, viewer.role, is_expected=False)


async def _report(draft: Draft, row: SessionParticipant, kind: EventKind, sid: str | None) -> bool:
    """Whether it was written: what would change nothing, or is one too many, is not."""
    line = own_line(draft, kind, EventSource.CLIENT, row.user_id, participant_sid=sid)
    log = await _log(draft, row)
    facts = facts_of(draft.session, is_expected=row.is_expected)
    if _is_too_often(log, draft.now) or not changes(log, line_of(line), facts):
        return False
    await write_line(line)
    await refold(draft, [row.user_id])
    return True


def _is_too_often(log: list[Line], now: datetime) -> bool:
    since_ms = to_ms(now - OFTEN_WITHIN)
    own = [line for line in log if line.source is EventSource.CLIENT]
    return sum(line.received_ms > since_ms for line in own) >= MOST_REPORTS


async def _log(draft: Draft, row: SessionParticipant) -> list[Line]:
    lines = await read_lines(draft.session.id, [row.user_id])
    return lines[row.user_id] + lines[None]


async def _open_reports(draft: Draft, row: SessionParticipant) -> list[Report]:
    facts = facts_of(draft.session, is_expected=row.is_expected)
    return open_reports(await _log(draft, row), facts)


async def _expire(draft: Draft, row: SessionParticipant, report: Report) -> None:
    line = own_line(
        draft,
        EventKind.EXPIRED,
        EventSource.CLOCK,
        row.user_id,
        participant_sid=report.sid,
        occurred_ms=report.expires_ms,
    )
    await write_line(line)
