"""Updates a session's texts and people: a better title, a substitute teacher, another student."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from actions.attendance.folding import advance_if_due
from actions.sessions.conflicts import find_clashes, lock_refusing, refuse_conflicts
from actions.sessions.session_input import (
    check_combination,
    check_students,
    check_teacher,
    cleaned_texts,
    hold_row,
    input_of,
)
from actions.writing.bulk import retried_if_raced
from actions.writing.draft import Draft
from actions.writing.meeting import adopt_teacher_options
from actions.writing.moves import expect_teacher
from actions.writing.roster import change_teacher, fill
from actions.writing.search_words import write_words
from actions.writing.stream import lock_for, write
from domain.access import Permit, Viewer
from domain.configuration import camel
from domain.errors import (
    BarredError,
    ForbiddenError,
    InvalidInputError,
    WrongStatusError,
)
from domain.event import SessionEventKind
from domain.session import SessionFormat
from domain.status import SessionStatus
from models import Session, SessionParticipant
from models.database.atomic import atomic

TEACHERS_OWN = {"title", "notes"}

PEOPLE = {"teacher_id", "student_id", "group_id"}

Values = dict[str, Any]


@retried_if_raced
async def update_session(viewer: Viewer, session_id: int, values: Values, now: datetime) -> Session:
    """Change the given values, named as in SessionInput; an empty text clears notes or subject.

    Texts may change at any time, also of a session that is over: they are its record. The teacher
    may change until it is over, an individual session's student or a group session's group until
    it starts.
    """
    row = await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    given = values | cleaned_texts(values)
    async with atomic() as tx:
        # The first of all locks, with the group, which keeps its members meanwhile.
        refusing = await lock_refusing(viewer, {row.academy_id} if given.keys() & PEOPLE else ())
        if given.get("group_id") is not None:
            await hold_row("groups", "id", given["group_id"])
        draft = await lock_for(viewer, session_id, Permit.MANAGE, now)
        await advance_if_due(draft)
        session = draft.session
        changed = {name: to for name, to in given.items() if getattr(session, name) != to}
        _check_allowed(viewer, changed)
        before = await find_clashes(session) if refusing else set()
        if changed:
            await _change(draft, changed, viewer.user_id)
        if changed.keys() & {"title", "subject"}:
            await write_words([session])
        await write(tx, [draft], now)
        if refusing:
            await refuse_conflicts(viewer, session, before)
    return session


def _check_allowed(viewer: Viewer, changed: Values) -> None:
    """Refuse the first of the changes that is not the viewer's to make."""
    for name in changed:
        if name not in TEACHERS_OWN and not viewer.may(Permit.SCHEDULE):
            raise ForbiddenError("A teacher changes the title and the notes.", (camel(name),))


async def _change(draft: Draft, changed: Values, actor_id: int) -> None:
    """Check the new values against the session and draft them, with what follows from them."""
    session = draft.session
    if changed.get("student_id") is not None and session.format is SessionFormat.GROUP:
        raise InvalidInputError("A group's session has no student of its own.", ("studentId",))
    if changed.get("group_id") is not None and session.format is SessionFormat.INDIVIDUAL:
        raise InvalidInputError("An individual session has no group.", ("groupId",))
    has_new_teacher = "teacher_id" in changed
    has_new_students = "student_id" in changed or "group_id" in changed
    keeps = f"A session that is {session.status} keeps its"
    if has_new_teacher and session.status.is_over:
        raise WrongStatusError(f"{keeps} teacher.", ("teacherId",))
    if has_new_students and not session.status.is_ahead:
        field = "studentId" if changed.get("student_id") else "groupId"
        raise WrongStatusError(f"{keeps} student or group.", (field,))
    asked = replace(input_of(session), **changed)
    check_combination(asked)
    if has_new_teacher:
        await check_teacher(asked)
        await _check_not_barred(session, asked.teacher_id)
    if has_new_students:
        await check_students(asked)
    draft.append(SessionEventKind.UPDATED, {"changed": sorted(changed)}, actor_id)
    former_id = session.teacher_id
    draft.change(**changed)
    if has_new_teacher:
        draft.concerned |= {former_id, session.teacher_id}
        await change_teacher(draft, former_id)
        await adopt_teacher_options(draft)
        if session.status is SessionStatus.ONGOING:
            expect_teacher(draft)
    if has_new_students:
        await fill(draft)


async def _check_not_barred(session: Session, teacher_id: int) -> None:
    """Refuse a substitute who is barred: whoever manages a session could unbar themselves."""
    barred = SessionParticipant.filter(session_id=session.id, barred_at__isnull=False)
    if await barred.filter(user_id=teacher_id).exists():
        raise BarredError("Barred from this session; unbar them first.", ("teacherId",))
