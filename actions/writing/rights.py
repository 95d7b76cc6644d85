"""Somebody may have lost a right: what they watch, and any room they are in, is asked again."""

from collections.abc import Iterable
from datetime import datetime

from actions.writing.due_work import ASK_AGAIN
from domain.session import WorkKind
from gateways.bus import CLOCK, VIEWERS, bell
from models import Guardianship
from models.database import sql
from models.database.atomic import Transaction
from models.database.locks import lock_people

COUNT_UP = "UPDATE users SET rights_version = rights_version + 1 WHERE id IN ({ids})"
# Only who has locked these people writes this: nobody waits for it in a circle.
HAVE_REMOVED = """
INSERT INTO due_work (kind, subject, academy_id, due_at, attempts, begun)
SELECT '{kind}', p.id, s.academy_id, $1, 0, 0
FROM sessions s
JOIN meeting_attendances a ON a.session_id = s.id
JOIN session_participants p ON p.id = a.participant_id
WHERE s.status IN ('READY', 'ONGOING') AND a.presence = 'IN_MEETING' AND p.user_id IN ({ids})
{ask_again}
"""


async def review(tx: Transaction, user_ids: Iterable[int], now: datetime) -> None:
    """Of these people and their guardians, in the transaction that changes what they may do.

    Who is in a room is looked for there, and stays where they still may. Asking once too often
    costs a read; the count is for processes that the bell does not reach.
    Best once in a transaction, and last: people are locked after sessions, by their ids in order.
    """
    concerned = await with_guardians(user_ids)
    await review_alone(tx, concerned)
    await _have_removed(tx, sorted(concerned), now)


async def review_alone(tx: Transaction, user_ids: Iterable[int]) -> None:
    """Of these people and nobody else: what ended was theirs, not what others have through them."""
    concerned = sorted(set(user_ids))
    await lock_people(concerned)
    for some in sql.batches(concerned):
        await sql.execute(COUNT_UP.format(ids=sql.places(len(some))), *some)
    tx.on_commit(lambda: _ring(concerned))


async def _have_removed(tx: Transaction, user_ids: list[int], now: datetime) -> None:
    inside = 0
    for some in sql.batches(user_ids):
        ids = sql.places(len(some), first=2)
        kind = WorkKind.REMOVE_PERSON.value
        plan = HAVE_REMOVED.format(kind=kind, ids=ids, ask_again=ASK_AGAIN)
        inside += await sql.execute(plan, now, *some)
    if inside:
        tx.on_commit(lambda: bell.ring(CLOCK, now.isoformat()))


async def with_guardians(user_ids: Iterable[int]) -> set[int]:
    people = set(user_ids)
    found = set(people)
    for some in sql.batches(sorted(people)):
        found |= {tie.guardian_id for tie in await Guardianship.filter(child_id__in=some)}
    return found


def _ring(user_ids: Iterable[int]) -> None:
    for user_id in user_ids:
        bell.ring(VIEWERS, str(user_id))
