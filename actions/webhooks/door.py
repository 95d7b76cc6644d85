"""Keeps the beats of this process's door, and finds when nobody could take LiveKit's webhooks."""

import logging
from datetime import datetime, timedelta

import telemetry
from actions.attendance.away import plan_notes
from domain.door import SHUT_AFTER, DoorBeat, open_until
from gateways.changes import publish_due
from models.database import sql
from models.database.atomic import atomic
from models.database.one_clock import by_one_clock
from models.reading.door_status import read_beats

logger = logging.getLogger("halaqa.webhooks")

BEATS_KEPT_FOR = timedelta(days=1)
CLOSURES_KEPT_FOR = timedelta(days=30)

BEAT = """
INSERT INTO door_heartbeats (name, beat_at, stored_at, refused_since) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, stored_at = excluded.stored_at,
refused_since = excluded.refused_since
"""
CLOSE = """
INSERT INTO door_closures (shut_from, shut_until) VALUES ($1, $2)
ON CONFLICT (shut_from) DO NOTHING
"""
FORGET_CLOSURES = "DELETE FROM door_closures WHERE shut_until < $1"
# A beat ahead of the clock is of a process that is gone: the clock was set back.
FORGET_BEATS = "DELETE FROM door_heartbeats WHERE beat_at < $1 OR beat_at > $2"


class WebhookDoor:
    """Remembers what became of the signed deliveries at this process, and tells it in its beats."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._stored_at: datetime | None = None
        self._refused_since: datetime | None = None
        self._refused_at: datetime | None = None
        self._is_closed = False

    def close(self) -> None:
        """Beat no more: the server accepts no delivery from now on."""
        self._is_closed = True

    def stored(self, now: datetime) -> None:
        """Note that a signed delivery which came `now` was stored."""
        self._stored_at = max(now, self._stored_at or now)
        self._refused_since = self._refused_at = None

    def refused(self, now: datetime) -> None:
        """Note that a signed delivery which came `now` got 503."""
        is_after = self._stored_at is None or now > self._stored_at
        if is_after:
            self._refused_since = self._refused_since or now
            self._refused_at = max(now, self._refused_at or now)

    async def beat(self, name: str, now: datetime) -> None:
        """Store that this process takes webhooks; where none did for too long, note when.

        Any number of processes may find the same: it is noted once.
        """
        if self._is_closed:
            return
        is_news = False
        async with atomic():
            at = await by_one_clock(now)
            before = await read_beats(at)
            self._forget_refusals([one for key, one in before.items() if key != name], at - now)
            own = self._as_of(at, at - now)
            beats = {**before, name: own}
            await sql.execute(BEAT, name, own.beat_at, own.stored_at, own.refused_since)
            await sql.execute(FORGET_BEATS, at - BEATS_KEPT_FOR, at + SHUT_AFTER)
            shut, until = open_until(before.values()), open_until(beats.values())
            if shut is not None and until is not None and until - shut > SHUT_AFTER:
                is_news = bool(await sql.execute(CLOSE, shut, until))
                if is_news:
                    await plan_notes(shut, until, now)
                    await sql.execute(FORGET_CLOSURES, until - CLOSURES_KEPT_FOR)
        if is_news:
            telemetry.count_door_closure()
            logger.warning("webhook door was shut", extra={"from": shut, "until": until})
            publish_due(now)

    def _forget_refusals(self, others: list[DoorBeat], skew: timedelta) -> None:
        """Forget the refusals that another process has made good by storing one after them."""
        stored = max([one.stored_at for one in others if one.stored_at], default=None)
        since, latest = self._refused_since, self._refused_at
        if stored is None or since is None or latest is None or since + skew > stored:
            return
        self._refused_since = latest if latest + skew > stored else None
        self._refused_at = self._refused_since

    def _as_of(self, at: datetime, skew: timedelta) -> DoorBeat:
        stored, refused = self._stored_at, self._refused_since
        return DoorBeat(
            at,
            None if stored is None else stored + skew,
            None if refused is None else refused + skew,
        ).as_of(at)


door = WebhookDoor()  # one per process
