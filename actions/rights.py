"""Somebody may have lost a right: who watches on their behalf is asked again, at once."""

from collections.abc import Iterable

from gateways.bus import VIEWERS, bell
from models import Guardianship, sql
from models.atomic import Transaction

COUNT_UP = "UPDATE users SET rights_version = rights_version + 1 WHERE id IN ({ids})"


async def review(tx: Transaction, user_ids: Iterable[int]) -> None:
    """Of these people and their guardians, in the transaction that changes what they may do.

    Asking once too often costs a read; the count is for processes that the bell does not reach.
    """
    concerned = await _with_guardians(sorted(set(user_ids)))
    if concerned:
        await sql.execute(COUNT_UP.format(ids=sql.places(len(concerned))), *concerned)
        tx.on_commit(lambda: _ring(concerned))


async def _with_guardians(user_ids: list[int]) -> list[int]:
    ties = await Guardianship.filter(child_id__in=user_ids)
    return sorted({*user_ids, *(tie.guardian_id for tie in ties)})


def _ring(user_ids: list[int]) -> None:
    for user_id in user_ids:
        bell.ring(VIEWERS, str(user_id))
