"""The sessions that an operator chooses for a command: of one academy, of one kind."""

from dataclasses import dataclass

from tortoise.queryset import QuerySet

from domain.session import SessionKind
from models import Session


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """A choice of sessions; None means any."""

    academy_id: int | None = None
    kind: SessionKind | None = None

    def rows(self) -> QuerySet[Session]:
        rows = Session.all()
        if self.academy_id is not None:
            rows = rows.filter(academy_id=self.academy_id)
        return rows if self.kind is None else rows.filter(kind=self.kind)


ALL_SESSIONS = SessionFilter()
