"""Reads a place in a session's stream, for those who go on from there."""

from tortoise.expressions import Q

from domain.cursors import Place
from domain.event import ROSTER_KINDS
from models.event import SessionEvent


async def read_place(session_id: int, version: int) -> tuple[Place, int]:
    """Return the place at a version, and the last version up to it that changed the roster.

    Before the first event, and where the event is not there, the mark is 0.
    """
    events = SessionEvent.filter(
        Q(sequence=version) | Q(kind__in=ROSTER_KINDS), session_id=session_id, sequence__lte=version
    )
    # Two rows are enough: the event itself, and the last one of the roster.
    rows = await events.order_by("-sequence").limit(2)
    mark = rows[0].mark if rows and rows[0].sequence == version else 0
    changed = (row.sequence for row in rows if row.kind in ROSTER_KINDS)
    return Place(version, mark), next(changed, 0)
