"""When the stays of a session are looked through for those that nobody confirms any more."""

from collections.abc import Collection
from datetime import timedelta

from actions.writing.draft import Draft
from actions.writing.due_work import PLAN
from domain.attendance.fold import Policy
from domain.attendance.state import AttendanceState
from domain.session import WorkKind
from models.database import sql

# One look through a session is enough, and the earlier is the one that counts; but work that is
# being done is asked for anew: it may have read the stays before this one opened.
WATCH = PLAN + "WHERE due_work.claimed_until IS NOT NULL"


async def watch(draft: Draft, opened: Collection[AttendanceState]) -> None:
    """Somebody's stay opened: look again when it would be stale."""
    if opened:
        session = draft.session
        due_at = draft.now + stale_after(draft)
        await sql.execute(
            WATCH, WorkKind.EXPIRE_STAYS.value, session.id, session.academy_id, due_at
        )


def stale_after(draft: Draft) -> timedelta:
    """As stamped on the session."""
    return timedelta(minutes=Policy(**draft.session.attendance_policy).stale_after_minutes)
