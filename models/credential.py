"""What people and an academy's own system sign in with. Secrets are kept as hashes only."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.academy import Academy
from models.fields import UtcDatetime
from models.user import User


class RefreshToken(Model):
    """One link of a chain that begins with a sign-in. A link used twice ends its whole family."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="refresh_tokens", on_delete=fields.CASCADE, db_index=True
    )
    user_id: int
    family = fields.CharField(max_length=40, db_index=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    issued_at: datetime = UtcDatetime()
    expires_at: datetime = UtcDatetime(db_index=True)
    used_at: datetime | None = UtcDatetime(null=True)
    revoked_at: datetime | None = UtcDatetime(null=True)

    class Meta:
        table = "refresh_tokens"


class AccessKey(Model):
    """What an academy's own system signs in with: it acts as `user`, made for it alone."""

    id = fields.IntField(primary_key=True)
    academy: fields.ForeignKeyRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="access_keys", on_delete=fields.CASCADE, db_index=True
    )
    academy_id: int
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="access_key", on_delete=fields.CASCADE
    )
    user_id: int
    name = fields.CharField(max_length=200)
    secret_hash = fields.CharField(max_length=64, unique=True)
    created_at: datetime = UtcDatetime()
    last_used_at: datetime | None = UtcDatetime(null=True)
    expires_at: datetime | None = UtcDatetime(null=True)
    revoked_at: datetime | None = UtcDatetime(null=True)

    class Meta:
        table = "access_keys"


class SignInFailure(Model):
    """Failed sign-ins in a row, by a hash of what was tried; from a number on, later is better."""

    key = fields.CharField(max_length=64, primary_key=True)
    failures = fields.IntField()
    last_failed_at: datetime = UtcDatetime(db_index=True)
    blocked_until: datetime | None = UtcDatetime(null=True)

    class Meta:
        table = "sign_in_failures"
