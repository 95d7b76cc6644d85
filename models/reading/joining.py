"""Joining: may a viewer join a session now, and if not, why?

A joining is the session's standing to the viewer (see standing.py) and the refusal, if any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise.functions import Count

from domain.access import Viewer
from domain.attendance.fold import Presence
from domain.errors import DomainError
from domain.joining import join_refusal
from domain.standing import Standing
from models.academy import Academy, VideoSettings
from models.attendance import MeetingAttendance
from models.reading.meeting_time import joinable_from, no_meeting_for
from models.reading.standing import read_standings
from models.session import Session


@dataclass(frozen=True, slots=True)
class Joining:
    """A viewer's standing in a session; `refusal` is None when they may join it now."""

    standing: Standing
    refusal: DomainError | None


async def read_joinings(
    viewer: Viewer, sessions: Sequence[Session], now: datetime, *, is_inside: bool = False
) -> dict[int, Joining]:
    """Read the joinings by session id, for all sessions in a handful of statements.

    `is_inside`: the viewer is in the room already, so neither its meeting nor its size matters.
    """
    standings = await read_standings(viewer, sessions, now)
    academies = await _read_academies(sessions)
    limited = [one for one in sessions if one.status.is_live and not standings[one.id].manages]
    inside = await _count_others_inside(viewer, [] if is_inside else limited)
    joinings: dict[int, Joining] = {}
    for session in sessions:
        standing, academy = standings[session.id], academies[session.academy_id]
        manages = standing.manages
        settings = academy.video_settings
        rules = session, settings, settings.gate(academy), now
        joinings[session.id] = Joining(
            standing,
            join_refusal(
                session.status,
                standing,
                is_academy_active=academy.is_active,
                joinable_at=joinable_from(*rules, manages=manages),
                no_meeting=None if is_inside else no_meeting_for(*rules, manages=manages),
                is_full=not manages
                and inside.get(session.id, 0) >= session.options.max_participants,
            ),
        )
    return joinings


async def check_joining(
    viewer: Viewer, session: Session, now: datetime, *, is_inside: bool = False
) -> None:
    """Raise the refusal when the viewer may not join the session now."""
    joinings = await read_joinings(viewer, [session], now, is_inside=is_inside)
    joining = joinings[session.id]
    if joining.refusal is not None:
        raise joining.refusal


async def _read_academies(sessions: Sequence[Session]) -> dict[int, Academy]:
    """Return the academies with their settings; read those not loaded with their sessions."""
    known: dict[int, Academy] = {}
    for session in sessions:
        academy = session.academy  # a query, unless it was read with the session
        if isinstance(academy, Academy) and isinstance(academy.video_settings, VideoSettings):
            known[academy.id] = academy
    missing = {one.academy_id for one in sessions} - known.keys()
    if missing:
        rows = Academy.filter(id__in=list(missing)).select_related("video_settings")
        known |= {academy.id: academy for academy in await rows}
    return known


async def _count_others_inside(viewer: Viewer, sessions: Sequence[Session]) -> dict[int, int]:
    """Count the people in each meeting besides the viewer, so that we refuse a full room ourselves:
    LiveKit would answer with status 500 and no reason."""
    if not sessions:
        return {}
    rows = MeetingAttendance.filter(
        session_id__in=[session.id for session in sessions], presence=Presence.IN_MEETING
    ).exclude(participant__user_id=viewer.user_id)
    counted = rows.group_by("session_id").annotate(inside=Count("participant_id"))
    return dict(await counted.values_list("session_id", "inside"))
