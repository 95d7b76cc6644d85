"""Writes groups from an academy's own system. Their members make the rosters of sessions."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from actions.academies.academy_update import authorise
from actions.writing.bulk import (
    Refusals,
    check_count,
    check_named_once,
    lock_for_lists,
    retried_if_raced,
)
from actions.writing.draft import Draft
from actions.writing.memberships import (
    Dates,
    Way,
    add_wanted,
    read_memberships,
    remove_memberships,
    set_memberships,
)
from actions.writing.roster import fill
from actions.writing.search_words import write_words
from actions.writing.stream import lock_all, write
from domain.access import UserRole, Viewer
from domain.errors import InvalidInputError, NotFoundError
from domain.session import GroupKind, MembershipSource
from domain.status import OPEN
from domain.text import check_external_id, cleaned
from models import Group, Session, User
from models.database.atomic import atomic

GROUP_MAX_MEMBERS = 5000
NAME_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class MemberInput:
    user_external_id: str
    via: MembershipSource
    active_from: datetime | None
    active_until: datetime | None


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """One group to write.

    `teacher_external_id` is None for no teacher, and where `keeps_teacher` says: no change.
    """

    external_id: str
    academy_id: int
    kind: GroupKind
    name: str
    teacher_external_id: str | None
    keeps_teacher: bool
    members: list[MemberInput]


@retried_if_raced
async def upsert_groups(viewer: Viewer, entries: list[GroupEntry], now: datetime) -> list[Group]:
    """Write all of these groups; or none, and raise RefusedError.

    The rosters of their future and live sessions follow.
    """
    check_count(len(entries), "groups")
    refusals = Refusals()
    groups: list[Group] = []
    concerned: set[int] = set()
    seen: set[Hashable] = set()
    async with atomic() as tx:
        academy_ids = {entry.academy_id for entry in entries}
        await lock_for_lists(
            academy_ids if viewer.is_super_admin else academy_ids & {viewer.academy_id}
        )
        for n, entry in enumerate(entries):
            with refusals.under(n):
                check_named_once(seen, (entry.academy_id, entry.external_id))
                groups.append(await _upsert(viewer, entry, now, concerned))
        refusals.check()
        await write_words(groups)
        await write(tx, await refill([group.id for group in groups], now), now, concerned)
    return groups


async def refill(group_ids: list[int], now: datetime) -> list[Draft]:
    """Lock the future and live sessions of these groups, and bring their rosters in step."""
    drafts = await lock_all(Session.filter(group_id__in=group_ids, status__in=OPEN), now)
    for draft in drafts:
        await fill(draft)
    return drafts


async def _upsert(viewer: Viewer, entry: GroupEntry, now: datetime, concerned: set[int]) -> Group:
    """Write one group, and add to `concerned` the people who may lose a right by it."""
    academy_id = await authorise(viewer, entry.academy_id)
    if len(entry.members) > GROUP_MAX_MEMBERS:
        raise InvalidInputError(f"At most {GROUP_MAX_MEMBERS} members.", ("members",))
    check_external_id(entry.external_id)
    name = cleaned(entry.name, NAME_MAX_CHARS, "name")
    group = await Group.get_or_none(academy_id=academy_id, external_id=entry.external_id)
    if group is None:
        group = Group(academy_id=academy_id, external_id=entry.external_id, created_at=now)
    former_id, teacher_id = group.teacher_id, None
    if entry.teacher_external_id is not None:
        teacher = await User.get_or_none(
            academy_id=academy_id, external_id=entry.teacher_external_id, role=UserRole.TEACHER
        )
        if teacher is None:
            raise NotFoundError("No such teacher in this academy.", ("teacherExternalId",))
        teacher_id = teacher.id
    elif entry.keeps_teacher:
        teacher_id = former_id
    if former_id is not None and former_id != teacher_id:
        concerned.add(former_id)
    group.update_from_dict({"kind": entry.kind, "name": name, "teacher_id": teacher_id})
    await group.save()
    concerned |= await _replace_members(group, entry, now)
    return group


async def _replace_members(group: Group, entry: GroupEntry, now: datetime) -> set[int]:
    """Replace the group's memberships; returns the people whose membership changed or ended."""
    asked = [member.user_external_id for member in entry.members]
    students = await User.filter(
        academy_id=group.academy_id, external_id__in=asked, role=UserRole.STUDENT
    )
    ids = {str(student.external_id): student.id for student in students}
    wanted: dict[Way, Dates] = {}
    for n, member in enumerate(entry.members):
        field, user_id = ("members", str(n), "userExternalId"), ids.get(member.user_external_id)
        dates = Dates(member.active_from, member.active_until)
        add_wanted(wanted, user_id, member.via, dates, field)
    known = await read_memberships(group)
    left_out = [row for way, row in known.items() if way not in wanted]
    removed = await remove_memberships(left_out, now)
    return removed | await set_memberships(group, known, wanted, now)
