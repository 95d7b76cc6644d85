"""Credentials of people and of an academy's own system. Secrets are kept as hashes only."""

from datetime import datetime
from typing import Self

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import Permit, UserRole, Viewer
from models.academy import Academy
from models.database.fields import ShortText, UtcDatetime
from models.user import User


class RefreshToken(Model):
    """One token of a chain that starts with a sign-in. A token used twice ends its whole family."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="refresh_tokens", on_delete=fields.CASCADE, db_index=True
    )
    user_id: int
    family = ShortText(max_length=40, db_index=True)
    token_hash = ShortText(max_length=64, unique=True)
    issued_at: datetime = UtcDatetime()
    expires_at: datetime = UtcDatetime(db_index=True)
    used_at: datetime | None = UtcDatetime(null=True)
    revoked_at: datetime | None = UtcDatetime(null=True)

    class Meta:
        table = "refresh_tokens"


class AccessKey(Model):
    """The key with which an academy's own system signs in. It acts as `user`, a service user."""

    id = fields.IntField(primary_key=True)
    academy: fields.ForeignKeyRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="access_keys", on_delete=fields.CASCADE, db_index=True
    )
    academy_id: int
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="access_key", on_delete=fields.CASCADE
    )
    user_id: int
    name = ShortText(max_length=200)
    secret_hash = ShortText(max_length=64, unique=True)
    created_at: datetime = UtcDatetime()
    last_used_at: datetime | None = UtcDatetime(null=True)
    expires_at: datetime | None = UtcDatetime(null=True)
    revoked_at: datetime | None = UtcDatetime(null=True)

    class Meta:
        table = "access_keys"

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        """Select the keys of the academies that the viewer configures."""
        if viewer.is_super_admin:
            return cls.all()
        if viewer.may(Permit.CONFIGURE):
            return cls.filter(academy_id=viewer.academy_id)
        return cls.filter(id=0)

    @classmethod
    def in_force(cls, now: datetime) -> QuerySet[Self]:
        """Select the keys that are neither revoked nor expired."""
        return cls.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


class AccessKeyChange(Model):
    """A person whom a key created or gave another role. It outlives the key's revocation.

    `former_role` is None for a person whom the key created.
    """

    id = fields.BigIntField(primary_key=True)
    key: fields.ForeignKeyRelation[AccessKey] = fields.ForeignKeyField(
        "models.AccessKey", related_name="changes", on_delete=fields.CASCADE, db_index=True
    )
    key_id: int
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="key_changes", on_delete=fields.CASCADE
    )
    user_id: int
    former_role = fields.CharEnumField(UserRole, max_length=20, null=True)
    role = fields.CharEnumField(UserRole, max_length=20)
    changed_at: datetime = UtcDatetime()

    class Meta:
        table = "access_key_changes"

    @property
    def what(self) -> str:
        """Say what the key did, for people who look after a theft."""
        was_created = self.former_role is None
        return f"created as {self.role}" if was_created else f"{self.former_role} to {self.role}"


class SignInFailure(Model):
    """Failed sign-ins in a row, by a hash of what was tried. With 0 failures the row remembers who
    has signed in from where."""

    key = ShortText(max_length=64, primary_key=True)
    failures = fields.IntField()
    last_failed_at: datetime = UtcDatetime(db_index=True)
    blocked_until: datetime | None = UtcDatetime(null=True)

    class Meta:
        table = "sign_in_failures"
