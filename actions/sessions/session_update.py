"""A session's words and people: a substitute teacher, another student, a better title."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from actions.attendance.folding import advance_if_due
from actions.sessions.session_plan import (
    check_students,
    check_teacher,
    check_words,
    cleaned_words,
    hold,
    plan_of,
)
from actions.writing.bulk import again_if_raced
from actions.writing.draft import Draft
from actions.writing.meeting import layer_options
from actions.writing.roster import change_teacher, fill
from actions.writing.stream import lock_all, write
from domain.access import Permit, Viewer
from domain.errors import ForbiddenError, InvalidInputError, NotFoundError, WrongStatusError
from domain.event import SessionEventKind
from models import Session
from models.database.atomic import atomic

TEACHERS_OWN = {"title", "notes"}
NEEDED = {"title": "title", "teacher_id": "teacherId"}
AUDIENCE = ("student_id", "group_id")

Values = dict[str, Any]


async def update_session(viewer: Viewer, session_id: int, values: Values, now: datetime) -> Session:
    """Change what is given, by SchedulePlan's names; None clears.

    Words may change at any time, also of a session that is over: they are its record. Its teacher
    changes until it is over, its student or group until it begins.
    """
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    if not (viewer.may(Permit.SCHEDULE) or values.keys() <= TEACHERS_OWN):
        raise ForbiddenError("A teacher changes the title and the notes.")
    for name, field in NEEDED.items():
        if name in values and values[name] is None:
            raise InvalidInputError("A session cannot be without it.", (field,))
    given = _one_audience(values | cleaned_words(values))
    return await again_if_raced(lambda: _update(viewer, session_id, given, now))


def _one_audience(values: Values) -> Values:
    """Who names a student means no group any more, and the other way round."""
    for name, other in (AUDIENCE, AUDIENCE[::-1]):
        if values.get(name) is not None and other not in values:
            return values | {other: None}
    return values


async def _update(viewer: Viewer, session_id: int, values: Values, now: datetime) -> Session:
    async with atomic() as tx:
        await _hold(session_id, values)
        drafts = await lock_all(Session.filter(id=session_id), now)
        if not drafts:
            raise NotFoundError("No such session.")
        (draft,) = drafts
        await advance_if_due(draft)
        changed = {name: to for name, to in values.items() if getattr(draft.session, name) != to}
        if changed:
            await _change(draft, changed, viewer.user_id)
        await write(tx, drafts, now)
    return draft.session


async def _hold(session_id: int, values: Values) -> None:
    """A group's members stay as they are meanwhile. Before the session: the order of all locks."""
    if values.get("group_id") is not None:
        await hold("groups", "id", values["group_id"])


async def _change(draft: Draft, changed: Values, actor_id: int) -> None:
    session = draft.session
    _check_status(session, changed)
    plan = replace(plan_of(session), **changed)
    check_words(plan)
    if "teacher_id" in changed:
        await check_teacher(plan)
    if _is_for_others(changed):
        await check_students(plan)
    draft.append(SessionEventKind.UPDATED, {"changed": sorted(changed)}, actor_id)
    await _store(draft, changed | {"format": plan.format})


async def _store(draft: Draft, values: Values) -> None:
    teacher_id = draft.session.teacher_id
    draft.change(**values)
    if draft.session.teacher_id != teacher_id:
        draft.concerned |= {teacher_id, draft.session.teacher_id}
        await change_teacher(draft, teacher_id)
        await layer_options(draft)
    if _is_for_others(values):
        await fill(draft)


def _check_status(session: Session, changed: Values) -> None:
    told = f"A session that is {session.status} keeps its"
    if "teacher_id" in changed and session.status.is_over:
        raise WrongStatusError(f"{told} teacher.", ("teacherId",))
    if _is_for_others(changed) and not session.status.is_ahead:
        field = "studentId" if changed.get("student_id") else "groupId"
        raise WrongStatusError(f"{told} student or group.", (field,))


def _is_for_others(names: Collection[str]) -> bool:
    return any(name in names for name in AUDIENCE)
