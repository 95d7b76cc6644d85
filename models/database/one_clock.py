"""One clock for all processes: the database's. SQLite has none, and only one process serves it."""

from datetime import datetime, timedelta

import clock
from models.database import sql
from models.database.connection import dialect
from models.database.fields import utc

SKEW_MIN = timedelta(seconds=0.5)  # less counts as none


async def database_now() -> datetime | None:
    """Read the database's clock; None on SQLite."""
    if dialect() == "sqlite":
        return None
    return utc((await sql.query("SELECT clock_timestamp() AS at"))[0]["at"])


async def by_one_clock(now: datetime) -> datetime:
    """Convert a moment of this process's clock to the database's, if the two differ by much.

    The difference is measured here, and not against `now`, which may be some seconds old.
    """
    asked_at = clock.now()
    theirs = await database_now()
    if theirs is None:
        return now
    half_way = (clock.now() - asked_at) / 2  # the answer was made somewhere in between
    skew = theirs - asked_at - half_way
    return now if abs(skew) <= SKEW_MIN + abs(half_way) else now + skew
