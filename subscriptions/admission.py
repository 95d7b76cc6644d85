"""Who may watch a session, its roster, or one row of it; and how such an operation begins."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import cast

import models
from actions.sweep import advance_among
from domain.access import Audience, Permit, Viewer
from domain.errors import ForbiddenError, NotFoundError
from domain.standing import Standing
from models.standing import standings
from resolvers.context import Info
from subscriptions.hub import Hub
from subscriptions.hubs import Hubs
from subscriptions.right import Admit, Footing, Right
from subscriptions.watchers import Watchers


@dataclass(slots=True)
class Watch:
    """A session that is being watched: `right.confirm()` before anything is told of it."""

    hub: Hub
    right: Right
    audience: Audience
    since: float | None  # when who watches came, till they have a snapshot

    async def refreshed(self) -> Hub:
        """For a snapshot, which is to be yielded before anything else is waited for."""
        since, self.since = self.since, None
        await self.hub.refresh(time.monotonic() if since is None else since)
        await self.right.confirm()
        return self.hub


@asynccontextmanager
async def watching(info: Info, session_id: int, admit: Admit) -> AsyncIterator[Watch]:
    """The session, for whom `admit` lets in; refused as `admit` does."""
    watchers = cast(Watchers, info.context.process.watchers)
    hubs = cast(Hubs, info.context.process.hubs)
    since = time.monotonic()
    async with watchers.holding(info.context, admit) as right:
        audience = await right.begin()
        async with hubs.watching(session_id) as hub:
            yield Watch(hub, right, audience, since)


def to_session(session_id: int) -> Admit:
    """Those who manage it, and those who take part in it."""
    return partial(_to_session, session_id)


async def _to_session(session_id: int, viewer: Viewer, now: datetime) -> Footing:
    return _footing(await _standing(session_id, viewer, now))


def to_roster(session_id: int) -> Admit:
    """Those who manage it: to all others there is no such thing."""
    return partial(_to_roster, session_id)


async def _to_roster(session_id: int, viewer: Viewer, now: datetime) -> Footing:
    standing = await _standing(session_id, viewer, now)
    if not standing.manages:
        raise NotFoundError("No such session.")
    return _footing(standing)


def to_row(session_id: int, user_id: int) -> Admit:
    """Those who manage the session, and those whose own or whose child's row it is."""
    return partial(_to_row, session_id, user_id)


async def _to_row(session_id: int, user_id: int, viewer: Viewer, now: datetime) -> Footing:
    standing = await _standing(session_id, viewer, now, user_id)
    rows = models.SessionParticipant.visible_to(viewer)
    if not await rows.filter(session_id=session_id, user_id=user_id).exists():
        raise NotFoundError("No such attendance.")
    return _footing(standing)


async def _standing(
    session_id: int, viewer: Viewer, now: datetime, user_id: int | None = None
) -> Standing:
    """What the session is to who sees it; one that is overdue is advanced first."""
    session = await models.Session.fetch_for(viewer, session_id, Permit.SEE)
    if session.is_overdue(now):
        await advance_among([session_id], now)
        session = await models.Session.fetch_for(viewer, session_id, Permit.SEE)
    return (await standings(viewer, [session], now, user_id))[session_id]


def _footing(standing: Standing) -> Footing:
    if standing.audience is None:
        raise ForbiddenError("You do not take part in this session.")
    return Footing(standing.audience, standing.until)
