"""Records LiveKit's webhooks: a notice about one of our rooms becomes a line of the attendance log
and is folded at once; every other notice gets a receipt."""

from datetime import datetime

from actions.admittance.barring import keep_out
from actions.attendance.final_result import move_by_attendance
from actions.attendance.folding import advance_if_due, close_stays, refold, start_on_first_join
from actions.attendance.lines import insert_line, room_line
from actions.webhooks.receipts import keep_duplicate, keep_receipt
from actions.writing.draft import Draft
from actions.writing.meeting import delete_room_later
from actions.writing.moves import Because, move_to
from actions.writing.roster import enrol
from actions.writing.stream import writing
from domain.attendance.fold import FAR_MS, EventKind, EventSource
from domain.attendance.lines import LINE_KINDS, capped, happened_ms
from domain.attendance.state import AttendanceState, from_ms, to_ms
from domain.rooms import TRIAL_ROOM, is_person, user_number
from domain.status import SessionStatus, TransitionCause
from domain.webhook import WebhookOutcome
from gateways.livekit_webhooks import Notice
from models import MeetingAttendanceEvent, Session, SessionParticipant, User
from models.reading.attendance_log import is_folded, line_of

OF_ROOM = (EventKind.ROOM_STARTED, EventKind.ROOM_FINISHED)
LEAVING = (EventKind.LEFT, EventKind.CONNECTION_ABORTED)
OPENING = (EventKind.ROOM_STARTED, EventKind.JOINED)
UNREADABLE = "unreadable"


async def record_notice(notice: Notice, now: datetime) -> WebhookOutcome:
    """Store one webhook and everything that follows from it, in one transaction. Safe to repeat."""
    kind = LINE_KINDS.get(notice.event)
    if kind is None:
        return await keep_receipt(notice, WebhookOutcome.IGNORED, "not about attendance", now)
    session = await Session.get_or_none(room_name=notice.room_name)
    if session is None:
        if (notice.room_name or "").startswith(TRIAL_ROOM):
            return await keep_receipt(notice, WebhookOutcome.IGNORED, "a room of the doctor's", now)
        return await keep_receipt(notice, WebhookOutcome.POISON, "not a room of ours", now)
    user = None
    if kind not in OF_ROOM:
        if not is_person(notice.participant_kind, notice.identity or ""):
            return await keep_receipt(notice, WebhookOutcome.IGNORED, "not a person", now)
        number = user_number(notice.identity or "")
        user = await User.get_or_none(id=number) if number else None
        if user is None or user.academy_id not in (session.academy_id, None):
            return await keep_receipt(notice, WebhookOutcome.POISON, "nobody of this academy", now)
    async with writing(session.id, now) as draft:
        row = None
        if user is not None:
            row = await SessionParticipant.get_or_none(session_id=session.id, user_id=user.id)
        line = _line(draft, notice, kind, user, row)
        if not await insert_line(line):
            return await keep_duplicate(notice, now)
        concerns_all = await _note_room(draft, line)
        if user is not None and row is None:
            await _enrol(draft, line, user)
        concerned = None if user is None or concerns_all else [user.id]
        states = await refold(draft, concerned)
        states = await advance_if_due(draft) or states
        await _follow_up(draft, line, states)
    return WebhookOutcome.APPLIED


async def record_poison(receipt_id: str, reason: str, now: datetime) -> WebhookOutcome:
    """Keep a receipt of a signed body that cannot be read; nobody asks LiveKit for it again."""
    notice = Notice(id=receipt_id, event=UNREADABLE, created_ms=to_ms(now))
    return await keep_receipt(notice, WebhookOutcome.POISON, reason, now)


def _line(
    draft: Draft,
    notice: Notice,
    kind: EventKind,
    user: User | None,
    row: SessionParticipant | None,
) -> MeetingAttendanceEvent:
    alive_ms = None
    if kind is EventKind.ROOM_STARTED:
        alive_ms = _alive_before(draft.session, notice)
    elif kind is EventKind.JOINED and not (row and row.missed):
        # If it replaces a connection whose leave is lost, that one was last seen then.
        alive_ms = _seen_ms(draft.session, notice)
    return MeetingAttendanceEvent(
        session_id=draft.session.id,
        user_id=user.id if user else None,
        source_id=notice.id,
        kind=kind,
        source=EventSource.WEBHOOK,
        occurred_ms=notice.created_ms,
        received_ms=to_ms(draft.now),
        room_sid=notice.room_sid,
        room_created_ms=notice.room_created_ms,
        participant_sid=notice.participant_sid,
        joined_ms=notice.joined_ms,
        identity=notice.identity if user else None,
        # Every leave says DISCONNECTED; a join that says it comes after its own leave.
        is_disconnected=kind is EventKind.JOINED and notice.is_disconnected,
        disconnect_reason=notice.disconnect_reason if kind in LEAVING else None,
        alive_ms=alive_ms,
    )


