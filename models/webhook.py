"""Webhooks that are no lines of an attendance log, and the count of rejected requests."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.database.fields import ShortText, UtcDatetime
from models.session import Session
from models.user import User


class WebhookReceipt(Model):
    """A webhook that is not a line of an attendance log, with its outcome."""

    id = ShortText(max_length=200, primary_key=True)
    kind = ShortText(max_length=100)
    room_name = ShortText(max_length=300, null=True)
    session: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "models.Session", related_name="receipts", null=True, on_delete=fields.SET_NULL
    )
    session_id: int | None
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="receipts", null=True, on_delete=fields.SET_NULL
    )
    user_id: int | None
    participant_sid = ShortText(max_length=64, null=True)
    outcome = ShortText(max_length=20)
    detail = fields.TextField(null=True)
    occurred_at: datetime | None = UtcDatetime(null=True)  # None: the webhook could not be read
    received_at: datetime = UtcDatetime(db_index=True)

    class Meta:
        table = "webhook_receipts"


class WebhookRejection(Model):
    """The number of unsigned or wrongly signed requests in a minute: one row for all of them."""

    minute: datetime = UtcDatetime(primary_key=True)
    number = fields.IntField()

    class Meta:
        table = "webhook_rejections"
