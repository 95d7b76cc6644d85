"""Signs of life: when a stay was last known to go on."""

from domain.attendance.lines import EventKind, EventSource, Line
from domain.attendance.stays import Stay

CONCLUSIONS = (EventKind.NOT_SEEN, EventKind.EXPIRED)


def last_sign(own: list[Line], stay: Stay, room_sid: str | None, seen_ms: int | None) -> int:
    """The latest of: its start, what LiveKit told of it, and the last look at its room.

    `own` are the person's lines, `seen_ms` when a look last found everybody in the room of
    `room_sid` who was known to be there.
    """
    lines = [line for line in own if line.participant_sid == stay.sid and _is_sign(line)]
    signs = [stay.joined_ms, *(line.occurred_ms for line in lines)]
    heard_ms = min((line.received_ms for line in lines), default=None)
    is_there = any(line.room_sid == room_sid for line in lines)
    # A look tells of whoever was known by then: of who was not, it says nothing.
    if seen_ms is not None and heard_ms is not None and is_there and seen_ms >= heard_ms:
        signs.append(seen_ms)
    return max(signs)


def _is_sign(line: Line) -> bool:
    return line.source is not EventSource.CLIENT and line.kind not in CONCLUSIONS
