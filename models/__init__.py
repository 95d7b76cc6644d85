"""The explicit list of tables: Tortoise finds them here."""

from models.academy import Academy, AttendancePolicy, VideoSettings
from models.attendance import MeetingAttendance, MeetingAttendanceEvent
from models.group import Group, Membership
from models.session import Session, SessionEvent, SessionParticipant
from models.user import Guardianship, User
from models.work import ClockHeartbeat, DueWork, WebhookReceipt

__all__ = [
    "Academy",
    "AttendancePolicy",
    "ClockHeartbeat",
    "DueWork",
    "Group",
    "Guardianship",
    "MeetingAttendance",
    "MeetingAttendanceEvent",
    "Membership",
    "Session",
    "SessionEvent",
    "SessionParticipant",
    "User",
    "VideoSettings",
    "WebhookReceipt",
]
