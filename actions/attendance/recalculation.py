"""Folds a whole session again from its log, because a person asks for it.

It corrects wrong results and invents nothing. A session that was final before the present rules is
judged by them from then on; whatever else folds it keeps the rules that its result was made by.
"""

from dataclasses import dataclass
from datetime import datetime

from actions.attendance.final_result import move_by_attendance
from actions.attendance.folding import refold
from actions.writing.draft import Draft
from actions.writing.stream import managing, trying
from domain.access import Viewer
from domain.attendance.fold import ATTENDANCE_RULE
from models import Session
from models.reading.rosters import read_rosters


async def recalculate_attendance(viewer: Viewer, session_id: int, now: datetime) -> Session:
    """Correct the session's results, for a viewer who manages it."""
    async with managing(viewer, session_id, now) as draft:
        await _recalculate(draft)
    return draft.session


@dataclass(frozen=True, slots=True)
class Repair:
    """Counts the rows that were wrong or missing, and the facts that the correction tells."""

    rows: int = 0
    facts: int = 0
    former_rule: int = ATTENDANCE_RULE  # the rules by which it was judged before


async def recalculate_session(session_id: int, now: datetime, *, is_trial: bool = False) -> Repair:
    """Compute the whole session from its log, by the present rules; change only what differs.

    Return the changes; a trial returns the changes that it would make.
    """
    async with trying(session_id, now, is_trial=is_trial) as draft:
        return await _recalculate(draft)


async def _recalculate(draft: Draft) -> Repair:
    session = draft.session
    before = (await read_rosters([session.id]))[session.id]
    former_rule = session.attendance_rule
    if former_rule != ATTENDANCE_RULE:  # only a final result keeps a former rule
        draft.change(attendance_rule=ATTENDANCE_RULE, finalised_at=draft.now)
    after = await refold(draft)
    move_by_attendance(draft, after)
    wrong = sum(new != old for old, new in zip(before, after, strict=True))
    return Repair(wrong, len(draft.events), former_rule)
