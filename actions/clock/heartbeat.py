"""Stores the beats of clocks, so that everybody can see whether one runs."""

from datetime import datetime, timedelta

from models.database import sql

FORGOTTEN_AFTER = timedelta(days=1)

BEAT = """
INSERT INTO clock_heartbeats (name, beat_at) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at
"""


async def beat(name: str, now: datetime) -> None:
    """Store that the clock of this name is alive."""
    await sql.execute(BEAT, name, now)


async def forget_stopped(now: datetime) -> None:
    """Delete the clocks that have not beaten for a day."""
    statement = "DELETE FROM clock_heartbeats WHERE beat_at < $1"
    await sql.execute(statement, now - FORGOTTEN_AFTER)
