"""Adds members to a group and removes them, without the whole list that `upsertGroups` takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from actions.academies.group_upsert import GROUP_MAX_MEMBERS, refill
from actions.writing.bulk import Refusals, check_count, lock_for_lists, retried_if_raced
from actions.writing.memberships import (
    Dates,
    Way,
    add_wanted,
    read_memberships,
    remove_memberships,
    set_memberships,
)
from actions.writing.stream import write
from domain.access import Permit, UserRole, Viewer
from domain.errors import InvalidInputError, NotFoundError, RefusedError
from domain.session import MembershipSource
from models import Group, User
from models.database.atomic import atomic
from models.database.locks import lock_groups


@dataclass(frozen=True, slots=True)
class NewMember:
    """A student to add, named by exactly one of the two. An id that names nobody is 0."""

    user_id: int | None
    user_external_id: str | None
    via: MembershipSource
    dates: Dates


@retried_if_raced
async def add_group_members(
    viewer: Viewer, group_id: int, members: list[NewMember], now: datetime
) -> Group:
    """Make all of these students members, or raise RefusedError; a member's dates are set."""
    group = await Group.fetch_for(viewer, group_id, Permit.SCHEDULE)
    check_count(len(members), "members")
    async with _changing(group, now) as concerned:
        wanted = await _wanted(group, members)
        known = await read_memberships(group)
        listed = {user_id for (user_id, _), row in known.items() if not row.is_removed}
        if len(listed.union(user_id for user_id, _ in wanted)) > GROUP_MAX_MEMBERS:
            raise RefusedError([InvalidInputError(f"At most {GROUP_MAX_MEMBERS} members.")])
        concerned |= await set_memberships(group, known, wanted, now)
    return group


@retried_if_raced
async def remove_group_members(
    viewer: Viewer, group_id: int, user_ids: list[int], now: datetime
) -> Group:
    """End all memberships of these people now, or raise RefusedError.

    Somebody who was removed before stays removed: the answer to a first call may have been lost.
    Somebody who never was a member is NOT_FOUND.
    """
    group = await Group.fetch_for(viewer, group_id, Permit.SCHEDULE)
    check_count(len(user_ids), "members")
    async with _changing(group, now) as concerned:
        known = await read_memberships(group)
        people = {user_id for user_id, _ in known}
        refusals = Refusals()
        for n, user_id in enumerate(user_ids):
            with refusals.under(n):
                if user_id not in people:
                    raise NotFoundError("No member of this group.")
        refusals.check()
        asked = set(user_ids)
        leaving = [row for (user_id, _), row in known.items() if user_id in asked]
        concerned |= await remove_memberships(leaving, now)
    return group


@asynccontextmanager
async def _changing(group: Group, now: datetime) -> AsyncIterator[set[int]]:
    """Lock a group for a block that changes its members; the rosters of its sessions follow.

    The block adds to the set the people who may lose a right.
    """
    async with atomic() as tx:
        await lock_for_lists([group.academy_id])
        await lock_groups([group.id])
        concerned: set[int] = set()
        yield concerned
        await write(tx, await refill([group.id], now), now, concerned)


async def _wanted(group: Group, members: list[NewMember]) -> dict[Way, Dates]:
    """Find the students; RefusedError if one is not named by one value, or unknown, or twice."""
    students = User.filter(academy_id=group.academy_id, role=UserRole.STUDENT)
    ids = [one.user_id for one in members if one.user_id is not None]
    external_ids = [one.user_external_id for one in members if one.user_external_id is not None]
    found: dict[int | str | None, int] = {
        row.id: row.id for row in await students.filter(id__in=ids)
    }
    named = await students.filter(external_id__in=external_ids)
    found |= {row.external_id: row.id for row in named}
    wanted: dict[Way, Dates] = {}
    refusals = Refusals()
    for n, one in enumerate(members):
        with refusals.under(n):
            if (one.user_id is None) == (one.user_external_id is None):
                message = "Name the student by userId or by userExternalId."
                raise InvalidInputError(message, ("userId",))
            name = one.user_external_id if one.user_id is None else one.user_id
            field = ("userExternalId",) if one.user_id is None else ("userId",)
            add_wanted(wanted, found.get(name), one.via, one.dates, field)
    refusals.check()
    return wanted
