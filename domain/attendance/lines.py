"""One line of the log that attendance is computed from. Times are milliseconds since the epoch."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

# LiveKit tells when something happened in whole seconds, cut off: it was up to this much later.
CUT_OFF_MS = 999
# LiveKit gives up on a silent connection after 20 to 22 s (it looks every 2 s), so those were
# nobody: their middle is at most a second off.
SILENCE_MS = 21_000
CONNECTION_TIMEOUT = "CONNECTION_TIMEOUT"


class EventKind(StrEnum):
    JOINED = "JOINED"
    LEFT = "LEFT"
    CONNECTION_ABORTED = "CONNECTION_ABORTED"
    SEEN = "SEEN"
    NOT_SEEN = "NOT_SEEN"
    ROOM_STARTED = "ROOM_STARTED"
    ROOM_FINISHED = "ROOM_FINISHED"
    EXPIRED = "EXPIRED"
    OVERRIDE = "OVERRIDE"
    OVERRIDE_WITHDRAWN = "OVERRIDE_WITHDRAWN"


# Webhooks that are about attendance, by LiveKit's word for them.
LINE_KINDS = {
    "room_started": EventKind.ROOM_STARTED,
    "room_finished": EventKind.ROOM_FINISHED,
    "participant_joined": EventKind.JOINED,
    "participant_left": EventKind.LEFT,
    "participant_connection_aborted": EventKind.CONNECTION_ABORTED,
}
WORDS = {kind: word for word, kind in LINE_KINDS.items()}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was told, by whom and when; the same `source_id` is the same line."""

    source_id: str
    kind: EventKind
    source: EventSource
    occurred_ms: int  # a webhook's: createdAt * 1000, so up to 999 ms early
    received_ms: int  # of the delivery that was stored
    room_sid: str | None
    room_created_ms: int | None
    participant_sid: str | None
    joined_ms: int | None
    is_disconnected: bool = False  # a joined whose participant was gone when it was written
    disconnect_reason: str | None = None  # LiveKit's name, such as CLIENT_INITIATED
    alive_ms: int | None = None  # the last sign of life known when the line was written
    override_status: AttendanceStatus | None = None  # with `note` and `actor_id`, an override's
    note: str | None = None
    actor_id: int | None = None

    @property
    def opens(self) -> bool:
        """LiveKit let somebody in. A joined that says DISCONNECTED came after its own leave."""
        return self.kind is EventKind.JOINED and not self.is_disconnected

    @property
    def is_report(self) -> bool:
        """The person's own page says so; or nobody confirmed it. Who expires with a last sign of
        life was there."""
        is_over = self.kind is EventKind.EXPIRED and self.alive_ms is None
        return is_over or self.source is EventSource.CLIENT

    def is_about(self, sid: str | None) -> bool:
        """A report that names no stay is about whichever there is."""
        return self.participant_sid in (sid, None)

    @property
    def is_timeout(self) -> bool:
        return self.disconnect_reason == CONNECTION_TIMEOUT


def happened_ms(line: Line) -> int:
    """When a webhook's event happened: its arrival tells the milliseconds that LiveKit cut off."""
    return min(max(line.received_ms, line.occurred_ms), line.occurred_ms + CUT_OFF_MS)


def end_of_leave(line: Line) -> int:
    """When a LEFT or CONNECTION_ABORTED ended its stay, never before the stay began."""
    end = happened_ms(line) - (SILENCE_MS if line.is_timeout else 0)
    return end if line.joined_ms is None else max(end, line.joined_ms)


def distinct(lines: Iterable[Line]) -> list[Line]:
    """Each line once, as it arrived first: what LiveKit sends again arrives later."""
    latest_first = sorted(lines, key=lambda line: line.received_ms, reverse=True)
    return list({line.source_id: line for line in latest_first}.values())


@dataclass(frozen=True, slots=True)
class Room:
    """One life of the session's room: the name stays, a new sid is a new room."""

    sid: str
    created_ms: int
    alive_ms: int | None  # the last sign of life of the room before it


def rooms_in(lines: Iterable[Line]) -> list[Room]:
    """The rooms that any line tells of, the oldest first."""
    created: dict[str, int] = {}
    alive: dict[str, int] = {}
    for line in lines:
        if line.room_sid is None or line.room_created_ms is None:
            continue
        _keep_least(created, line.room_sid, line.room_created_ms)
        # A room can be told to have started twice: then the later line speaks of the room itself.
        if line.kind is EventKind.ROOM_STARTED and line.alive_ms is not None:
            _keep_least(alive, line.room_sid, line.alive_ms)
    rooms = [Room(sid, created_ms, alive.get(sid)) for sid, created_ms in created.items()]
    return sorted(rooms, key=lambda room: (room.created_ms, room.sid))


def _keep_least(values: dict[str, int], key: str, value: int) -> None:
    values[key] = min(value, values.get(key, value))
