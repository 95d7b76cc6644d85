"""Answers of mutations: the result, or the errors with which the domain refused."""

from datetime import datetime

import strawberry

from schema.types.academy import Academy
from schema.types.access_key import AccessKey
from schema.types.attendance import Attendance
from schema.types.errors import UserError
from schema.types.group import Group
from schema.types.meeting import Meeting, MeetingToken
from schema.types.session import Session
from schema.types.user import User


@strawberry.type
class SessionPayload:
    session: Session | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class SessionsPayload:
    sessions: list[Session] = strawberry.field(default_factory=list)
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class MeetingPayload:
    session: Session | None = None
    meeting: Meeting | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class MeetingTokenPayload:
    token: MeetingToken | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class AcademyPayload:
    academy: Academy | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class UserPayload:
    user: User | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class UsersPayload:
    users: list[User] = strawberry.field(default_factory=list)
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class GroupPayload:
    group: Group | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class GroupsPayload:
    groups: list[Group] = strawberry.field(default_factory=list)
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class SignInPayload:
    access_token: str | None = None
    refresh_token: str | None = None
    expires_at: datetime | None = None
    viewer: User | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class SignOutPayload:
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class ChangePasswordPayload:
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class AccessKeyPayload:
    access_key: AccessKey | None = None
    secret: str | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class AttendancePayload:
    attendance: Attendance | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class AttendancesPayload:
    attendances: list[Attendance] = strawberry.field(default_factory=list)
    errors: list[UserError] = strawberry.field(default_factory=list)
