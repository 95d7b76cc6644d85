"""What LiveKit tells: an event of one of our rooms becomes a line of that session's attendance
log and is folded at once; of every other event a receipt is kept."""

from datetime import datetime

from actions.admittance.barring import keep_out
from actions.attendance.final_result import settle
from actions.attendance.folding import begin, catch_up, close_stays, refold
from actions.attendance.lines import insert_line, room_line
from actions.webhooks.receipts import keep, keep_again
from actions.writing.draft import Draft
from actions.writing.meeting import plan_deletion
from actions.writing.moves import Because, move_to
from actions.writing.roster import enrol
from actions.writing.stream import writing
from domain.attendance.fold import EventKind, EventSource
from domain.attendance.lines import LINE_KINDS, happened_ms
from domain.attendance.state import AttendanceState, from_ms, to_ms
from domain.rooms import TRIAL_ROOM, user_number
from domain.status import SessionStatus, TransitionCause
from domain.webhook import WebhookOutcome
from gateways.livekit import PEOPLE
from gateways.livekit_webhooks import Notice
from models import MeetingAttendanceEvent, Session, SessionParticipant, User
from models.reading.attendance_log import is_folded, line_of

OF_ROOM = (EventKind.ROOM_STARTED, EventKind.ROOM_FINISHED)
LEAVING = (EventKind.LEFT, EventKind.CONNECTION_ABORTED)
OPENING = (EventKind.ROOM_STARTED, EventKind.JOINED)
UNREADABLE = "unreadable"


async def record_notice(notice: Notice, now: datetime) -> WebhookOutcome:
    """Store one webhook and what follows from it, in one transaction. Safe to repeat."""
    kind = LINE_KINDS.get(notice.event)
    if kind is None:
        return await keep(notice, WebhookOutcome.IGNORED, "not about attendance", now)
    session = await Session.get_or_none(room_name=notice.room_name)
    if session is None:
        return await _keep_stranger(notice, now)
    if kind in OF_ROOM:
        return await _record_line(session.id, notice, kind, None, now)
    if notice.participant_kind not in PEOPLE:
        return await keep(notice, WebhookOutcome.IGNORED, "not a person", now)
    user = await _person(session, notice.identity or "")
    if user is None:
        return await keep(notice, WebhookOutcome.POISON, "nobody of this academy", now)
    return await _record_line(session.id, notice, kind, user, now)


async def _keep_stranger(notice: Notice, now: datetime) -> WebhookOutcome:
    if (notice.room_name or "").startswith(TRIAL_ROOM):
        return await keep(notice, WebhookOutcome.IGNORED, "a room of the doctor's", now)
    return await keep(notice, WebhookOutcome.POISON, "not a room of ours", now)


async def _person(session: Session, identity: str) -> User | None:
    number = user_number(identity)
    user = await User.get_or_none(id=number) if number else None
    belongs = user is not None and user.academy_id in (session.academy_id, None)
    return user if belongs else None


async def record_poison(receipt_id: str, reason: str, now: datetime) -> WebhookOutcome:
    """A signed body that cannot be read: counted, and never asked for again."""
    notice = Notice(id=receipt_id, event=UNREADABLE, created_ms=to_ms(now))
    return await keep(notice, WebhookOutcome.POISON, reason, now)


async def _record_line(
    session_id: int, notice: Notice, kind: EventKind, user: User | None, now: datetime
) -> WebhookOutcome:
    async with writing(session_id, now) as draft:
        line = _line(draft, notice, kind, user)
        first_sight = _first_sight(draft.session, line)
        if not await insert_line(line):
            return await keep_again(notice, now)
        is_new_room = first_sight is not None and await insert_line(first_sight)
        is_new_fact = _see_room(draft, line)
        await _enrol(draft, line, user)
        concerned = None if user is None or is_new_room or is_new_fact else [user.id]
        states = await refold(draft, concerned)
        await catch_up(draft)
        await _follow(draft, line, states)
    return WebhookOutcome.APPLIED


def _line(
    draft: Draft, notice: Notice, kind: EventKind, user: User | None
) -> MeetingAttendanceEvent:
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
        # Every leave says so; of a join it says that its leave is already on the way.
        is_disconnected=kind is EventKind.JOINED and notice.is_disconnected,
        disconnect_reason=notice.disconnect_reason if kind in LEAVING else None,
    )


