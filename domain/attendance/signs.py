"""Signs of life: when a stay was last known to go on."""

from domain.attendance.lines import EventKind, EventSource, Line
from domain.attendance.stays import Stay

CONCLUSIONS = (EventKind.NOT_SEEN, EventKind.EXPIRED)


def last_sign(own: list[Line], stay: Stay, room_sid: str | None, seen_ms: int | None) -> int:
    """Find the stay's last sign of life: its start, LiveKit's last line of it, or the reconciler.

    `own` are the person's lines. `seen_ms` is when the reconciler last found everybody in the
    room `room_sid` who was known to be there.
    """
    signs = [
        line
        for line in own
        if line.participant_sid == stay.sid
        and line.source is not EventSource.CLIENT
        and line.kind not in CONCLUSIONS
    ]
    last_ms = max([stay.joined_ms, *(line.occurred_ms for line in signs)])
    heard_ms = min((line.received_ms for line in signs), default=None)
    is_in_room = any(line.room_sid == room_sid for line in signs)
    # The reconciler vouches only for people who were known to be there when it asked.
    if seen_ms is not None and heard_ms is not None and is_in_room and seen_ms >= heard_ms:
        return max(last_ms, seen_ms)
    return last_ms
