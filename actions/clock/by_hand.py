"""What an operator sets right by hand: what the clock would do, at once, and counted."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from actions.attendance.folding import advance_if_due
from actions.writing.meeting import ahead_at, make_ahead
from actions.writing.stream import writing
from domain.status import SessionStatus, due_moves
from models import Session
from models.reading.session_filter import ALL_SESSIONS, SessionFilter

logger = logging.getLogger("halaqa.operating")

FURTHEST_AHEAD = timedelta(hours=2)  # the longest that an academy may look ahead


@dataclass(slots=True)
class Done:
    """`lines` say of each session that was looked at what was, or would be, done."""

    checked: int = 0
    changed: int = 0
    failed: int = 0
    lines: list[tuple[int, str]] = field(default_factory=list)


Act = Callable[[Session], Awaitable[str | None]]


async def update_statuses(
    now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Done:
    """Every move that is due, also of sessions that are parked."""
    rows = await which.rows().filter(next_transition_at__lte=now).order_by("id")

    async def act(session: Session) -> str | None:
        async with writing(session.id, now) as draft:
            await advance_if_due(draft)
        status = draft.session.status
        return f"{session.status} to {status}" if status is not session.status else None

    return await _each(rows, act, _due(now), is_dry=is_dry)


def _due(now: datetime) -> Callable[[Session], str]:
    def said(session: Session) -> str:
        moves, _ = due_moves(session.timeline, now)
        return f"{session.status} to {moves[-1]}" if moves else "nothing"

    return said


async def create_scheduled(
    now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Done:
    """The meetings that are due ahead of time: of sessions that are SCHEDULED and near enough."""
    waiting = which.rows().filter(status=SessionStatus.SCHEDULED, meeting_id__isnull=True)
    near = waiting.filter(scheduled_at__lte=now + FURTHEST_AHEAD).order_by("id")
    rows = [row for row in await near.select_related("academy__video_settings")]

    async def act(session: Session) -> str | None:
        await make_ahead(session.id, now)
        return (await Session.get(id=session.id)).room_name

    due = [row for row in rows if ahead_at(row) <= now]
    return await _each(due, act, lambda _: "would be made", is_dry=is_dry)


async def _each(
    rows: list[Session], act: Act, said: Callable[[Session], str], *, is_dry: bool
) -> Done:
    done = Done()
    for row in rows:
        done.checked += 1
        told = said(row) if is_dry else await _try(row, act, done)
        done.lines.append((row.id, told))
    return done


async def _try(session: Session, act: Act, done: Done) -> str:
    try:
        told = await act(session)
    except Exception as error:
        logger.warning("not set right", exc_info=True, extra={"session": session.id})
        done.failed += 1
        return f"failed: {type(error).__name__}"
    done.changed += told is not None
    return told or "as it was"
