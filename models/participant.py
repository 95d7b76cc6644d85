"""Participants: the roster of a session, with the people expected and those who came besides."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import UserRole, Viewer
from domain.status import OVER
from models.database.fields import UtcDatetime
from models.group import in_household
from models.user import User

if TYPE_CHECKING:
    from models.session import Session


class SessionParticipant(Model):
    """One person's place on a roster. Its id is also the id of their attendance in the schema."""

    id = fields.IntField(primary_key=True)
    session: fields.ForeignKeyRelation["Session"] = fields.ForeignKeyField(
        "models.Session", related_name="participants", on_delete=fields.CASCADE
    )
    session_id: int
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="participations", on_delete=fields.RESTRICT, db_index=True
    )
    user_id: int
    role = fields.CharEnumField(UserRole, max_length=20)
    is_expected = fields.BooleanField()
    is_added = fields.BooleanField(default=False)  # may join without any other right to
    # A person took their place away, and the row stays for what they attended.
    is_removed = fields.BooleanField(default=False)
    barred_at: datetime | None = UtcDatetime(null=True)
    barred_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="barrings", null=True, on_delete=fields.RESTRICT
    )
    barred_by_id: int | None
    # Open stays that the reconciler last missed in the room: sid and last sign of life, in ms.
    missed: dict[str, int] | None = fields.JSONField(null=True)

    class Meta:
        table = "session_participants"
        unique_together = (("session", "user"),)

    @classmethod
    def in_force(cls) -> Q:
        """Return the condition that selects the rows that their person reads. Who was taken away
        reads it again once the session is over: everybody on the roster may see how it ended."""
        return Q(is_removed=False) | Q(is_added=True) | Q(session__status__in=OVER)

    @classmethod
    def showing(cls) -> QuerySet[Self]:
        """Select the rows that show their person, and a student's parents, the session. A teacher's
        or a parent's own row does not: they see it by what else they are, or no more."""
        own = Q(is_removed=False, role=UserRole.STUDENT) | Q(is_added=True)
        return cls.filter(own | Q(session__status__in=OVER))

    def is_in_force_in(self, session: "Session") -> bool:
        """Tell of a row that was read what `in_force` selects."""
        return not self.is_removed or self.is_added or session.status.is_over

    def shows(self, session: "Session") -> bool:
        """Tell of a row that was read what `showing` selects."""
        own = not self.is_removed and self.role is UserRole.STUDENT
        return own or self.is_added or session.status.is_over

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Select the rows that the viewer sees: whole rosters of sessions that they manage,
        elsewhere their own row, and a parent their children's rows too."""
        if viewer.is_super_admin:
            return cls.all()
        academy = cls.filter(session__academy_id=viewer.academy_id)
        if viewer.runs_academy:
            return academy
        if viewer.role is UserRole.TEACHER:
            own = Q(user_id=viewer.user_id) & cls.in_force()
            return academy.filter(Q(session__teacher_id=viewer.user_id) | own)
        return academy.filter(in_household(viewer), cls.in_force())