def _first_sight(session: Session, line: MeetingAttendanceEvent) -> MeetingAttendanceEvent | None:
    """The ROOM_STARTED of a room whose own is late or lost: any line of that room tells of it.

    A room that follows another carries the last sign of life of the one before.
    """
    room_sid, created_ms = line.room_sid, line.room_created_ms
    if room_sid is None or room_sid == session.room_sid or created_ms is None:
        return None
    alive_ms = to_ms(session.room_seen_at) if session.room_seen_at else None
    if session.room_created_ms is None or created_ms < session.room_created_ms:
        alive_ms = None
    if line.kind is EventKind.ROOM_STARTED:
        line.alive_ms = alive_ms
        return None
    # Not received when it was concluded: that is another time in another order of the same events.
    return room_line(session.id, room_sid, created_ms, received_ms=created_ms, alive_ms=alive_ms)


def _see_room(draft: Draft, line: MeetingAttendanceEvent) -> bool:
    """Any webhook of a room is LiveKit's word that the room is, or was, there.

    Whether that changes what is final: that nobody could have joined.
    """
    session = draft.session
    was_joinable = session.was_joinable
    _stamp_first_ready(draft, line)
    is_newer = (line.room_created_ms or 0) > (session.room_created_ms or 0)
    if line.room_sid != session.room_sid and is_newer:
        draft.change(
            room_sid=line.room_sid,
            room_created_ms=line.room_created_ms,
            room_ready_at=draft.now,
            room_seen_at=None,
            room_error=None,
        )
    return session.was_joinable is not was_joinable


def _stamp_first_ready(draft: Draft, line: MeetingAttendanceEvent) -> None:
    session = draft.session
    due_at = session.next_transition_at
    if session.opened_at is None and (due_at is None or due_at > draft.now):
        return  # rescheduled: what is told now is of the room that was, before it opens again
    if _is_forgotten(session, line):
        return
    ready_at = from_ms(line.room_created_ms) if line.room_created_ms else draft.now
    if session.room_first_ready_at is None or ready_at < session.room_first_ready_at:
        draft.change(room_first_ready_at=ready_at)


def _is_forgotten(session: Session, line: MeetingAttendanceEvent) -> bool:
    """Of a room from before the session was rescheduled. It counts again when it is found to be
    still there, or somebody comes into it after the session opened again."""
    forgotten_ms = session.room_created_ms
    if session.room_sid is not None or forgotten_ms is None:
        return False
    opened_at = session.opened_at
    is_in_use = line.kind is EventKind.JOINED and opened_at and _is_after(line, opened_at)
    return not is_in_use and (line.room_created_ms or 0) <= forgotten_ms


async def _enrol(draft: Draft, line: MeetingAttendanceEvent, user: User | None) -> None:
    """Parents and visitors get a row on joining."""
    came = line.kind in (EventKind.JOINED, EventKind.LEFT) and not line.is_disconnected
    if user is None or not came or not is_folded(draft.session, line):
        return
    ended_at = draft.session.ended_at
    if ended_at and (line.joined_ms or line.occurred_ms) >= to_ms(ended_at):
        return  # they did not come to this session any more
    if not await SessionParticipant.exists(session_id=line.session_id, user_id=user.id):
        await enrol(draft.session, user.id, user.role, is_expected=False)


async def _follow(
    draft: Draft, line: MeetingAttendanceEvent, states: list[AttendanceState]
) -> None:
    """What the line means for the session: begun by the first join, over when its room is."""
    session = draft.session
    begin(draft, [state for state in states if state.user_id == line.user_id])
    is_current = line.room_sid == session.room_sid
    if line.kind is EventKind.ROOM_FINISHED and is_current and _may_end(draft, line):
        move_to(draft, SessionStatus.COMPLETED, Because(TransitionCause.ROOM_FINISHED))
        await close_stays(draft)
    if session.ended_at and line.kind in OPENING and _is_after(line, session.ended_at):
        plan_deletion(draft)  # somebody's old token let them in again
    if line.kind is EventKind.JOINED:
        await keep_out(draft, _suspects(line, states))
    settle(draft, states)


def _suspects(line: MeetingAttendanceEvent, states: list[AttendanceState]) -> list[int]:
    """Whoever came and was not expected. Those who were are many: the next look asks of them."""
    came = [state for state in states if state.user_id == line.user_id]
    return [one.user_id for one in came if one.is_barred or not one.is_expected]


def _is_after(line: MeetingAttendanceEvent, moment: datetime) -> bool:
    return happened_ms(line_of(line)) >= to_ms(moment)


def _may_end(draft: Draft, line: MeetingAttendanceEvent) -> bool:
    """Before the scheduled end a finished room never completes a session, nor while somebody keeps
    it open: it is made again."""
    session = draft.session
    is_kept = session.kept_open_until is not None
    is_ongoing = session.status is SessionStatus.ONGOING
    return is_ongoing and not is_kept and _is_after(line, session.ends_at)
