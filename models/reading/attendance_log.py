"""The attendance log: its lines, and the facts about a session that a fold needs with them."""

import math
from collections import defaultdict

from tortoise.expressions import Q

from domain.attendance.fold import Facts, Line
from domain.attendance.state import Window, to_ms
from domain.status import SessionStatus
from models import MeetingAttendanceEvent, Session

Lines = dict[int | None, list[Line]]
_LINE_FIELDS = tuple(Line.__slots__)


async def read_lines(session_id: int, user_ids: list[int] | None) -> Lines:
    """Read the lines of these people, or of everybody, by person; None has those about the room."""
    log = MeetingAttendanceEvent.filter(session_id=session_id).order_by("id")
    if user_ids is not None:
        log = log.filter(Q(user_id__in=user_ids) | Q(user_id__isnull=True))
    grouped: Lines = defaultdict(list)
    for row in await log:
        grouped[row.user_id].append(line_of(row))
    return grouped


def line_of(row: MeetingAttendanceEvent) -> Line:
    """Convert a row of the log to the fold's line."""
    return Line(**{name: getattr(row, name) for name in _LINE_FIELDS})


def is_folded(session: Session, row: MeetingAttendanceEvent) -> bool:
    """Tell whether the line is near enough to its session to count; otherwise it is only kept."""
    return bool(facts_of(session, is_expected=False).log_of([line_of(row)]))


def facts_of(session: Session, *, is_expected: bool) -> Facts:
    """Collect what a fold needs besides the lines; `is_expected` is the participant's."""
    stays_from_ms = None
    if session.put_back_at is not None:
        stays_from_ms = to_ms(session.opened_at) if session.opened_at else math.inf
    return Facts(
        scheduled_ms=to_ms(session.scheduled_at),
        ends_ms=to_ms(session.ends_at),
        ended_ms=to_ms(session.ended_at) if session.ended_at else None,
        held_until_ms=to_ms(session.held_until) if session.held_until else None,
        stays_from_ms=stays_from_ms,
        is_cancelled=session.status is SessionStatus.CANCELLED,
        is_final=session.finalised_at is not None,
        is_expected=is_expected,
        was_joinable=session.was_joinable,
        policy=session.policy,
        rule=session.attendance_rule,
    )


def window_of(session: Session) -> Window:
    """Find the time of the session that counts; until it has ended, that of its schedule."""
    facts = facts_of(session, is_expected=False)
    is_held = facts.ended_ms is None or facts.held_ms > 0
    takes_place = is_held and not facts.is_cancelled
    return Window(facts.scheduled_ms, facts.counted_until_ms, takes_place)


def held_ms(session: Session) -> int | None:
    """Tell how long the session was held; None until it has ended and while it is cancelled."""
    if session.ended_at is None or session.status is SessionStatus.CANCELLED:
        return None
    return facts_of(session, is_expected=False).held_ms
