"""Writes a group's memberships. One that a person takes away keeps its row, and gives no right."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from domain.errors import InvalidInputError, NotFoundError
from domain.membership import Term
from domain.session import MembershipSource
from models import Group, Membership
from models.database import sql

Way = tuple[int, MembershipSource]  # a person, and by what they belong to the group


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates of a membership; None is no bound."""

    active_from: datetime | None
    active_until: datetime | None

    def check(self, *member: str) -> None:
        """Raise INVALID_INPUT if there is no moment between them: that gives nobody a right."""
        start, end = self.active_from, self.active_until
        if start is not None and end is not None and start >= end:
            message = "`activeUntil` comes after `activeFrom`."
            raise InvalidInputError(message, (*member, "activeUntil"))


def add_wanted(
    wanted: dict[Way, Dates],
    user_id: int | None,
    via: MembershipSource,
    dates: Dates,
    path: tuple[str, ...],
) -> None:
    """Add one more membership that is asked for; refuse it at `path` if it cannot be.

    `user_id` is None where no student of the academy was found by what was given.
    """
    if user_id is None:
        raise NotFoundError("No such student in this academy.", path)
    if (user_id, via) in wanted:
        raise InvalidInputError("Somebody is twice a member by the same way.", path)
    wanted[user_id, via] = dates


async def read_memberships(group: Group) -> dict[Way, Membership]:
    """Read all memberships of a group, removed ones too."""
    return {(row.user_id, row.via): row for row in await Membership.filter(group_id=group.id)}


async def set_memberships(
    group: Group, known: Mapping[Way, Membership], wanted: Mapping[Way, Dates], now: datetime
) -> set[int]:
    """Write the wanted memberships; `known` are all that the group has.

    A removed one starts anew. Returns the people whose membership changed.
    """
    changed: set[int] = set()
    new: list[Membership] = []
    for (user_id, via), dates in wanted.items():
        row = known.get((user_id, via))
        become = Term.new if row is None or row.is_removed else row.term.changed
        term = become(dates.active_from, dates.active_until, now)
        values = asdict(term) | {"is_removed": False}
        if row is None:
            new.append(Membership(group_id=group.id, user_id=user_id, via=via, **values))
        elif row.is_removed or term != row.term:
            await row.update_from_dict(values).save(update_fields=list(values))
            changed.add(user_id)
    await Membership.bulk_create(new)
    return changed


async def remove_memberships(rows: Iterable[Membership], now: datetime) -> set[int]:
    """Take memberships away at once; those that were removed before stay as they are.

    Returns the people whose membership this was.
    """
    listed = [row for row in rows if not row.is_removed]
    for some in sql.batches([row.id for row in listed]):
        await Membership.filter(id__in=some).update(is_removed=True)
        await Membership.filter(id__in=some, withdrawn_at=None).update(withdrawn_at=now)
    return {row.user_id for row in listed}
