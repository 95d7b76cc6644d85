"""The roster: who is expected in a session and who else came; and which rows a viewer reads."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import UserRole, Viewer
from models.database.fields import UtcDatetime
from models.group import theirs
from models.user import User

if TYPE_CHECKING:
    from models.session import Session


class SessionParticipant(Model):
    """One person's place on a roster. Its id is the Attendance's."""

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
    is_added = fields.BooleanField(default=False)  # may join although nothing else says so
    barred_at: datetime | None = UtcDatetime(null=True)
    barred_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="barrings", null=True, on_delete=fields.RESTRICT
    )
    barred_by_id: int | None
    # Open stays that the last look at the room did not find: sid and last sign of life, in ms.
    missed: dict[str, int] | None = fields.JSONField(null=True)

    class Meta:
        table = "session_participants"
        unique_together = (("session", "user"),)

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Attendance rows: those who manage see the roster, others their own, a parent their
        children's too."""
        if viewer.is_super_admin:
            return cls.all()
        academy = cls.filter(session__academy_id=viewer.academy_id)
        if viewer.runs_academy:
            return academy
        if viewer.role is UserRole.TEACHER:
            own = Q(session__teacher_id=viewer.user_id) | Q(user_id=viewer.user_id)
            return academy.filter(own)
        return academy.filter(theirs(viewer))
