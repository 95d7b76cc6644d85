"""What LiveKit's webhooks are called, and what can become of one."""

from enum import StrEnum

from domain.attendance_log import EventKind


class WebhookOutcome(StrEnum):
    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    IGNORED = "IGNORED"
    POISON = "POISON"


# Those that are about attendance, by LiveKit's word for them.
LINE_KINDS = {
    "room_started": EventKind.ROOM_STARTED,
    "room_finished": EventKind.ROOM_FINISHED,
    "participant_joined": EventKind.JOINED,
    "participant_left": EventKind.LEFT,
    "participant_connection_aborted": EventKind.CONNECTION_ABORTED,
}
WORDS = {kind: word for word, kind in LINE_KINDS.items()}
