"""What a look at a room's people concludes about attendance: somebody is there, or is not."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from tortoise.expressions import Q

from actions.attendance.final_result import settle
from actions.attendance.folding import begin, catch_up, refold
from actions.attendance.lines import own_line, write_line
from actions.attendance.stale_stays import MAY_BE_IN, open_stays
from actions.writing.draft import Draft
from actions.writing.roster import enrol
from actions.writing.stream import writing
from domain.attendance.fold import EventKind, EventSource, stays_of
from domain.attendance.state import to_ms
from models import MeetingAttendanceEvent, Session, SessionParticipant, User
from models.reading.attendance_log import Lines, facts_of, line_of, read_lines

# LiveKit's list is late, and so may its webhook be: whoever has just been heard of is left alone.
QUIET = timedelta(seconds=5)

Place = tuple[int, str]


async def conclude(looked_at: Session, there: Mapping[Place, int], now: datetime) -> None:
    """Write SEEN for whom we did not know to be there, NOT_SEEN for whom two looks in a row missed.

    `there` is when each stay in the room began, in ms, by person and participant sid. What would
    change nothing is not written.
    """
    async with writing(looked_at.id, now) as draft:
        session = draft.session
        if not session.status.is_live or session.room_sid != looked_at.room_sid:
            return  # it is of another room by now
        people = await _people(session, there)
        rows = await _rows(session, people)
        lines = await read_lines(session.id, [*people, *(row.user_id for row in rows)])
        seen = await _see(draft, people, lines, there)
        missing = await _miss(draft, rows, lines, there)
        if seen or missing:
            states = await refold(draft, sorted(seen | missing))
            await catch_up(draft)
            begin(draft, [state for state in states if state.user_id in seen])
            settle(draft, states)


async def _people(session: Session, there: Mapping[Place, int]) -> dict[int, User]:
    """Those in the room who are of this academy."""
    found = await User.filter(id__in=sorted({user_id for user_id, _ in there}))
    ours = (session.academy_id, None)
    return {user.id: user for user in found if user.academy_id in ours}


async def _rows(session: Session, people: Mapping[int, User]) -> list[SessionParticipant]:
    """Those of the roster who are in the room, or were when we last heard."""
    inside = MAY_BE_IN | Q(missed__isnull=False)
    rows = SessionParticipant.filter(inside | Q(user_id__in=list(people)), session_id=session.id)
    return await rows.order_by("id")


async def _see(
    draft: Draft, people: Mapping[int, User], lines: Lines, there: Mapping[Place, int]
) -> set[int]:
    """Whose presence the look adds."""
    seen = set()
    for (user_id, sid), joined_ms in there.items():
        line = _line(draft, EventKind.SEEN, user_id, sid, joined_ms=joined_ms or None)
        known = user_id in people and _is_quiet(draft, lines, user_id)
        if known and _opens(draft, line, lines):
            await write_line(line)
            await _enrol(draft, people[user_id])
            seen.add(user_id)
    return seen


def _opens(draft: Draft, line: MeetingAttendanceEvent, lines: Lines) -> bool:
    """A stay that is open already is no news, and LiveKit's own leave stands."""
    facts = facts_of(draft.session, is_expected=False)
    told = lines[line.user_id] + lines[None]
    before, after = (stays_of(log, facts) for log in (told, [*told, line_of(line)]))
    was, is_ = ({stay.sid for stay in stays if stay.end is None} for stays in (before, after))
    return is_ > was


async def _miss(
    draft: Draft, rows: list[SessionParticipant], lines: Lines, there: Mapping[Place, int]
) -> set[int]:
    """Who was missed twice; who is missed for the first time is only noted."""
    missing = set()
    for row in rows:
        before, missed = row.missed or {}, {}
        for stay in open_stays(draft, row, lines):
            if (row.user_id, stay.sid) in there:
                continue
            if stay.sid in before and _is_quiet(draft, lines, row.user_id):
                await write_line(_gone(draft, row.user_id, stay.sid, before[stay.sid]))
                missing.add(row.user_id)
            else:  # from here on no look speaks for this stay
                missed[stay.sid] = before.get(stay.sid, stay.alive_ms)
        if missed != before:
            row.missed = missed or None
            await row.save(update_fields=["missed"])
    return missing


def _gone(draft: Draft, user_id: int, sid: str, alive_ms: int) -> MeetingAttendanceEvent:
    return _line(draft, EventKind.NOT_SEEN, user_id, sid, alive_ms=alive_ms)


def _line(
    draft: Draft, kind: EventKind, user_id: int, sid: str, **values: int | None
) -> MeetingAttendanceEvent:
    session = draft.session
    return own_line(
        draft,
        kind,
        EventSource.RECONCILER,
        user_id,
        participant_sid=sid,
        room_sid=session.room_sid,
        room_created_ms=session.room_created_ms,
        **values,
    )


def _is_quiet(draft: Draft, lines: Lines, user_id: int) -> bool:
    """Whatever their own page reports meanwhile, lest they report on and on."""
    told = [line.received_ms for line in lines[user_id] if not line.is_report]
    heard_ms = max(told, default=0)
    return heard_ms <= to_ms(draft.now - QUIET)


async def _enrol(draft: Draft, user: User) -> None:
    session = draft.session
    if not await SessionParticipant.exists(session_id=session.id, user_id=user.id):
        await enrol(session, user.id, user.role, is_expected=False)