def _seen_ms(session: Session, notice: Notice) -> int | None:
    """Return when the reconciler last found everybody in the notice's room."""
    is_same = notice.room_sid == session.room_sid
    return to_ms(session.room_seen_at) if is_same and session.room_seen_at else None


def _alive_before(session: Session, of: Notice | MeetingAttendanceEvent) -> int | None:
    """Find the last sign of life of the room before the one that is new here; None without one.

    A room that starts again under its sid, on a server that was killed, is new in this sense.
    """
    seen_at, created_ms = session.room_seen_at, of.room_created_ms
    if seen_at is None or of.room_sid is None:
        return None
    if session.room_created_ms is None or created_ms is None:
        return None
    return to_ms(seen_at) if created_ms >= session.room_created_ms else None


async def _note_room(draft: Draft, line: MeetingAttendanceEvent) -> bool:
    """Note from any webhook of a room that the room is, or was, there.

    Return True if everybody's attendance may change by it: a room is new, or it turns out that
    people could have joined.
    """
    session, room_sid, created_ms = draft.session, line.room_sid, line.room_created_ms
    if created_ms is not None and created_ms > line.received_ms + FAR_MS:
        created_ms = line.received_ms  # nonsense, or no room would ever be newer
    was_joinable, is_new_room = session.was_joinable, False
    alive_ms = _alive_before(session, line)
    is_told = line.kind is EventKind.ROOM_STARTED or room_sid == session.room_sid
    if room_sid is not None and created_ms is not None and not is_told:
        # The room's own ROOM_STARTED is late or lost. This one is received when the room was made,
        # not now: so it is the same in any order of the webhooks.
        received_ms = min(created_ms, line.received_ms)
        started = room_line(
            session.id, room_sid, created_ms, received_ms=received_ms, alive_ms=alive_ms
        )
        is_new_room = await insert_line(started)
    opened_at, due_at = session.opened_at, session.next_transition_at
    # Until a rescheduled session opens again, a line is about the room it had before.
    is_waiting = opened_at is None and (due_at is None or due_at > draft.now)
    is_former = False
    if session.room_sid is None and session.room_created_ms is not None:
        # That room counts again once it is found to be there, or joined after the session opened.
        is_joined = line.kind is EventKind.JOINED and opened_at and _is_after(line, opened_at)
        is_former = not is_joined and (created_ms or 0) <= session.room_created_ms
    ready_at = min(from_ms(created_ms), draft.now) if created_ms else draft.now
    is_first = session.room_first_ready_at is None or ready_at < session.room_first_ready_at
    if is_first and not is_waiting and not is_former:
        draft.change(room_first_ready_at=ready_at)
    if room_sid != session.room_sid and (created_ms or 0) > (session.room_created_ms or 0):
        draft.change(
            room_sid=room_sid,
            room_created_ms=created_ms,
            room_ready_at=draft.now,
            room_seen_at=None,
            room_error=None,
        )
    return is_new_room or session.was_joinable is not was_joinable


async def _enrol(draft: Draft, line: MeetingAttendanceEvent, user: User) -> None:
    """Put a parent or a visitor on the roster when they come to this session."""
    has_come = line.kind in (EventKind.JOINED, EventKind.LEFT) and not line.is_disconnected
    if not has_come or not is_folded(draft.session, line):
        return
    ended_at, told = draft.session.ended_at, capped(line_of(line))
    is_too_late = ended_at and (told.joined_ms or told.occurred_ms) >= to_ms(ended_at)
    if not is_too_late:
        await enrol(draft.session, user.id, user.role, is_expected=False)


async def _follow_up(
    draft: Draft, line: MeetingAttendanceEvent, states: list[AttendanceState]
) -> None:
    """Do what the line asks of the session: start it, complete it, or keep people out."""
    session = draft.session
    own = [state for state in states if state.user_id == line.user_id]
    await start_on_first_join(draft, own)
    # A room that finishes before the scheduled end, or while somebody keeps the session open, is
    # made again and completes nothing.
    may_end = session.status is SessionStatus.ONGOING and session.kept_open_until is None
    is_finish = line.kind is EventKind.ROOM_FINISHED and line.room_sid == session.room_sid
    if is_finish and may_end and _is_after(line, session.ends_at):
        move_to(draft, SessionStatus.COMPLETED, Because(TransitionCause.ROOM_FINISHED))
        await close_stays(draft)
    shut_at = session.ended_at or (session.put_back_at if session.opened_at is None else None)
    if shut_at and line.kind in OPENING and _is_after(line, shut_at):
        delete_room_later(draft)  # somebody came in with an old token and so made the room again
    if line.kind is EventKind.JOINED:
        # Expected people are many: the reconciler's next round checks them.
        suspects = [one.user_id for one in own if one.is_barred or not one.is_expected]
        await keep_out(draft, suspects)
    move_by_attendance(draft, states)


def _is_after(line: MeetingAttendanceEvent, moment: datetime) -> bool:
    return happened_ms(capped(line_of(line))) >= to_ms(moment)
