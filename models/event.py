"""A session's stream: what happened to it, one row a fact, and which rows a viewer reads."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import Viewer
from domain.event import SessionEventKind
from models.fields import UtcDatetime
from models.user import User

if TYPE_CHECKING:
    from models.session import Session


class SessionEvent(Model):
    """One fact of a session's stream. Append-only."""

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

    class Meta:
        table = "session_events"
        unique_together = (("session", "sequence"),)

    @classmethod
    def visible_to(cls, viewer: Viewer, session: "Session") -> QuerySet[Self]:
        """The stream of a session the viewer sees; what names attendances is for who manages."""
        stream = cls.filter(session_id=session.id)
        if session.is_managed_by(viewer):
            return stream
        return stream.exclude(kind__in=[kind for kind in SessionEventKind if kind.is_presence])
