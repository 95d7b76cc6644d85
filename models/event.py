"""The stream of a session: the events that happened to it, in order."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.models import Model

from domain.attendance.state import AttendanceState
from domain.event import SessionEventKind
from models.attendance_json import state_from_json
from models.database.fields import UtcDatetime
from models.user import User

if TYPE_CHECKING:
    from models.session import Session


class SessionEvent(Model):
    """One event of a session's stream. Rows are only added, never changed."""

    id = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation["Session"] = fields.ForeignKeyField(
        "models.Session", related_name="events", on_delete=fields.CASCADE
    )
    session_id: int
    sequence = fields.IntField()
    kind = fields.CharEnumField(SessionEventKind, max_length=30)
    payload: dict[str, Any] = fields.JSONField()
    occurred_at: datetime = UtcDatetime()
    actor: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="acts", null=True, on_delete=fields.RESTRICT
    )
    actor_id: int | None
    mark = fields.BigIntField(default=0)  # random: another event in its place has another

    class Meta:
        table = "session_events"
        unique_together = (("session", "sequence"),)

    @cached_property
    def state(self) -> AttendanceState:
        """Read the attendance that a change of presence tells of; once, however many ask."""
        return state_from_json(self.payload)
