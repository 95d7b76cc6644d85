"""The roster: who is expected in a session and who else came; and which rows a viewer reads."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from tortoise import fields
from tortoise.expressions import Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import UserRole, Viewer
from models.fields import UtcDatetime
from models.group import theirs
from models.user import Guardianship, User

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
    missed_at: datetime | None = UtcDatetime(null=True)  # first of the looks in a row without them

    class Meta:
        table = "session_participants"
        unique_together = (("session", "user"),)

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Attendance rows: those who manage see the roster, a student their own, a parent their
        children's."""
        if viewer.is_super_admin:
            return cls.all()
        academy = cls.filter(session__academy_id=viewer.academy_id)
        if viewer.runs_academy:
            return academy
        if viewer.role is UserRole.TEACHER:
            return academy.filter(session__teacher_id=viewer.user_id)
        return academy.filter(theirs(viewer))


async def joinable_by(viewer: Viewer, session_ids: list[int]) -> set[int]:
    """Those of these sessions in which the viewer or a child of theirs is expected."""
    rows = SessionParticipant.filter(session_id__in=session_ids, is_expected=True)
    if viewer.role is UserRole.PARENT:
        wards = Guardianship.filter(guardian_id=viewer.user_id)
        rows = rows.filter(user_id__in=Subquery(wards.values("child_id")))
    else:
        rows = rows.filter(user_id=viewer.user_id)
    return {row.session_id for row in await rows}
