"""The list of all tables, where Tortoise finds them."""

from models.academy import Academy, AttendancePolicy, VideoSettings
from models.attendance import MeetingAttendance, MeetingAttendanceEvent
from models.credential import AccessKey, AccessKeyChange, RefreshToken, SignInFailure
from models.event import SessionEvent
from models.group import Group, Membership
from models.participant import SessionParticipant
from models.search import SearchWord
from models.session import Session
from models.user import Guardianship, TeacherMeetingSettings, User
from models.webhook import WebhookReceipt, WebhookRejection
from models.work import ClockHeartbeat, DoorClosure, DoorHeartbeat, DueWork, Lease

__all__ = [
    "Academy",
    "AccessKey",
    "AccessKeyChange",
    "AttendancePolicy",
    "ClockHeartbeat",
    "DoorClosure",
    "DoorHeartbeat",
    "DueWork",
    "Group",
    "Guardianship",
    "Lease",
    "MeetingAttendance",
    "MeetingAttendanceEvent",
    "Membership",
    "RefreshToken",
    "SearchWord",
    "Session",
    "SessionEvent",
    "SessionParticipant",
    "SignInFailure",
    "TeacherMeetingSettings",
    "User",
    "VideoSettings",
    "WebhookReceipt",
    "WebhookRejection",
]
