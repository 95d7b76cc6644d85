"""Due work, the heartbeats of clocks and doors, and the leases of processes."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from domain.session import WorkKind
from models.academy import Academy
from models.database.fields import ShortText, UtcDatetime


class DueWork(Model):
    """One thing that must happen, written in the transaction that causes it.

    The row is deleted when the effect is certain; after a crash another process claims it.
    """

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharEnumField(WorkKind, max_length=30)
    subject = fields.IntField()  # the id of a session or, for some kinds, of a participant
    academy: fields.ForeignKeyRelation[Academy] = fields.ForeignKeyField(
        "models.Academy", related_name="due_work", on_delete=fields.CASCADE
    )
    academy_id: int
    due_at: datetime = UtcDatetime(db_index=True)
    attempts = fields.IntField(default=0)
    claimed_until: datetime | None = UtcDatetime(null=True)
    begun = fields.IntField(default=0)  # starts in a row that did not come to an end
    last_error = fields.TextField(null=True)

    class Meta:
        table = "due_work"
        unique_together = (("kind", "subject"),)


class ClockHeartbeat(Model):
    """The last sign of life of each process that runs the clock."""

    name = ShortText(max_length=100, primary_key=True)
    beat_at: datetime = UtcDatetime()

    class Meta:
        table = "clock_heartbeats"


class DoorHeartbeat(Model):
    """The last signs of life of each API process, whose door takes LiveKit's webhooks."""

    name = ShortText(max_length=100, primary_key=True)
    beat_at: datetime = UtcDatetime()
    stored_at: datetime | None = UtcDatetime(null=True)  # its last signed delivery that was stored
    refused_since: datetime | None = UtcDatetime(null=True)  # all since then got 503

    class Meta:
        table = "door_heartbeats"


class DoorClosure(Model):
    """A time in which no process could take LiveKit's webhooks."""

    shut_from: datetime = UtcDatetime(primary_key=True)
    shut_until: datetime = UtcDatetime()

    class Meta:
        table = "door_closures"


class Lease(Model):
    """A duty that one process at a time has, and the moment at which its lease expires."""

    name = ShortText(max_length=100, primary_key=True)
    leased_until: datetime = UtcDatetime()

    class Meta:
        table = "leases"
