"""The state of the clock: does it run, and is anything late?"""

from datetime import datetime, timedelta
from typing import Any

from domain.system import ClockStatus
from models.database import sql
from models.database.fields import utc
from models.database.one_clock import database_now

FAILED_AFTER = 5  # attempts; from there on systemStatus counts the work as failed
STOPPED_AFTER = timedelta(seconds=6)
# A beat may lie this far in the future, as the times of machines differ. Beats from further ahead
# are ignored: they would hide that their clock has stopped. So a stop is seen within 10 seconds.
AHEAD = timedelta(seconds=3)
SESSION_LATE_AFTER = timedelta(seconds=5)
WORK_LATE_AFTER = timedelta(seconds=10)
LAST_BEAT = "SELECT MAX(beat_at) AS at FROM clock_heartbeats WHERE beat_at <= $1"
OVERDUE = """
SELECT COUNT(*) AS number, MIN(next_transition_at) AS oldest FROM sessions
WHERE next_transition_at < $1
"""
WORK = """
SELECT COUNT(CASE WHEN due_at < $1 THEN 1 END) AS overdue,
COUNT(CASE WHEN due_at < $1 AND attempts = 0 THEN 1 END) AS untried,
COUNT(CASE WHEN attempts >= $2 THEN 1 END) AS failed FROM due_work
"""


async def read_clock_status(now: datetime) -> ClockStatus:
    """Read the state from the rows alone, whichever process runs the clock."""
    theirs = await database_now()
    skew_ms = round((theirs - now) / timedelta(milliseconds=1)) if theirs else 0
    last_beat_at = _moment((await sql.query(LAST_BEAT, now + AHEAD))[0]["at"])
    sessions = (await sql.query(OVERDUE, now - SESSION_LATE_AFTER))[0]
    work = (await sql.query(WORK, now - WORK_LATE_AFTER, FAILED_AFTER))[0]
    oldest = _moment(sessions["oldest"])
    return ClockStatus(
        is_running=last_beat_at is not None and now - last_beat_at < STOPPED_AFTER,
        last_beat_at=last_beat_at,
        skew_ms=skew_ms,
        overdue_sessions=sessions["number"],
        oldest_overdue_seconds=int((now - oldest).total_seconds()) if oldest else 0,
        overdue_work=work["overdue"],
        untried_work=work["untried"],
        failed_work=work["failed"],
    )


def _moment(value: Any) -> datetime | None:
    return None if value is None else utc(value)
