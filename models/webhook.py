"""What LiveKit told us that is no line of an attendance log, and how often we turned it away."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.database.fields import UtcDatetime
from models.session import Session
from models.user import User


class WebhookReceipt(Model):
    """Every webhook that is not a line of an attendance log: its id, and what became of it."""

    id = fields.CharField(max_length=200, primary_key=True)
    kind = fields.CharField(max_length=100)
    room_name = fields.CharField(max_length=300, null=True)
    session: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "models.Session", related_name="receipts", null=True, on_delete=fields.SET_NULL
    )
    session_id: int | None
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="receipts", null=True, on_delete=fields.SET_NULL
    )
    user_id: int | None
    participant_sid = fields.CharField(max_length=64, null=True)
    outcome = fields.CharField(max_length=20)
    detail = fields.TextField(null=True)
    occurred_at: datetime | None = UtcDatetime(null=True)  # None: it could not be read
    received_at: datetime = UtcDatetime(db_index=True)

    class Meta:
        table = "webhook_receipts"


class WebhookRejection(Model):
    """How many unsigned or wrongly signed requests came in a minute: a number, never a row each."""

    minute: datetime = UtcDatetime(primary_key=True)
    number = fields.IntField()

    class Meta:
        table = "webhook_rejections"
