"""Groups: circles, classrooms, courses and standing individual sessions, with their members."""

from datetime import datetime
from typing import Self

from tortoise import fields
from tortoise.expressions import Q, Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import Permit, UserRole, Viewer
from domain.errors import ForbiddenError, NotFoundError
from domain.membership import Term
from domain.session import GroupKind, MembershipSource
from models.academy import Academy
from models.database.fields import ShortText, UtcDatetime
from models.user import Guardianship, User


class Group(Model):
    id = fields.IntField(primary_key=True)
    academy: fields.ForeignKeyRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="groups", on_delete=fields.RESTRICT
    )
    academy_id: int
    external_id = ShortText(max_length=200)
    kind = fields.CharEnumField(GroupKind, max_length=30)
    name = ShortText(max_length=200)
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
        students = Membership.filter(user__role=UserRole.STUDENT, withdrawn_at=None)
        joined = students.filter(in_household(viewer))
        return academy.filter(id__in=Subquery(joined.values("group_id")))

    @classmethod
    async def fetch_for(cls, viewer: Viewer, group_id: int, permit: Permit) -> Self:
        """Return the group; raise NOT_FOUND if the viewer does not see it, FORBIDDEN without the
        permit."""
        group = await cls.visible_to(viewer).get_or_none(id=group_id)
        if group is None:
            raise NotFoundError("No such group.", ("groupId",))
        if not viewer.may(permit):
            raise ForbiddenError("Your role does not allow this.")
        return group


def in_household(viewer: Viewer) -> Q:
    """Return the condition that a row's `user` is the viewer or, for a parent, their child."""
    own = Q(user_id=viewer.user_id)
    if viewer.role is not UserRole.PARENT:
        return own
    wards = Guardianship.in_force().filter(guardian_id=viewer.user_id)
    return own | Q(user_id__in=Subquery(wards.values("child_id")))


class Membership(Model):
    """One way in which somebody belongs to a group. A person's act may take it away: then the row
    stays and says so, and the same membership again is a new one on the same row."""

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
    member_since: datetime | None = UtcDatetime(null=True)  # None: before we kept this moment
    withdrawn_at: datetime | None = UtcDatetime(null=True)  # a person took it away then
    is_removed = fields.BooleanField(default=False)  # withdrawn, and not listed any more

    class Meta:
        table = "memberships"
        unique_together = (("group", "user", "via"),)

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Select the memberships of people whom the viewer sees, in groups that they see; none
        that were removed."""
        listed = cls.filter(is_removed=False)
        if viewer.is_super_admin:
            return listed
        return listed.filter(
            group_id__in=Subquery(Group.visible_to(viewer).values("id")),
            user_id__in=Subquery(User.visible_to(viewer).values("id")),
        )

    @property
    def term(self) -> Term:
        return Term(self.member_since, self.active_from, self.active_until, self.withdrawn_at)
