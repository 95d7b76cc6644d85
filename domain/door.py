"""The door for LiveKit's webhooks: until when it was open, as the beats of all processes say."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

SHUT_AFTER = timedelta(seconds=10)  # LiveKit tries for 15 s: an ordinary deploy loses nothing


@dataclass(frozen=True, slots=True)
class DoorBeat:
    """The last signs of life of one process that takes webhooks, all by one clock.

    Every signed delivery after `refused_since` got 503 from it.
    """

    beat_at: datetime
    stored_at: datetime | None = None
    refused_since: datetime | None = None

    def as_of(self, now: datetime) -> "DoorBeat":
        """Take what lies ahead of the clock as now: the clock was set back."""
        stored, refused = self.stored_at, self.refused_since
        return DoorBeat(
            min(self.beat_at, now),
            None if stored is None else min(stored, now),
            None if refused is None else min(refused, now),
        )


def open_until(beats: Iterable[DoorBeat]) -> datetime | None:
    """Find the last moment at which the door was known to work; None if there never was a beat.

    One process that stores is enough, whatever another one refuses. A process that has not beaten
    for `SHUT_AFTER` before the latest beat neither stores nor refuses any more.
    """
    known = list(beats)
    if not known:
        return None
    latest = max(beat.beat_at for beat in known)
    alive = [beat for beat in known if latest - beat.beat_at <= SHUT_AFTER]
    stored = [beat.stored_at for beat in known if beat.stored_at is not None]
    refused = [beat.refused_since for beat in alive if beat.refused_since is not None]
    since = [one for one in refused if not stored or one > max(stored)]
    return min([latest, *since])
