"""Somebody may have lost a right: who watches on their behalf is asked again, at once."""

from collections.abc import Iterable

from gateways.bus import VIEWERS, bell
from models import Guardianship, sql
from models.atomic import Transaction
from models.locks import lock_people

COUNT_UP = "UPDATE users SET rights_version = rights_version + 1 WHERE id IN ({ids})"


async def review(tx: Transaction, user_ids: Iterable[int]) -> None:
    """Of these people and their guardians, in the transaction that changes what they may do.

    Asking once too often costs a read; the count is for processes that the bell does not reach.
    Best once in a transaction, and last: people are locked after sessions, by their ids in order.
    """
    await review_alone(tx, await with_guardians(user_ids))


async def review_alone(tx: Transaction, user_ids: Iterable[int]) -> None:
    """Of these people and nobody else: what ended was theirs, not what others have through them."""
    concerned = sorted(set(user_ids))
    await lock_people(concerned)
    for some in sql.batches(concerned):
        await sql.execute(COUNT_UP.format(ids=sql.places(len(some))), *some)
    tx.on_commit(lambda: _ring(concerned))


async def with_guardians(user_ids: Iterable[int]) -> set[int]:
    people = set(user_ids)
    found = set(people)
    for some in sql.batches(sorted(people)):
        found |= {tie.guardian_id for tie in await Guardianship.filter(child_id__in=some)}
    return found


def _ring(user_ids: Iterable[int]) -> None:
    for user_id in user_ids:
        bell.ring(VIEWERS, str(user_id))
