"""The domain's words as GraphQL enums; importing this module makes them known to Strawberry."""

from enum import StrEnum

import strawberry

from domain.access import UserRole
from domain.attendance import AttendanceStatus, Confidence, CycleEnd, CycleStart, Presence
from domain.errors import ErrorCode
from domain.meeting import MediaQuality
from domain.session import GroupKind, MembershipSource, SessionFormat, SessionKind
from domain.status import SessionStatus, TransitionCause

for _enum, _name in (
    (UserRole, "UserRole"),
    (AttendanceStatus, "AttendanceStatus"),
    (Confidence, "AttendanceConfidence"),
    (CycleEnd, "CycleEnd"),
    (CycleStart, "CycleStart"),
    (Presence, "PresenceState"),
    (ErrorCode, "ErrorCode"),
    (MediaQuality, "MediaQuality"),
    (GroupKind, "GroupKind"),
    (MembershipSource, "MembershipSource"),
    (SessionFormat, "SessionFormat"),
    (SessionKind, "SessionKind"),
    (SessionStatus, "SessionStatus"),
    (TransitionCause, "TransitionCause"),
):
    strawberry.enum(_enum, name=_name)


@strawberry.enum
class SessionOrder(StrEnum):
    SCHEDULED_AT_ASC = "SCHEDULED_AT_ASC"
    SCHEDULED_AT_DESC = "SCHEDULED_AT_DESC"
