"""Groups: circles, classrooms, courses and standing individual sessions, with their members."""

from datetime import datetime
from typing import Self

from tortoise import fields
from tortoise.expressions import Q, Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import UserRole, Viewer
from domain.session import GroupKind, MembershipSource
from models.academy import Academy
from models.database.fields import UtcDatetime
from models.user import Guardianship, User


class Group(Model):
    id = fields.IntField(primary_key=True)
    academy: fields.ForeignKeyRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="groups", on_delete=fields.RESTRICT
    )
    academy_id: int
    external_id = fields.CharField(max_length=200)
    kind = fields.CharEnumField(GroupKind, max_length=30)
    name = fields.CharField(max_length=200)
    teacher: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="groups", null=True, on_delete=fields.RESTRICT, db_index=True
    )
    teacher_id: int | None
    created_at: datetime = UtcDatetime()

    class Meta:
        table = "groups"
        unique_together = (("academy", "external_id"),)

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Select the groups that the viewer sees.

        Admin and supervisor: their academy's; teacher: their own and those of their sessions;
        student and parent: those that they or their children belong to.
        """
        if viewer.is_super_admin:
            return cls.all()
        academy = cls.filter(academy_id=viewer.academy_id)
        if viewer.runs_academy:
            return academy
        if viewer.role is UserRole.TEACHER:
            taught = cls.filter(sessions__teacher_id=viewer.user_id)
            return academy.filter(
                Q(teacher_id=viewer.user_id) | Q(id__in=Subquery(taught.values("id")))
            )
        joined = Membership.filter(in_household(viewer))
        return academy.filter(id__in=Subquery(joined.values("group_id")))


def in_household(viewer: Viewer) -> Q:
    """Return the condition that a row's `user` is the viewer or, for a parent, their child."""
    own = Q(user_id=viewer.user_id)
    if viewer.role is not UserRole.PARENT:
        return own
    wards = Guardianship.filter(guardian_id=viewer.user_id)
    return own | Q(user_id__in=Subquery(wards.values("child_id")))


class Membership(Model):
    id = fields.IntField(primary_key=True)
    group: fields.ForeignKeyRelation[Group] = fields.ForeignKeyField(
        "models.Group", related_name="memberships", on_delete=fields.CASCADE
    )
    group_id: int
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="memberships", on_delete=fields.CASCADE, db_index=True
    )
    user_id: int
    via = fields.CharEnumField(MembershipSource, max_length=20)
    active_from: datetime | None = UtcDatetime(null=True)
    active_until: datetime | None = UtcDatetime(null=True)

    class Meta:
        table = "memberships"
        unique_together = (("group", "user", "via"),)

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Select the memberships of people whom the viewer sees, in groups that they see."""
        if viewer.is_super_admin:
            return cls.all()
        return cls.filter(
            group_id__in=Subquery(Group.visible_to(viewer).values("id")),
            user_id__in=Subquery(User.visible_to(viewer).values("id")),
        )

    def covers(self, moment: datetime) -> bool:
        """Tell whether it holds then: from `active_from`, and until just before `active_until`."""
        begun = self.active_from is None or self.active_from <= moment
        return begun and (self.active_until is None or moment < self.active_until)
