"""Clocks beat, so that everybody can see one running."""

from datetime import datetime, timedelta

from models.database import sql

FORGOTTEN_AFTER = timedelta(days=1)

BEAT = """
INSERT INTO clock_heartbeats (name, beat_at) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at
"""


async def beat(name: str, now: datetime) -> None:
    """A clock says that it is alive."""
    await sql.execute(BEAT, name, now)


async def forget_stopped(now: datetime) -> None:
    """Clocks that have not been seen for a day are no news any more."""
    statement = "DELETE FROM clock_heartbeats WHERE beat_at < $1"
    await sql.execute(statement, now - FORGOTTEN_AFTER)
