"""Somebody may have lost a right: who watches on their behalf is asked again, at once."""

from collections.abc import Iterable

from gateways.bus import VIEWERS, bell
from models import Guardianship, sql
from models.atomic import Transaction
from models.database import dialect

LOCK = "SELECT id FROM users WHERE id IN ({ids}) ORDER BY id FOR NO KEY UPDATE"
COUNT_UP = "UPDATE users SET rights_version = rights_version + 1 WHERE id IN ({ids})"
AT_ONCE = 500


async def review(tx: Transaction, user_ids: Iterable[int]) -> None:
    """Of these people and their guardians, in the transaction that changes what they may do.

    Asking once too often costs a read; the count is for processes that the bell does not reach.
    Best once in a transaction, and last: people are locked after sessions, by their ids in order.
    """
    concerned = await _with_guardians(sorted(set(user_ids)))
    for start in range(0, len(concerned), AT_ONCE):
        some = concerned[start : start + AT_ONCE]
        if dialect() == "postgres":
            await sql.query(LOCK.format(ids=sql.places(len(some))), *some)
        await sql.execute(COUNT_UP.format(ids=sql.places(len(some))), *some)
    tx.on_commit(lambda: _ring(concerned))


async def _with_guardians(user_ids: list[int]) -> list[int]:
    if not user_ids:
        return []
    ties = await Guardianship.filter(child_id__in=user_ids)
    return sorted({*user_ids, *(tie.guardian_id for tie in ties)})


def _ring(user_ids: list[int]) -> None:
    for user_id in user_ids:
        bell.ring(VIEWERS, str(user_id))
