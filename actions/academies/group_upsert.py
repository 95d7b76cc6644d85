"""Groups kept in step with an academy's own system. Their members are the rosters of sessions."""

from dataclasses import dataclass
from datetime import datetime

from actions.writing.bulk import Refusals, again_if_raced, check_count, take_turns
from actions.writing.roster import fill
from actions.writing.stream import lock_all, write
from domain.access import Permit, UserRole, Viewer
from domain.errors import InvalidInputError, NotFoundError
from domain.session import GroupKind, MembershipSource
from domain.status import OPEN
from domain.text import check_external_id, cleaned
from models import Academy, Group, Membership, Session, User
from models.database.atomic import atomic

MOST_MEMBERS = 5000
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class MemberInput:
    user_external_id: str
    via: MembershipSource
    active_from: datetime | None
    active_until: datetime | None


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """`teacher_external_id`: None for no teacher; `keeps_teacher`: it was not given."""

    external_id: str
    academy_id: int
    kind: GroupKind
    name: str
    teacher_external_id: str | None
    keeps_teacher: bool
    members: list[MemberInput]


async def upsert_groups(viewer: Viewer, plans: list[GroupPlan], now: datetime) -> list[Group]:
    """All of them, or RefusedError and none. The rosters of future and live sessions follow."""
    check_count(len(plans), "groups")
    return await again_if_raced(lambda: _upsert_all(viewer, plans, now))


async def _upsert_all(viewer: Viewer, plans: list[GroupPlan], now: datetime) -> list[Group]:
    refusals = Refusals()
    groups: list[Group] = []
    concerned: set[int] = set()
    async with atomic() as tx:
        homes = {plan.academy_id for plan in plans}
        await take_turns(homes if viewer.is_super_admin else homes & {viewer.academy_id})
        for n, plan in enumerate(plans):
            with refusals.under(n):
                groups.append(await _upsert(viewer, plan, now, concerned))
        refusals.check()
        ids = [group.id for group in groups]
        drafts = await lock_all(Session.filter(group_id__in=ids, status__in=OPEN), now)
        for draft in drafts:
            await fill(draft)
        await write(tx, drafts, now, concerned)
    return groups


async def _upsert(viewer: Viewer, plan: GroupPlan, now: datetime, concerned: set[int]) -> Group:
    """`concerned` gets those whose rights may end earlier than they did."""
    await _check(viewer, plan)
    name = cleaned(plan.name, LONGEST_NAME, "name")
    group = await Group.get_or_none(academy_id=plan.academy_id, external_id=plan.external_id)
    teacher_id = await _teacher(plan)
    if group is None:
        group = Group(academy_id=plan.academy_id, external_id=plan.external_id, created_at=now)
    elif plan.keeps_teacher:
        teacher_id = group.teacher_id
    concerned |= {former for former in [group.teacher_id] if former not in (None, teacher_id)}
    group.update_from_dict({"kind": plan.kind, "name": name, "teacher_id": teacher_id})
    await group.save()
    concerned |= await _replace_members(group, plan)
    return group


async def _check(viewer: Viewer, plan: GroupPlan) -> None:
    try:
        await Academy.fetch_for(viewer, plan.academy_id, Permit.CONFIGURE)
    except NotFoundError as error:
        raise error.under("academyId") from None
    if len(plan.members) > MOST_MEMBERS:
        raise InvalidInputError(f"At most {MOST_MEMBERS} members.", ("members",))
    check_external_id(plan.external_id)


async def _teacher(plan: GroupPlan) -> int | None:
    if plan.teacher_external_id is None:
        return None
    teacher = await User.get_or_none(
        academy_id=plan.academy_id, external_id=plan.teacher_external_id, role=UserRole.TEACHER
    )
    if teacher is None:
        raise NotFoundError("No such teacher in this academy.", ("teacherExternalId",))
    return teacher.id


async def _replace_members(group: Group, plan: GroupPlan) -> set[int]:
    """Who was a member otherwise than now."""
    changed: set[int] = set()
    ids = await _user_ids(plan)
    wanted = {(ids[m.user_external_id], m.via): m for m in plan.members}
    if len(wanted) < len(plan.members):
        raise InvalidInputError("Somebody is twice a member by the same way.", ("members",))
    for row in await Membership.filter(group_id=group.id):
        member = wanted.pop((row.user_id, row.via), None)
        if member is None:
            await row.delete()
            changed.add(row.user_id)
        elif (row.active_from, row.active_until) != (member.active_from, member.active_until):
            row.active_from, row.active_until = member.active_from, member.active_until
            await row.save(update_fields=["active_from", "active_until"])
            changed.add(row.user_id)
    await Membership.bulk_create(
        [_membership(group, user_id, member) for (user_id, _), member in wanted.items()]
    )
    return changed


def _membership(group: Group, user_id: int, member: MemberInput) -> Membership:
    return Membership(
        group_id=group.id,
        user_id=user_id,
        via=member.via,
        active_from=member.active_from,
        active_until=member.active_until,
    )


async def _user_ids(plan: GroupPlan) -> dict[str, int]:
    asked = [member.user_external_id for member in plan.members]
    users = await User.filter(
        academy_id=plan.academy_id, external_id__in=asked, role=UserRole.STUDENT
    )
    ids = {str(user.external_id): user.id for user in users}
    for n, external_id in enumerate(asked):
        if external_id not in ids:
            raise NotFoundError(
                "No such student in this academy.", ("members", str(n), "userExternalId")
            )
    return ids
