"""Finds the classes that follow when somebody becomes a student, or is one no more."""

from collections.abc import Collection
from datetime import datetime

from tortoise.expressions import Q, Subquery

from actions.writing.draft import Draft
from actions.writing.stream import lock_all
from domain.access import UserRole
from domain.status import OPEN
from models import Membership, Session, SessionParticipant
from models.database import sql


async def lock_classes(user_ids: Collection[int], now: datetime) -> list[Draft]:
    """Lock the future and live sessions that are for these people or for groups of theirs."""
    if not user_ids:
        return []
    groups = Membership.filter(user_id__in=user_ids, withdrawn_at=None).values("group_id")
    theirs = Q(student_id__in=user_ids) | Q(group_id__in=Subquery(groups))
    return await lock_all(Session.filter(theirs, status__in=OPEN), now)


async def read_students_of(drafts: list[Draft]) -> set[int]:
    """Read who may lose a place when these sessions' rosters are filled."""
    found: set[int] = set()
    for some in sql.batches([draft.session.id for draft in drafts]):
        rows = SessionParticipant.filter(session_id__in=some, role=UserRole.STUDENT)
        found |= {row.user_id for row in await rows.only("id", "user_id")}
    return found
