"""Reads sessions as they should be now, for the resolvers and the subscriptions."""

from collections.abc import Iterable
from datetime import datetime

import models
from actions.clock.sweep import advance_among
from domain.access import Viewer


async def read_current_sessions(
    viewer: Viewer, session_ids: Iterable[int], now: datetime
) -> dict[int, models.Session]:
    """Return the sessions that the viewer may see, by id. The overdue ones are advanced first."""
    visible = models.Session.visible_to(viewer).filter(id__in=session_ids)
    found = await visible
    overdue = [session.id for session in found if session.is_overdue(now)]
    if overdue:
        await advance_among(overdue, now)
        found = await visible  # also when another process was quicker
    return {session.id: session for session in found}
