"""The kinds of rows in a session's stream. One row, one fact, one sequence number."""

from enum import StrEnum


class SessionEventKind(StrEnum):
    SCHEDULED = "SCHEDULED"
    STATUS_CHANGED = "STATUS_CHANGED"
    UPDATED = "UPDATED"
    RESCHEDULED = "RESCHEDULED"
    KEPT_OPEN_CHANGED = "KEPT_OPEN_CHANGED"
    MEETING_CREATED = "MEETING_CREATED"
    MEETING_REFUSED = "MEETING_REFUSED"
    MEETING_ENDED = "MEETING_ENDED"
    PRESENCE_CHANGED = "PRESENCE_CHANGED"
    PRESENCE_REMOVED = "PRESENCE_REMOVED"

    @property
    def is_presence(self) -> bool:
        """For those who manage the session only: it names a person's attendance."""
        return self in (SessionEventKind.PRESENCE_CHANGED, SessionEventKind.PRESENCE_REMOVED)


# What makes a roster another one: PresenceChanges count from the last of these.
ROSTER_KINDS = (
    SessionEventKind.SCHEDULED,
    SessionEventKind.PRESENCE_CHANGED,
    SessionEventKind.PRESENCE_REMOVED,
)
