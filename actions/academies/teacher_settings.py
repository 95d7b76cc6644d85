"""What a teacher wants of the rooms of their own sessions."""

from datetime import datetime
from typing import Any

from actions.writing.bulk import again_if_raced
from actions.writing.meeting import lay_again
from actions.writing.stream import ask_teachers, lock_all, write
from domain.access import Permit, UserRole, Viewer
from domain.configuration import TEACHER_BOUNDS, check_within, cleaned_theme
from domain.errors import ForbiddenError, NotFoundError
from domain.status import OPEN
from models import Session, TeacherMeetingSettings, User
from models.database.atomic import Transaction, atomic


async def update_teacher_meeting_settings(
    viewer: Viewer, teacher_id: int, values: dict[str, Any], now: datetime
) -> User:
    """The teacher's own, or by who configures the academy. None: as the academy has it. Meetings
    of theirs whose room is not there yet follow."""
    teacher = await _fetch(viewer, teacher_id)
    check_within("max_participants", values.get("max_participants"), TEACHER_BOUNDS)
    if "theme" in values:
        values = values | {"theme": cleaned_theme(values["theme"])}
    await again_if_raced(lambda: _update(teacher, values, viewer.user_id, now))
    return teacher


async def _update(teacher: User, values: dict[str, Any], actor_id: int, now: datetime) -> None:
    async with atomic() as tx:
        # Written first: whoever makes a meeting after we have its session sees them.
        row = await TeacherMeetingSettings.select_for_update().get_or_none(teacher_id=teacher.id)
        if row is None:
            await TeacherMeetingSettings.create(teacher_id=teacher.id, **values)
        elif values:
            await row.update_from_dict(values).save(update_fields=list(values))
        await _follow(tx, teacher, actor_id, now)


async def _fetch(viewer: Viewer, teacher_id: int) -> User:
    teacher = await User.visible_to(viewer).get_or_none(id=teacher_id, role=UserRole.TEACHER)
    if teacher is None:
        raise NotFoundError("No such teacher.", ("teacherId",))
    if teacher.id != viewer.user_id and not viewer.may(Permit.CONFIGURE):
        raise ForbiddenError("Your role does not allow this.")
    return teacher


async def _follow(tx: Transaction, teacher: User, actor_id: int, now: datetime) -> None:
    theirs = Session.filter(teacher_id=teacher.id, status__in=OPEN, room_first_ready_at=None)
    drafts = await lock_all(theirs, now)
    await ask_teachers([draft.session for draft in drafts])
    for draft in drafts:
        lay_again(draft)
        draft.tell_update(actor_id)
    await write(tx, drafts, now)
