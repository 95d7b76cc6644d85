"""Finds any object by its global id."""

import strawberry

import models
from domain.errors import InvalidInputError
from execution.context import Info
from models.reading.rosters import read_states
from resolvers.sessions import session
from schema.types.academy import Academy
from schema.types.access_key import AccessKey
from schema.types.attendance import Attendance
from schema.types.group import Group
from schema.types.ids import Kind, decode
from schema.types.node import Node
from schema.types.user import User

NODES_MAX_IDS = 100


async def node(info: Info, id: strawberry.ID) -> Node | None:
    viewer, now = info.context.viewer, info.context.now
    found = decode(id)
    if found is None:
        return None
    kind, number = found
    match kind:
        case Kind.SESSION:
            return await session(info, id)
        case Kind.ATTENDANCE:
            rows = models.SessionParticipant.visible_to(viewer).filter(id=number)
            row = await rows.select_related("session").first()
            states = await read_states([row]) if row else []
            return Attendance.of(states[0], row.session, now) if row else None
        case Kind.ACADEMY:
            academy = await models.Academy.visible_to(viewer).get_or_none(id=number)
            return Academy.of(academy) if academy else None
        case Kind.USER:
            user = await models.User.visible_to(viewer).filter(id=number).first()
            return User.of(user) if user else None
        case Kind.GROUP:
            group = await models.Group.visible_to(viewer).get_or_none(id=number)
            return Group.of(group) if group else None
        case Kind.ACCESS_KEY:
            key = await models.AccessKey.visible_to(viewer).get_or_none(id=number)
            return AccessKey.of(key) if key else None


async def nodes(info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
    info.context.require_viewer()
    if len(ids) > NODES_MAX_IDS:
        raise InvalidInputError(f"At most {NODES_MAX_IDS} ids at once.", ("ids",))
    return [await node(info, id) for id in ids]
