"""Kinds of events in a session's stream. An event is one row and one fact."""

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
    TEACHER_MISSING = "TEACHER_MISSING"
    PRESENCE_CHANGED = "PRESENCE_CHANGED"
    PRESENCE_REMOVED = "PRESENCE_REMOVED"


# Kinds that name one person's attendance.
PRESENCE_KINDS = (SessionEventKind.PRESENCE_CHANGED, SessionEventKind.PRESENCE_REMOVED)

# Kinds that only managers may read.
STAFF_KINDS = (*PRESENCE_KINDS, SessionEventKind.TEACHER_MISSING)

# Kinds that change the roster: PresenceChanges count from the last event of these.
ROSTER_KINDS = (SessionEventKind.SCHEDULED, *PRESENCE_KINDS)
