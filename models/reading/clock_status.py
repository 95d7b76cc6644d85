"""Whether the clock runs, and whether anything is late: nobody has to guess."""

from datetime import datetime, timedelta
from typing import Any

from domain.system import ClockStatus
from models.database import sql
from models.database.connection import dialect
from models.database.fields import utc

FAILED_AFTER = 5  # attempts, from which on systemStatus counts it as failed
STOPPED_AFTER = timedelta(seconds=6)
# By how much a machine's time may be ahead. A beat from further on would say for as long that a
# clock runs; together with the above, one that stopped is still seen within 10 seconds.
AHEAD = timedelta(seconds=3)
LATE_SESSION = timedelta(seconds=5)
LATE_WORK = timedelta(seconds=10)
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
    """How the clock does, from the rows alone: whoever runs it."""
    skew_ms = await _skew_ms(now)
    last_beat_at = _moment((await sql.query(LAST_BEAT, now + AHEAD))[0]["at"])
    sessions = (await sql.query(OVERDUE, now - LATE_SESSION))[0]
    work = (await sql.query(WORK, now - LATE_WORK, FAILED_AFTER))[0]
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


async def _skew_ms(now: datetime) -> int:
    if dialect() == "sqlite":  # it has no clock of its own
        return 0
    row = (await sql.query("SELECT clock_timestamp() AS at"))[0]
    return round((utc(row["at"]) - now) / timedelta(milliseconds=1))


def _moment(value: Any) -> datetime | None:
    return None if value is None else utc(value)
