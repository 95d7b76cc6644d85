import strawberry
from tortoise.expressions import Q

import models
from actions.academies import group_upsert, user_upsert
from actions.academies.group_upsert import GroupPlan, MemberInput
from actions.academies.user_upsert import PersonInput
from domain.errors import InvalidInputError
from execution.context import Info
from execution.payloads import answers
from models.reading.pages import BY_ID, read_page
from resolvers.filters import among, named
from schema.types.given import given
from schema.types.group import Group
from schema.types.ids import Kind, asked
from schema.types.inputs import GroupFilter, GroupInput, UserFilter, UserInput, given_values
from schema.types.pages import Connection
from schema.types.payloads import GroupsPayload, UsersPayload
from schema.types.user import User

LONGEST_SEARCH = 200
MOST_WORDS = 8


async def users(
    info: Info,
    filter: UserFilter | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> Connection[User]:
    rows = models.User.visible_to(info.context.viewer).filter(_users(filter or UserFilter()))
    found = await read_page(rows, first=given(first), after=given(after))
    return Connection.of(found, cursor=BY_ID.cursor, node=User.of)


def _users(wishes: UserFilter) -> Q:
    active = given(wishes.is_active)
    return (
        named("academy_id", Kind.ACADEMY, wishes.academy_id)
        & among("role", wishes.roles)
        & among("external_id", wishes.external_ids)
        & (Q() if active is None else Q(is_active=active))
        & _searched(given(wishes.search) or "")
    )


def _searched(text: str) -> Q:
    """Every word is somewhere in a name, the email or the external id."""
    if len(text) > LONGEST_SEARCH:
        message = f"At most {LONGEST_SEARCH} characters."
        raise InvalidInputError(message, ("filter", "search"))
    words = text.split()
    if len(words) > MOST_WORDS:
        raise InvalidInputError(f"At most {MOST_WORDS} words.", ("filter", "search"))
    wanted = Q()
    for word in words:
        wanted &= (
            Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
            | Q(external_id__icontains=word)
        )
    return wanted


async def groups(
    info: Info,
    filter: GroupFilter | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> Connection[Group]:
    rows = models.Group.visible_to(info.context.viewer).filter(_groups(filter or GroupFilter()))
    found = await read_page(rows, first=given(first), after=given(after))
    return Connection.of(found, cursor=BY_ID.cursor, node=Group.of)


def _groups(wishes: GroupFilter) -> Q:
    return (
        named("academy_id", Kind.ACADEMY, wishes.academy_id)
        & named("teacher_id", Kind.USER, wishes.teacher_id)
        & among("kind", wishes.kinds)
        & among("external_id", wishes.external_ids)
    )


@answers(UsersPayload, bulk="users")
async def upsert_users(info: Info, users: list[UserInput]) -> UsersPayload:
    people = [_person(user) for user in users]
    rows = await user_upsert.upsert_users(info.context.viewer, people, info.context.now)
    return UsersPayload(users=[User.of(row) for row in rows])


_COLUMNS = ("first_name", "last_name", "email", "is_active")


def _person(user: UserInput) -> PersonInput:
    values = {name: value for name, value in given_values(user).items() if name in _COLUMNS}
    if values.get("is_active", True) is None:
        values["is_active"] = True
    return PersonInput(
        external_id=user.external_id,
        academy_id=asked(Kind.ACADEMY, given(user.academy_id)),
        role=user.role,
        values=values,
        password=given(user.password),
        guardian_external_ids=_cleared(user.guardian_external_ids),
        clears_password=user.password is None,
    )


def _cleared(external_ids: list[str] | None) -> list[str] | None:
    """Left out: None, they are kept. Null: nobody."""
    return None if external_ids is strawberry.UNSET else external_ids or []


@answers(GroupsPayload, bulk="groups")
async def upsert_groups(info: Info, groups: list[GroupInput]) -> GroupsPayload:
    plans = [_plan(group) for group in groups]
    rows = await group_upsert.upsert_groups(info.context.viewer, plans, info.context.now)
    return GroupsPayload(groups=[Group.of(row) for row in rows])


def _plan(group: GroupInput) -> GroupPlan:
    return GroupPlan(
        external_id=group.external_id,
        academy_id=asked(Kind.ACADEMY, group.academy_id) or 0,
        kind=group.kind,
        name=group.name,
        teacher_external_id=given(group.teacher_external_id),
        keeps_teacher=group.teacher_external_id is strawberry.UNSET,
        members=[
            MemberInput(
                user_external_id=member.user_external_id,
                via=member.via,
                active_from=given(member.active_from),
                active_until=given(member.active_until),
            )
            for member in group.members
        ],
    )
