"""Who may do what: a table of role and permit. For which rows is the models' `visible_to`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class UserRole(StrEnum):
    SUPER_ADMIN = "SUPER_ADMIN"
    ACADEMY_ADMIN = "ACADEMY_ADMIN"
    SUPERVISOR = "SUPERVISOR"
    TEACHER = "TEACHER"
    STUDENT = "STUDENT"
    PARENT = "PARENT"


RANK = {
    UserRole.SUPER_ADMIN: 4,
    UserRole.ACADEMY_ADMIN: 3,
    UserRole.SUPERVISOR: 2,
    UserRole.TEACHER: 1,
    UserRole.STUDENT: 0,
    UserRole.PARENT: 0,
}


class Permit(StrEnum):
    SEE = "SEE"
    MANAGE = "MANAGE"  # the session's people, meeting, schedule; and its whole roster
    SCHEDULE = "SCHEDULE"  # new sessions, and any change of status
    CONFIGURE = "CONFIGURE"  # the academy's settings and people
    SEE_DETAIL = "SEE_DETAIL"  # what components say of themselves
    FOUND = "FOUND"  # academies


GRANTS: dict[UserRole, frozenset[Permit]] = {
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
    """The person asking. `academy_id` is None for a super admin only; `family` names the sign-in
    that their token is of, where it is of one. `is_service`: it is an academy's own system."""

    user_id: int
    role: UserRole
    academy_id: int | None
    expires_at: datetime | None = None
    family: str | None = None
    is_service: bool = False

    def may(self, permit: Permit) -> bool:
        return permit in GRANTS[self.role]

    @property
    def is_super_admin(self) -> bool:
        return self.role is UserRole.SUPER_ADMIN

    @property
    def runs_academy(self) -> bool:
        """Sees all of the academy, not just what is theirs."""
        return self.role in (UserRole.ACADEMY_ADMIN, UserRole.SUPERVISOR)

    def may_grant(self, role: UserRole) -> bool:
        """Nobody grants a role above their own; an access key none that may make keys: who stole
        one would stay after it was revoked."""
        return RANK[role] < RANK[self.role] if self.is_service else RANK[role] <= RANK[self.role]


class Audience(StrEnum):
    """Who hears the same: those who manage a session, or those who take part in it."""

    STAFF = "STAFF"
    PARTICIPANT = "PARTICIPANT"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a shared subscription runs in, instead of for a viewer."""

    subject: str
    audience: Audience
