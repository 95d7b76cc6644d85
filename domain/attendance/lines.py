"""One line of the log that attendance is computed from. Times are milliseconds since the epoch."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

# LiveKit cuts its times off to whole seconds: an event happened up to this much later.
CUT_OFF_MS = 999
# LiveKit gives up on a silent connection after 20 to 22 s (it checks every 2 s). Nobody was there
# in that time, so we take off its middle, which is at most a second wrong.
SILENCE_MS = 21_000
# The least and the most of it, with LiveKit's own delay: 80 killed clients, 20.0 to 21.95 s.
SILENCE_MIN_MS, SILENCE_MAX_MS = 20_000, 22_000
CONNECTION_TIMEOUT = "CONNECTION_TIMEOUT"
# A room starts when it is made. A start told later than this is a second one of the same sid.
RESTART_AFTER_MS = 5_000


class EventKind(StrEnum):
    JOINED = "JOINED"
    LEFT = "LEFT"
    CONNECTION_ABORTED = "CONNECTION_ABORTED"
    SEEN = "SEEN"
    NOT_SEEN = "NOT_SEEN"
    ROOM_STARTED = "ROOM_STARTED"
    ROOM_FINISHED = "ROOM_FINISHED"
    EXPIRED = "EXPIRED"
    AWAY = "AWAY"
    OVERRIDE = "OVERRIDE"
    OVERRIDE_WITHDRAWN = "OVERRIDE_WITHDRAWN"


# The webhooks that are about attendance, by LiveKit's name of the event.
LINE_KINDS = {
    "room_started": EventKind.ROOM_STARTED,
    "room_finished": EventKind.ROOM_FINISHED,
    "participant_joined": EventKind.JOINED,
    "participant_left": EventKind.LEFT,
    "participant_connection_aborted": EventKind.CONNECTION_ABORTED,
}
WEBHOOK_NAMES = {kind: name for name, kind in LINE_KINDS.items()}


class EventSource(StrEnum):
    WEBHOOK = "WEBHOOK"
    RECONCILER = "RECONCILER"
    CLIENT = "CLIENT"
    PERSON = "PERSON"
    CLOCK = "CLOCK"


class AttendanceStatus(StrEnum):
    PRESENT = "PRESENT"
    LATE = "LATE"
    PARTIAL = "PARTIAL"
    ABSENT = "ABSENT"
    EXCUSED = "EXCUSED"  # by an override only


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One statement about somebody or the room; the same `source_id` is the same line."""

    source_id: str
    kind: EventKind
    source: EventSource
    occurred_ms: int  # a webhook's: createdAt * 1000, so up to 999 ms early
    received_ms: int  # of the delivery that was stored
    room_sid: str | None
    room_created_ms: int | None
    participant_sid: str | None
    joined_ms: int | None
    identity: str | None = None  # as the person is known in the room
    is_disconnected: bool = False  # a joined whose participant was gone when it was written
    disconnect_reason: str | None = None  # LiveKit's name, such as CLIENT_INITIATED
    alive_ms: int | None = None  # the last sign of life known when the line was written
    override_status: AttendanceStatus | None = None  # set by an override, with the two below
    note: str | None = None
    actor_id: int | None = None

    @property
    def opens(self) -> bool:
        """LiveKit let somebody in. A joined that says DISCONNECTED came after its own leave."""
        return self.kind is EventKind.JOINED and not self.is_disconnected

    @property
    def is_report(self) -> bool:
        """The person's own page says so, or the report of it expired.

        EXPIRED with a last sign of life is no report: it ends a stay that LiveKit told of.
        """
        is_over = self.kind is EventKind.EXPIRED and self.alive_ms is None
        return is_over or self.source is EventSource.CLIENT

    @property
    def restarts(self) -> bool:
        """The room starts anew under its sid: with Redis it keeps it when its server is killed."""
        if self.kind is not EventKind.ROOM_STARTED or self.room_created_ms is None:
            return False
        return self.occurred_ms > self.room_created_ms + RESTART_AFTER_MS

    def is_about(self, sid: str | None) -> bool:
        """A report that names no stay is about every stay."""
        return self.participant_sid in (sid, None)


def happened_ms(line: Line) -> int:
    """Tell when a webhook's event happened: its arrival bounds the milliseconds LiveKit cut off."""
    return min(max(line.received_ms, line.occurred_ms), line.occurred_ms + CUT_OFF_MS)


def end_of_leave(line: Line, joined_ms: int) -> int:
    """Tell when a LEFT or CONNECTION_ABORTED ended a stay: never before the stay's start."""
    is_timeout = line.disconnect_reason == CONNECTION_TIMEOUT
    return max(happened_ms(line) - (SILENCE_MS if is_timeout else 0), joined_ms)


def capped(line: Line) -> Line:
    """Take times ahead of the line's arrival for its arrival: LiveKit's clock may be ahead.

    A person's line keeps its time, which orders overrides.
    """
    latest_ms = line.received_ms
    told = (line.occurred_ms, line.joined_ms, line.room_created_ms)
    if line.source is EventSource.PERSON or max(ms or 0 for ms in told) <= latest_ms:
        return line
    occurred_ms, joined_ms, created_ms = (ms if ms is None else min(ms, latest_ms) for ms in told)
    return replace(
        line, occurred_ms=occurred_ms or 0, joined_ms=joined_ms, room_created_ms=created_ms
    )


@dataclass(frozen=True, slots=True)
class Room:
    """One life of the session's room: the name stays, a new sid is a new room."""

    sid: str
    created_ms: int
    alive_ms: int | None  # the last sign of life of the room before it


def rooms_in(lines: Iterable[Line], *, counts_restarts: bool) -> list[Room]:
    """Find the rooms that any line tells of, the oldest first."""
    created: dict[str, int] = {}
    alive: dict[str, int] = {}
    for line in lines:
        sid, created_ms, alive_ms = line.room_sid, line.room_created_ms, line.alive_ms
        if sid is None or created_ms is None:
            continue
        created[sid] = min(created_ms, created.get(sid, created_ms))
        # If a room's start is told twice, the later line has the room's own sign of life, so the
        # least is that of the room before.
        is_start = line.kind is EventKind.ROOM_STARTED
        is_start = is_start and (counts_restarts or not line.restarts)
        if is_start and alive_ms is not None:
            alive[sid] = min(alive_ms, alive.get(sid, alive_ms))
    rooms = [Room(sid, created_ms, alive.get(sid)) for sid, created_ms in created.items()]
    return sorted(rooms, key=lambda room: (room.created_ms, room.sid))
