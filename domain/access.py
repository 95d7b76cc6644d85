"""Roles and what each may do. The models' `visible_to` says for which rows."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class UserRole(StrEnum):
    SUPER_ADMIN = "SUPER_ADMIN"
    ACADEMY_ADMIN = "ACADEMY_ADMIN"
    SUPERVISOR = "SUPERVISOR"
    TEACHER = "TEACHER"
    STUDENT = "STUDENT"
    PARENT = "PARENT"


ROLE_RANK = {
    UserRole.SUPER_ADMIN: 4,
    UserRole.ACADEMY_ADMIN: 3,
    UserRole.SUPERVISOR: 2,
    UserRole.TEACHER: 1,
    UserRole.STUDENT: 0,
    UserRole.PARENT: 0,
}


class Permit(StrEnum):
    SEE = "SEE"
    MANAGE = "MANAGE"  # a session's people, meeting and schedule, and its whole roster
    SCHEDULE = "SCHEDULE"  # new sessions, and every change of status
    CONFIGURE = "CONFIGURE"  # the academy's settings and people
    SEE_DETAIL = "SEE_DETAIL"  # what components say of themselves
    FOUND = "FOUND"  # new academies


ROLE_PERMITS: dict[UserRole, frozenset[Permit]] = {
    UserRole.SUPER_ADMIN: frozenset(Permit),
    UserRole.ACADEMY_ADMIN: frozenset(
        {Permit.SEE, Permit.MANAGE, Permit.SCHEDULE, Permit.CONFIGURE, Permit.SEE_DETAIL}
    ),
    UserRole.SUPERVISOR: frozenset({Permit.SEE, Permit.MANAGE, Permit.SCHEDULE}),
    UserRole.TEACHER: frozenset({Permit.SEE, Permit.MANAGE}),
    UserRole.STUDENT: frozenset({Permit.SEE}),
    UserRole.PARENT: frozenset({Permit.SEE}),
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who asks.

    `academy_id` is None for a super admin only. `family` names the sign-in that made their token;
    None: no sign-in made it. `is_service`: the viewer is an academy's own system. `rights_version`
    is that of the row they were read from; None: no row was. It makes nobody another viewer.
    """

    user_id: int
    role: UserRole
    academy_id: int | None
    expires_at: datetime | None = None
    family: str | None = None
    is_service: bool = False
    rights_version: int | None = field(default=None, compare=False)

    def may(self, permit: Permit) -> bool:
        return permit in ROLE_PERMITS[self.role]

    @property
    def is_super_admin(self) -> bool:
        return self.role is UserRole.SUPER_ADMIN

    @property
    def runs_academy(self) -> bool:
        """Tell whether they see the whole academy, and not only what is theirs."""
        return self.role in (UserRole.ACADEMY_ADMIN, UserRole.SUPERVISOR)

    def may_set_sign_in(self, role: UserRole) -> bool:
        """Tell whether they may set the email and password of people of this role.

        A thief of an access key would sign in with them, also after the key is revoked.
        """
        return not self.is_service or ROLE_RANK[role] < ROLE_RANK[UserRole.SUPERVISOR]

    def may_grant(self, role: UserRole) -> bool:
        """Tell whether they may give somebody this role: their own or a lower one.

        An access key gives lower roles only: a thief who made an admin could make new keys.
        """
        wanted, own = ROLE_RANK[role], ROLE_RANK[self.role]
        return wanted < own if self.is_service else wanted <= own


class Audience(StrEnum):
    """People who may read the same of a session: its managers, or its participants."""

    STAFF = "STAFF"
    PARTICIPANT = "PARTICIPANT"


@dataclass(frozen=True, slots=True)
class Scope:
    """Subject and audience that a shared subscription runs for, in place of a viewer."""

    subject: str
    audience: Audience
