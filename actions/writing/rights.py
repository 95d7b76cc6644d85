"""Doubts rights: people are authorised anew for what they watch and the rooms they are in."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from actions.writing.due_work import ON_CONFLICT_RENEW
from domain.session import WorkKind
from gateways.changes import publish_doubt, publish_due
from models import Guardianship
from models.database import sql
from models.database.atomic import Transaction
from models.database.locks import lock_people

COUNT_UP = "UPDATE users SET rights_version = rights_version + 1 WHERE id IN ({ids})"
# Only a writer who has locked these people runs this, so that no two wait for each other.
REMOVE_FROM_ROOMS = """
INSERT INTO due_work (kind, subject, academy_id, due_at, attempts, begun)
SELECT '{kind}', p.id, s.academy_id, $1, 0, 0
FROM sessions s
JOIN meeting_attendances a ON a.session_id = s.id
JOIN session_participants p ON p.id = a.participant_id
WHERE s.status IN ('READY', 'ONGOING') AND a.presence = 'IN_MEETING' AND p.user_id IN ({ids})
{on_conflict}
"""


async def doubt_rights(tx: Transaction, user_ids: Iterable[int], now: datetime) -> None:
    """Doubt the rights of these people and their guardians, in the transaction that changes them.

    A person in a room is looked for there, and stays if they still may be there. Doubting too
    often costs a read. The version is counted up for processes that the bus does not reach.
    Call it once per transaction, as the last step: people are locked after sessions, by their ids.
    """
    people = await with_guardians(user_ids)
    await doubt_own_rights(tx, people)
    inside = 0
    for some in sql.batches(sorted(people)):
        statement = REMOVE_FROM_ROOMS.format(
            kind=WorkKind.REMOVE_PERSON.value,
            ids=sql.places(len(some), first=2),
            on_conflict=ON_CONFLICT_RENEW,
        )
        inside += await sql.execute(statement, now, *some)
    if inside:
        tx.on_commit(partial(publish_due, now))


async def doubt_own_rights(tx: Transaction, user_ids: Iterable[int]) -> None:
    """Doubt the rights of these people only, not of those who have rights through them."""
    people = sorted(set(user_ids))
    await lock_people(people)
    for some in sql.batches(people):
        await sql.execute(COUNT_UP.format(ids=sql.places(len(some))), *some)
    for user_id in people:
        tx.on_commit(partial(publish_doubt, user_id))


async def with_guardians(user_ids: Iterable[int]) -> set[int]:
    people = set(user_ids)
    found = set(people)
    for some in sql.batches(sorted(people)):
        found |= {tie.guardian_id for tie in await Guardianship.filter(child_id__in=some)}
    return found
