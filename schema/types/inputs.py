"""Inputs that clients send. A field that is left out (UNSET) or null stays as it is.

Typed clients send null for what was not set. Null clears only what a resolver names as such.
"""

from collections.abc import Container
from datetime import datetime
from typing import Any

import strawberry
from strawberry import UNSET

from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus
from domain.session import GroupKind, MembershipSource, SessionKind
from domain.status import SessionStatus


def given_values(source: Any, *, cleared_by_null: Container[str] = ()) -> dict[str, Any]:
    """Return the fields that the client set, by name. Null sets only `cleared_by_null`."""
    return {
        name: value
        for name, value in vars(source).items()
        if value is not UNSET and (value is not None or name in cleared_by_null)
    }


@strawberry.input
class SessionFilter:
    academy_id: strawberry.ID | None = UNSET
    teacher_id: strawberry.ID | None = UNSET
    student_id: strawberry.ID | None = UNSET
    group_id: strawberry.ID | None = UNSET
    external_ids: list[str] | None = UNSET
    search: str | None = UNSET
    local_date: str | None = UNSET
    kinds: list[SessionKind] | None = UNSET
    statuses: list[SessionStatus] | None = UNSET
    has_meeting: bool | None = UNSET
    has_warnings: bool | None = UNSET
    from_: datetime | None = strawberry.field(name="from", default=UNSET)
    to: datetime | None = UNSET


@strawberry.input
class UserFilter:
    academy_id: strawberry.ID | None = UNSET
    roles: list[UserRole] | None = UNSET
    external_ids: list[str] | None = UNSET
    search: str | None = UNSET
    is_active: bool | None = UNSET


@strawberry.input
class GroupFilter:
    academy_id: strawberry.ID | None = UNSET
    kinds: list[GroupKind] | None = UNSET
    external_ids: list[str] | None = UNSET
    teacher_id: strawberry.ID | None = UNSET
    search: str | None = UNSET


@strawberry.input
class AttendanceFilter:
    academy_id: strawberry.ID | None = UNSET
    session_id: strawberry.ID | None = UNSET
    user_id: strawberry.ID | None = UNSET
    teacher_id: strawberry.ID | None = UNSET
    group_id: strawberry.ID | None = UNSET
    roles: list[UserRole] | None = UNSET
    kinds: list[SessionKind] | None = UNSET
    statuses: list[AttendanceStatus] | None = UNSET
    is_final: bool | None = UNSET
    needs_review: bool | None = UNSET
    from_: datetime | None = strawberry.field(name="from", default=UNSET)
    to: datetime | None = UNSET


@strawberry.input
class ScheduleSessionInput:
    academy_id: strawberry.ID
    kind: SessionKind
    title: str
    teacher_id: strawberry.ID
    scheduled_at: datetime
    external_id: str | None = UNSET
    notes: str | None = UNSET
    student_id: strawberry.ID | None = UNSET
    group_id: strawberry.ID | None = UNSET
    duration_minutes: int = 60
    subject: str | None = UNSET
    session_number: int | None = UNSET


@strawberry.input
class UpdateSessionInput:
    title: str | None = UNSET
    notes: str | None = UNSET
    teacher_id: strawberry.ID | None = UNSET
    student_id: strawberry.ID | None = UNSET
    group_id: strawberry.ID | None = UNSET
    subject: str | None = UNSET
    session_number: int | None = UNSET


@strawberry.input
class CreateMeetingTokenInput:
    session_id: strawberry.ID
    can_publish: bool = True
    can_subscribe: bool = True


@strawberry.input
class CreateMeetingInput:
    session_id: strawberry.ID
    max_participants: int | None = UNSET
    recording_enabled: bool | None = UNSET
    max_duration_minutes: int | None = UNSET


@strawberry.input
class AcademyInput:
    slug: str
    name: str
    timezone: str
    locale: str | None = UNSET
    meeting_link_template: str | None = UNSET


@strawberry.input
class UpdateAcademyInput:
    name: str | None = UNSET
    timezone: str | None = UNSET
    locale: str | None = UNSET
    is_active: bool | None = UNSET
    meeting_link_template: str | None = UNSET


@strawberry.input
class UserInput:
    external_id: str
    role: UserRole
    first_name: str
    last_name: str
    academy_id: strawberry.ID | None = UNSET
    email: str | None = UNSET
    password: str | None = UNSET
    is_active: bool | None = UNSET
    guardian_external_ids: list[str] | None = UNSET


@strawberry.input
class GroupMemberInput:
    user_external_id: str
    via: MembershipSource
    active_from: datetime | None = UNSET
    active_until: datetime | None = UNSET


@strawberry.input
class AddGroupMemberInput:
    via: MembershipSource
    user_id: strawberry.ID | None = UNSET
    user_external_id: str | None = UNSET
    active_from: datetime | None = UNSET
    active_until: datetime | None = UNSET


@strawberry.input
class GroupInput:
    external_id: str
    academy_id: strawberry.ID
    kind: GroupKind
    name: str
    members: list[GroupMemberInput]
    teacher_external_id: str | None = UNSET
