"""Folds a whole session again from its log: puts right what was wrong, invents nothing."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from actions.attendance.final_result import settle
from actions.attendance.folding import refold
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from models import Session
from models.reading.rosters import read_rosters


async def recalculate_attendance(viewer: Viewer, session_id: int, now: datetime) -> Session:
    """For those who manage it: it puts right what was wrong, and invents nothing."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    await recalculate_session(session_id, now)
    return await Session.get(id=session_id)


class _TrialError(Exception):
    """Undoes what was only tried."""


@dataclass(frozen=True, slots=True)
class Repair:
    """How many rows were wrong or missing, and how many facts that tells."""

    rows: int = 0
    facts: int = 0


async def recalculate_session(session_id: int, now: datetime, *, is_trial: bool = False) -> Repair:
    """The whole session from its log. Changes nothing unless a row was wrong or missing.

    What it changed; of a trial, what it would change.
    """
    repair = Repair()
    with suppress(_TrialError):
        async with writing(session_id, now) as draft:
            before = (await read_rosters([session_id]))[session_id]
            after = await refold(draft)
            settle(draft, after)
            wrong = sum(new != old for old, new in zip(before, after, strict=True))
            repair = Repair(wrong, len(draft.events))
            if is_trial:
                raise _TrialError
    return repair
