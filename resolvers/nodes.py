"""Anything by its global id."""

from collections.abc import Awaitable, Callable

import strawberry

import models
from domain.errors import InvalidInputError
from execution.context import Info
from models.reading.rosters import read_states
from resolvers.sessions import session
from schema.types.academy import Academy
from schema.types.access_key import AccessKey
from schema.types.attendance import attendance_of
from schema.types.group import Group
from schema.types.ids import Kind, decode
from schema.types.node import Node
from schema.types.user import User

MOST = 100


async def node(info: Info, id: strawberry.ID) -> Node | None:
    info.context.require_viewer()
    found = decode(id)
    if found is None:
        return None
    kind, number = found
    if kind is Kind.SESSION:
        return await session(info, id)
    return await _FIND[kind](info, number)


async def nodes(info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
    info.context.require_viewer()
    if len(ids) > MOST:
        raise InvalidInputError(f"At most {MOST} ids at once.", ("ids",))
    return [await node(info, id) for id in ids]


async def _academy(info: Info, number: int) -> Node | None:
    row = await models.Academy.visible_to(info.context.viewer).get_or_none(id=number)
    return Academy.of(row) if row else None


async def _user(info: Info, number: int) -> Node | None:
    row = await models.User.visible_to(info.context.viewer).filter(id=number).first()
    return User.of(row) if row else None


async def _group(info: Info, number: int) -> Node | None:
    row = await models.Group.visible_to(info.context.viewer).get_or_none(id=number)
    return Group.of(row) if row else None


async def _attendance(info: Info, number: int) -> Node | None:
    rows = models.SessionParticipant.visible_to(info.context.viewer).filter(id=number)
    row = await rows.select_related("session").first()
    if row is None:
        return None
    (state,) = await read_states([row])
    return attendance_of(state, row.session, info.context.now)


async def _access_key(info: Info, number: int) -> Node | None:
    row = await models.AccessKey.visible_to(info.context.viewer).get_or_none(id=number)
    return AccessKey.of(row) if row else None


_FIND: dict[Kind, Callable[[Info, int], Awaitable[Node | None]]] = {
    Kind.ACADEMY: _academy,
    Kind.USER: _user,
    Kind.GROUP: _group,
    Kind.ATTENDANCE: _attendance,
    Kind.ACCESS_KEY: _access_key,
}
