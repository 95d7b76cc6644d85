"""Due times: when the clock has to act next."""

from datetime import UTC, datetime

from models.database import sql
from models.database.fields import utc

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NEXT_MOVE = """
SELECT next_transition_at AS due_at FROM sessions
WHERE next_transition_at > $2 AND (parked_until IS NULL OR parked_until <= $1)
ORDER BY next_transition_at LIMIT 1
"""
# Work that is claimed, or waits for its retry, is due when the claim expires.
NEXT_WORK = """
SELECT MIN(CASE WHEN claimed_until > due_at THEN claimed_until ELSE due_at END) AS due_at
FROM due_work WHERE CASE WHEN claimed_until > due_at THEN claimed_until ELSE due_at END > $1
"""


async def next_due_at(now: datetime, after: datetime = LONG_AGO) -> datetime | None:
    """Return the earliest moment later than `after` at which anything is due; None when nothing is.

    Parked sessions are left out until their minute is over.
    """
    rows = await sql.query(NEXT_MOVE, now, after) + await sql.query(NEXT_WORK, after)
    return min((utc(row["due_at"]) for row in rows if row["due_at"]), default=None)
