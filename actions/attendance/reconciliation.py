"""Reconciles one session's attendance with the people whom LiveKit lists in its room."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tortoise.expressions import Q

from actions.attendance.final_result import move_by_attendance
from actions.attendance.folding import advance_if_due, refold, start_on_first_join
from actions.attendance.lines import append_line, new_line
from actions.attendance.stale_stays import MAY_BE_IN, open_stays
from actions.writing.draft import Draft
from actions.writing.roster import enrol
from actions.writing.stream import writing
from domain.attendance.fold import EventKind, EventSource, Facts, Line, stays_of
from domain.attendance.state import to_ms
from gateways.livekit import Participant
from models import MeetingAttendanceEvent, Session, SessionParticipant, User
from models.reading.attendance_log import Lines, facts_of, line_of, read_lines

# LiveKit's list is late, and its webhook may be too: people we heard of so lately are left alone.
QUIET_FOR = timedelta(seconds=5)

Place = tuple[int, str]


async def reconcile_session(
    listed: Session,
    there: Mapping[Place, Participant],
    now: datetime,
    unknown: Iterable[int] = (),
) -> None:
    """Append SEEN for people we did not know to be there, NOT_SEEN for those missed twice in a row.

    `listed` is the session as it was when LiveKit was asked, `there` has its people by id and
    participant sid. A line that would change nothing is not appended. `unknown` are people whose
    open stays an older version did not store: they are folded again.
    """
    async with writing(listed.id, now) as draft:
        session = draft.session
        if not session.status.is_live or session.room_sid != listed.room_sid:
            return  # the list is of another room by now
        users = await User.filter(id__in=sorted({user_id for user_id, _ in there}))
        ours = (session.academy_id, None)
        people = {user.id: user for user in users if user.academy_id in ours}
        maybe_inside = MAY_BE_IN | Q(missed__isnull=False) | Q(user_id__in=list(people))
        found = SessionParticipant.filter(maybe_inside, session_id=session.id)
        rows = await found.order_by("id")
        lines = await read_lines(session.id, [*people, *(row.user_id for row in rows)])
        seen = await _add_seen(draft, people, lines, there)
        missing = await _add_missing(draft, rows, lines, there)
        if concerned := {*seen, *missing, *unknown}:
            states = await refold(draft, sorted(concerned))
            await advance_if_due(draft)
            await start_on_first_join(draft, [state for state in states if state.user_id in seen])
            move_by_attendance(draft, states)


async def _add_seen(
    draft: Draft, people: Mapping[int, User], lines: Lines, there: Mapping[Place, Participant]
) -> set[int]:
    """Append SEEN for the stays that it opens or makes sure, and return the people with a new line.

    It opens no stay that is open already, nor one whose leave LiveKit has told. It makes sure of
    one that has no sign of life since our door was shut.
    """
    session, seen = draft.session, set()
    facts = facts_of(session, is_expected=False)
    for (user_id, sid), one in there.items():
        if user_id not in people or not _is_quiet(draft, lines, user_id):
            continue
        told = {"joined_ms": one.joined_ms or None, "identity": one.identity}
        line = _line(draft, EventKind.SEEN, user_id, sid, **told)
        log = lines[user_id] + lines[None]
        if sid in _sure_sids([*log, line_of(line)], facts) - _sure_sids(log, facts):
            await append_line(line)
            if not await SessionParticipant.exists(session_id=session.id, user_id=user_id):
                await enrol(session, user_id, people[user_id].role, is_expected=False)
            seen.add(user_id)
    return seen


def _sure_sids(log: list[Line], facts: Facts) -> set[str]:
    """Find the open stays that nothing casts a doubt on."""
    stays = stays_of(log, facts)
    return {one.sid for one in stays if one.end is None and one.at_least_ms is None}


async def _add_missing(
    draft: Draft,
    rows: list[SessionParticipant],
    lines: Lines,
    there: Mapping[Place, Participant],
) -> set[int]:
    """Append NOT_SEEN for the stays missed twice in a row, and return the people with a new line.

    A stay that is missed for the first time is only noted.
    """
    missing = set()
    for row in rows:
        before, missed = row.missed or {}, {}
        for stay in open_stays(draft, row, lines):
            if (row.user_id, stay.sid) in there:
                continue
            if stay.sid in before and _is_quiet(draft, lines, row.user_id):
                alive_ms = before[stay.sid]
                line = _line(draft, EventKind.NOT_SEEN, row.user_id, stay.sid, alive_ms=alive_ms)
                await append_line(line)
                missing.add(row.user_id)
            else:  # from now on the reconciler gives this stay no sign of life
                missed[stay.sid] = before.get(stay.sid, stay.alive_ms)
        if missed != before:
            row.missed = missed or None
            await row.save(update_fields=["missed"])
    return missing


def _line(
    draft: Draft, kind: EventKind, user_id: int, sid: str, **values: int | str | None
) -> MeetingAttendanceEvent:
    session = draft.session
    return new_line(
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
    """Return True if no line about them arrived lately.

    Reports do not count: a page that reports again and again must not keep the reconciler off.
    """
    told = [line.received_ms for line in lines[user_id] if not line.is_report]
    return max(told, default=0) <= to_ms(draft.now - QUIET_FOR)
