"""Tells of sessions whether somebody may join them now, and if not, why."""

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
from models.reading.standing import standings
from models.session import Session


@dataclass(frozen=True, slots=True)
class Joining:
    """What a session is to somebody; `refusal` is None where they may join it."""

    standing: Standing
    refusal: DomainError | None


async def joinings(
    viewer: Viewer, sessions: Sequence[Session], now: datetime, *, is_inside: bool = False
) -> dict[int, Joining]:
    """By session id, of any number of sessions in a handful of statements.

    `is_inside`: the viewer is in the room already, so neither its meeting nor its size matters.
    """
    found = await standings(viewer, sessions, now)
    academies = await _academies(sessions)
    guests = [one for one in sessions if one.status.is_live and not found[one.id].manages]
    inside = await _others_inside(viewer, [] if is_inside else guests)
    answers: dict[int, Joining] = {}
    for session in sessions:
        standing, academy = found[session.id], academies[session.academy_id]
        gate = academy.video_settings.gate(academy)
        answers[session.id] = Joining(
            standing,
            join_refusal(
                session.status,
                standing,
                is_academy_active=academy.is_active,
                no_meeting=None
                if is_inside
                else session.no_meeting_for(now, gate, manages=standing.manages),
                is_full=not standing.manages
                and inside.get(session.id, 0) >= session.options.max_participants,
            ),
        )
    return answers


async def check_joining(
    viewer: Viewer, session: Session, now: datetime, *, is_inside: bool = False
) -> None:
    """Raise the refusal of one session, where there is one."""
    joining = (await joinings(viewer, [session], now, is_inside=is_inside))[session.id]
    if joining.refusal is not None:
        raise joining.refusal


async def _academies(sessions: Sequence[Session]) -> dict[int, Academy]:
    """Those that were not read with their sessions are read at once, with their settings."""
    known = {one.academy_id: one.academy for one in sessions if _has_academy(one)}
    missing = {one.academy_id for one in sessions} - known.keys()
    if missing:
        rows = Academy.filter(id__in=list(missing)).select_related("video_settings")
        known |= {academy.id: academy for academy in await rows}
    return known


def _has_academy(session: Session) -> bool:
    academy = session.academy  # a query, unless it was read with the session
    return isinstance(academy, Academy) and isinstance(academy.video_settings, VideoSettings)


async def _others_inside(viewer: Viewer, sessions: Sequence[Session]) -> dict[int, int]:
    """How many are in each meeting besides the viewer: LiveKit answers a full room with a bare
    500, so it is said before."""
    if not sessions:
        return {}
    rows = MeetingAttendance.filter(
        session_id__in=[session.id for session in sessions], presence=Presence.IN_MEETING
    ).exclude(participant__user_id=viewer.user_id)
    counted = rows.group_by("session_id").annotate(inside=Count("participant_id"))
    return dict(await counted.values_list("session_id", "inside"))
