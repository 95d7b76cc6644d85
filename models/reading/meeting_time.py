"""From when a session can have its meeting, and so from when it can be joined."""

from datetime import datetime

from domain.errors import DomainError
from domain.window import Gate
from models.academy import VideoSettings
from models.session import Session


def meeting_comes_at(
    session: Session, settings: VideoSettings, gate: Gate, now: datetime
) -> datetime | None:
    """Return from when the gate lets the session have its first meeting, at the earliest now.

    None: not before it is over.
    """
    return gate.opens_within(_asked_at(session, settings, now), session.open_until)


def refusal_ahead(
    session: Session, settings: VideoSettings, gate: Gate, now: datetime
) -> DomainError | None:
    """Return why the clock will make no meeting before the session is over; None when it will."""
    if meeting_comes_at(session, settings, gate, now) is not None:
        return None
    return gate.refusal(_asked_at(session, settings, now))


def no_meeting_for(
    session: Session, settings: VideoSettings, gate: Gate, now: datetime, *, manages: bool
) -> DomainError | None:
    """Return why a token could name no meeting now, and from when it may be otherwise; None when
    there is one or can be one."""
    refusal = None if session.meeting_id else gate.refusal(now, is_person=manages)
    if refusal is not None:
        refusal.retry_at = meeting_comes_at(session, settings, gate, now)
    return refusal


def opens_from(session: Session) -> datetime | None:
    """Return when it opens, or a person opened it earlier; None when it is over."""
    opens_at = min(session.opened_at or session.ready_at, session.ready_at)
    return None if session.status.is_over else opens_at


def joinable_from(
    session: Session, settings: VideoSettings, gate: Gate, now: datetime, *, manages: bool
) -> datetime | None:
    """Return from when the session can be joined; None when it is over, or never gets a meeting.

    Who manages it is not held back by the gate: their token makes the meeting.
    """
    opens_at = opens_from(session)
    if session.meeting_id or manages or opens_at is None:
        return opens_at
    comes_at = meeting_comes_at(session, settings, gate, now)
    return opens_at if comes_at == now else comes_at and max(comes_at, opens_at)


def _asked_at(session: Session, settings: VideoSettings, now: datetime) -> datetime:
    """Return when the gate is asked next: of a live session at once, of another when it is due."""
    due_at = min(settings.link_at(session.scheduled_at), session.ready_at)
    return now if session.status.is_live else max(now, due_at)
