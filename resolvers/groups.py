"""Mutations of a group's members."""

import strawberry

from actions.academies import group_members
from actions.academies.group_members import NewMember
from actions.writing.memberships import Dates
from execution.context import Info
from execution.payloads import answers
from schema.types.given import given
from schema.types.group import Group
from schema.types.ids import Kind, number_of, optional_number, require_number
from schema.types.inputs import AddGroupMemberInput
from schema.types.payloads import GroupPayload


@answers(GroupPayload, bulk="members")
async def add_group_members(
    info: Info, group_id: strawberry.ID, members: list[AddGroupMemberInput]
) -> GroupPayload:
    number = require_number(Kind.GROUP, group_id, "groupId")
    new = [
        NewMember(
            user_id=optional_number(Kind.USER, given(member.user_id)),
            user_external_id=given(member.user_external_id),
            via=member.via,
            dates=Dates(given(member.active_from), given(member.active_until)),
        )
        for member in members
    ]
    row = await group_members.add_group_members(info.context.viewer, number, new, info.context.now)
    return GroupPayload(group=Group.of(row))


@answers(GroupPayload, bulk="userIds")
async def remove_group_members(
    info: Info, group_id: strawberry.ID, user_ids: list[strawberry.ID]
) -> GroupPayload:
    number = require_number(Kind.GROUP, group_id, "groupId")
    ids = [number_of(Kind.USER, user_id) or 0 for user_id in user_ids]
    viewer, now = info.context.viewer, info.context.now
    row = await group_members.remove_group_members(viewer, number, ids, now)
    return GroupPayload(group=Group.of(row))
