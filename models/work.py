"""What must still happen, what arrived, and whether the clock beats."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from domain.session import WorkKind
from models.academy import Academy
from models.fields import UtcDatetime


class DueWork(Model):
    """One thing that must happen, written in the transaction that causes it. Deleted when the
    effect is certain; a lost task is claimed again."""

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharEnumField(WorkKind, max_length=30)
    subject = fields.IntField()  # a session's id
    academy: fields.ForeignKeyRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="due_work", on_delete=fields.CASCADE
    )
    academy_id: int
    due_at: datetime = UtcDatetime(db_index=True)
    attempts = fields.IntField(default=0)
    claimed_until: datetime | None = UtcDatetime(null=True)
    last_error = fields.TextField(null=True)

    class Meta:
        table = "due_work"
        unique_together = (("kind", "subject"),)


class WebhookReceipt(Model):
    """Every webhook that is not a line of an attendance log: its id, and what became of it."""

    id = fields.CharField(max_length=200, primary_key=True)
    kind = fields.CharField(max_length=100)
    room_name = fields.CharField(max_length=300, null=True)
    outcome = fields.CharField(max_length=20)
    detail = fields.TextField(null=True)
    received_at: datetime = UtcDatetime(db_index=True)

    class Meta:
        table = "webhook_receipts"


class ClockHeartbeat(Model):
    """When each runner of the clock was last seen alive."""

    name = fields.CharField(max_length=100, primary_key=True)
    beat_at: datetime = UtcDatetime()

    class Meta:
        table = "clock_heartbeats"
