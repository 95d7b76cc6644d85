"""The state of the door: the beats of the processes behind it, and whether it is shut."""

from datetime import datetime

from domain.door import SHUT_AFTER, DoorBeat, open_until
from models import DoorHeartbeat
from models.database.one_clock import by_one_clock

Shut = tuple[datetime, datetime]  # since when, until when


async def read_beats(now: datetime) -> dict[str, DoorBeat]:
    """Read the last beat of each process by its name; `now` is by the one clock."""
    rows = await DoorHeartbeat.all()
    beats = {row.name: DoorBeat(row.beat_at, row.stored_at, row.refused_since) for row in rows}
    return {name: beat.as_of(now) for name, beat in beats.items()}


async def shut_now(now: datetime) -> Shut | None:
    """Tell since when the door is shut, and what the one clock says now; None while it is open."""
    at = await by_one_clock(now)
    since = open_until((await read_beats(at)).values())
    return (since, at) if since is not None and at - since > SHUT_AFTER else None
