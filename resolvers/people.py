"""Queries and mutations of people and groups."""

import strawberry
from tortoise.expressions import Q

import models
from actions.academies import group_upsert, user_upsert
from actions.academies.group_upsert import GroupEntry, MemberInput
from actions.academies.user_upsert import PersonInput
from execution.context import Info
from execution.payloads import answers
from models.reading.pages import BY_ID, read_page
from models.reading.search import groups_found, users_found
from resolvers.filters import academy_asked, among, named
from schema.types.given import given
from schema.types.group import Group
from schema.types.ids import Kind, optional_number
from schema.types.inputs import GroupFilter, GroupInput, UserFilter, UserInput, given_values
from schema.types.pages import CountedConnection
from schema.types.payloads import GroupsPayload, UsersPayload
from schema.types.user import User

PERSON_COLUMNS = ("first_name", "last_name", "email", "is_active")


async def users(
    info: Info,
    filter: UserFilter | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> CountedConnection[User]:
    viewer, wanted = info.context.viewer, filter or UserFilter()
    is_active = given(wanted.is_active)
    rows = models.User.visible_to(viewer).filter(
        named("academy_id", Kind.ACADEMY, wanted.academy_id)
        & among("role", wanted.roles)
        & among("external_id", wanted.external_ids)
        & (Q() if is_active is None else Q(is_active=is_active))
        & users_found(given(wanted.search) or "", academy_asked(viewer, wanted.academy_id))
    )
    found = await read_page(rows, first=given(first), after=given(after))
    return CountedConnection.of(found, cursor=BY_ID.cursor, node=User.of)


async def groups(
    info: Info,
    filter: GroupFilter | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> CountedConnection[Group]:
    viewer, wanted = info.context.viewer, filter or GroupFilter()
    rows = models.Group.visible_to(viewer).filter(
        named("academy_id", Kind.ACADEMY, wanted.academy_id)
        & named("teacher_id", Kind.USER, wanted.teacher_id)
        & among("kind", wanted.kinds)
        & among("external_id", wanted.external_ids)
        & groups_found(given(wanted.search) or "", academy_asked(viewer, wanted.academy_id))
    )
    found = await read_page(rows, first=given(first), after=given(after))
    return CountedConnection.of(found, cursor=BY_ID.cursor, node=Group.of)


@answers(UsersPayload, bulk="users")
async def upsert_users(info: Info, users: list[UserInput]) -> UsersPayload:
    people = [_person_input(user) for user in users]
    rows = await user_upsert.upsert_users(info.context.viewer, people, info.context.now)
    return UsersPayload(users=[User.of(row) for row in rows])


def _person_input(user: UserInput) -> PersonInput:
    values = {name: value for name, value in given_values(user).items() if name in PERSON_COLUMNS}
    return PersonInput(
        external_id=user.external_id,
        academy_id=optional_number(Kind.ACADEMY, given(user.academy_id)),
        role=user.role,
        values=values,
        password=given(user.password),
        guardian_external_ids=given(user.guardian_external_ids),
    )


@answers(GroupsPayload, bulk="groups")
async def upsert_groups(info: Info, groups: list[GroupInput]) -> GroupsPayload:
    entries = [
        GroupEntry(
            external_id=group.external_id,
            academy_id=optional_number(Kind.ACADEMY, group.academy_id) or 0,
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
        for group in groups
    ]
    rows = await group_upsert.upsert_groups(info.context.viewer, entries, info.context.now)
    return GroupsPayload(groups=[Group.of(row) for row in rows])
