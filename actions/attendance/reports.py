"""What a person's own page reports: they show at once, and count once LiveKit confirms it."""

from datetime import datetime, timedelta

from actions.attendance.folding import catch_up, facts_of, lines_of, refold, settle
from actions.attendance.lines import own_line, write_line
from actions.roster import enrol
from actions.stream import Draft, writing
from domain.access import Permit, Viewer
from domain.attendance import EventKind, EventSource, Presence, Report, open_reports
from domain.errors import InvalidInputError, NotInRoomError
from domain.joining import join_refusal
from domain.presence import AttendanceState, from_ms, to_ms
from domain.reports import UNCONFIRMED_FOR_MS
from domain.session import WorkKind
from models import Session, SessionParticipant
from models.rosters import states_of
from models.standing import standings

STANDS_FOR = timedelta(milliseconds=UNCONFIRMED_FOR_MS)
LONGEST_SID = 64


async def report_join(
    viewer: Viewer, session_id: int, sid: str | None, now: datetime
) -> AttendanceState:
    """The viewer's page is connected. While a stay of theirs is open it adds nothing.

    The refusals are those of joining, but for a room that is full: they are in it.
    """
    _check_sid(sid)
    await Session.fetch_for(viewer, session_id, Permit.SEE)
    async with writing(session_id, now) as draft:
        await catch_up(draft)
        row = await _row(viewer, session_id)
        state = await _state(row)
        if state is None or state.presence is not Presence.IN_MEETING:
            await _check(viewer, draft)
            row = row or await _enrol(draft, viewer)
            state = await _report(draft, row, EventKind.JOINED, sid)
            draft.plan(WorkKind.EXPIRE_REPORT, now + STANDS_FOR, row.id)
    return state


async def report_leave(
    viewer: Viewer, session_id: int, sid: str | None, now: datetime
) -> AttendanceState:
    """The viewer's page goes. NOT_IN_ROOM where they never came; who has left already, has."""
    _check_sid(sid)
    await Session.fetch_for(viewer, session_id, Permit.SEE)
    async with writing(session_id, now) as draft:
        await catch_up(draft)
        row = await _row(viewer, session_id)
        state = await _state(row)
        if row is None or state is None or state.presence is Presence.NOT_JOINED:
            raise NotInRoomError("Not in this room.")
        if state.presence is Presence.IN_MEETING and await _is_open(draft, row, state, sid):
            state = await _report(draft, row, EventKind.LEFT, sid)
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


async def _state(row: SessionParticipant | None) -> AttendanceState | None:
    return (await states_of([row]))[0] if row else None


async def _check(viewer: Viewer, draft: Draft) -> None:
    session = draft.session
    standing = (await standings(viewer, [session], draft.now))[session.id]
    is_active = session.academy.is_active
    if refusal := join_refusal(session.status, standing, is_academy_active=is_active):
        raise refusal


async def _enrol(draft: Draft, viewer: Viewer) -> SessionParticipant:
    return await enrol(draft.session, viewer.user_id, viewer.role, is_expected=False)


async def _report(
    draft: Draft, row: SessionParticipant, kind: EventKind, sid: str | None
) -> AttendanceState:
    line = own_line(draft, kind, EventSource.CLIENT, row.user_id, participant_sid=sid)
    await write_line(line)
    (state,) = await refold(draft, [row.user_id])
    return state


async def _is_open(
    draft: Draft, row: SessionParticipant, state: AttendanceState, sid: str | None
) -> bool:
    """A leave of another stay than one that is open says nothing."""
    reported = [report.sid for report in await _open_reports(draft, row)]
    return sid is None or sid in (*state.open_sids, *reported)


async def _open_reports(draft: Draft, row: SessionParticipant) -> list[Report]:
    lines = await lines_of(draft.session.id, [row.user_id])
    facts = facts_of(draft.session, is_expected=row.is_expected)
    return open_reports(lines[row.user_id] + lines[None], facts)


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
