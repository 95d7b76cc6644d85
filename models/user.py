"""Users, the children of parents, and the rule that says which users a viewer sees."""

from datetime import datetime
from typing import Any, Self

from tortoise import fields
from tortoise.expressions import Q, Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import UserRole, Viewer
from domain.meeting import MediaQuality
from models.academy import Academy
from models.database.fields import ShortText, UtcDatetime


class User(Model):
    id = fields.IntField(primary_key=True)
    academy: fields.ForeignKeyNullableRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="users", null=True, on_delete=fields.RESTRICT
    )
    academy_id: int | None
    external_id = ShortText(max_length=200, null=True)
    role = fields.CharEnumField(UserRole, max_length=20)
    first_name = ShortText(max_length=100)
    last_name = ShortText(max_length=100)
    email = ShortText(max_length=254, null=True)
    password_hash = ShortText(max_length=200, null=True)
    is_active = fields.BooleanField(default=True)
    is_service = fields.BooleanField(default=False)
    # An access key set the password, or the one with which it was changed: a thief may know it.
    has_key_password = fields.BooleanField(default=False)
    rights_version = fields.IntField(default=0)  # grows whenever a right may have been lost
    created_at: datetime = UtcDatetime()

    class Meta:
        table = "users"
        unique_together = (("academy", "external_id"), ("academy", "email"))

    @property
    def display_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def external_id_for(self, viewer: Viewer | None) -> str | None:
        """Return the external id; a super admin's only to super admins, as it may be their email.

        None as viewer: the answer is for many.
        """
        is_hidden = self.role is UserRole.SUPER_ADMIN and not (viewer and viewer.is_super_admin)
        return None if is_hidden else self.external_id

    def as_viewer(self, expires_at: datetime | None = None, family: str | None = None) -> Viewer:
        """Return this user as a viewer; the expiry and the family come from their token."""
        told = (self.id, self.role, self.academy_id, expires_at, family, self.is_service)
        return Viewer(*told, rights_version=self.rights_version)

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Select the users that the viewer sees.

        Admin and supervisor: their academy's; teacher: those of their groups and sessions, but not
        who was only added to one; student: themselves; parent: themselves and their children.
        """
        if viewer.is_super_admin:
            return cls.all()
        academy = cls.filter(academy_id=viewer.academy_id)
        if viewer.runs_academy:
            return academy
        others = Q(id=viewer.user_id)
        if viewer.role is UserRole.TEACHER:
            # Two subqueries: one join of memberships and participations would multiply rows.
            members = User.filter(
                memberships__group__teacher_id=viewer.user_id,
                memberships__withdrawn_at=None,
                role=UserRole.STUDENT,
            )
            # Somebody who is added, or only barred, is no student of the teacher's.
            came = Q(participations__is_added=False, participations__barred_at=None)
            rostered = User.filter(
                Q(participations__is_expected=True) | came,
                participations__session__teacher_id=viewer.user_id,
            )
            others = _among(members) | _among(rostered)
        elif viewer.role is UserRole.PARENT:
            wards = Guardianship.in_force().filter(guardian_id=viewer.user_id)
            others = Q(id__in=Subquery(wards.values("child_id")))
        return academy.filter(Q(id=viewer.user_id) | others)


def _among(users: QuerySet[User]) -> Q:
    return Q(id__in=Subquery(users.values("id")))


class Guardianship(Model):
    id = fields.IntField(primary_key=True)
    guardian: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="wards", on_delete=fields.CASCADE
    )
    guardian_id: int
    child: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="guardianships", on_delete=fields.CASCADE, db_index=True
    )
    child_id: int

    class Meta:
        table = "guardianships"
        unique_together = (("guardian", "child"),)

    @classmethod
    def in_force(cls) -> QuerySet[Self]:
        """Select the ties to students. One to somebody who has another role by now gives no right:
        their classes and papers are not a child's."""
        return cls.filter(child__role=UserRole.STUDENT)


class TeacherMeetingSettings(Model):
    """A teacher's preferences for the meetings of their sessions; None is the academy's value."""

    teacher: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User",
        related_name="meeting_settings",
        primary_key=True,
        on_delete=fields.CASCADE,
    )
    teacher_id: int
    max_participants = fields.IntField(null=True)
    recording_enabled = fields.BooleanField(null=True)
    video_quality = fields.CharEnumField(MediaQuality, max_length=10, null=True)
    audio_quality = fields.CharEnumField(MediaQuality, max_length=10, null=True)
    screen_sharing_enabled = fields.BooleanField(null=True)
    chat_enabled = fields.BooleanField(null=True)
    mute_on_join = fields.BooleanField(null=True)
    theme = ShortText(max_length=100, null=True)

    class Meta:
        table = "teacher_meeting_settings"

    def options(self) -> dict[str, Any]:
        """Return the preferences by name, None where the academy's value counts."""
        return {name: getattr(self, name) for name in self._meta.db_fields - {"teacher_id"}}
