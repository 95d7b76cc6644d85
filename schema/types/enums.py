"""Makes the domain's enums GraphQL enums. Importing this module registers them."""

from enum import StrEnum

import strawberry

from domain.access import UserRole
from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    CycleEnd,
    CycleStart,
    EventKind,
    EventSource,
    Presence,
)
from domain.errors import ErrorCode
from domain.meeting import MediaQuality
from domain.session import GroupKind, MembershipSource, SessionFormat, SessionKind
from domain.status import SessionStatus, TransitionCause
from domain.stuck import StuckReason
from domain.webhook import WebhookOutcome
from domain.window import Weekday

for _enum, _name in (
    (UserRole, "UserRole"),
    (AttendanceStatus, "AttendanceStatus"),
    (Confidence, "AttendanceConfidence"),
    (CycleEnd, "CycleEnd"),
    (CycleStart, "CycleStart"),
    (EventKind, "AttendanceEventKind"),
    (EventSource, "AttendanceEventSource"),
    (Presence, "PresenceState"),
    (ErrorCode, "ErrorCode"),
    (MediaQuality, "MediaQuality"),
    (GroupKind, "GroupKind"),
    (MembershipSource, "MembershipSource"),
    (SessionFormat, "SessionFormat"),
    (SessionKind, "SessionKind"),
    (SessionStatus, "SessionStatus"),
    (TransitionCause, "TransitionCause"),
    (StuckReason, "StuckReason"),
    (Weekday, "Weekday"),
    (WebhookOutcome, "WebhookOutcome"),
):
    strawberry.enum(_enum, name=_name)


@strawberry.enum
class SessionOrder(StrEnum):
    SCHEDULED_AT_ASC = "SCHEDULED_AT_ASC"
    SCHEDULED_AT_DESC = "SCHEDULED_AT_DESC"
