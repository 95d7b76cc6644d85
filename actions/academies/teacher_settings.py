"""Changes what a teacher wants of the rooms of their own sessions."""

from datetime import datetime
from typing import Any

from actions.writing.bulk import retried_if_raced
from actions.writing.meeting import refresh_options
from actions.writing.stream import lock_all, read_teacher_settings, write
from domain.access import Permit, UserRole, Viewer
from domain.configuration import TEACHER_BOUNDS, check_within, cleaned_theme
from domain.errors import ForbiddenError, NotFoundError
from domain.status import OPEN
from models import Session, TeacherMeetingSettings, User
from models.database.atomic import atomic


@retried_if_raced
async def update_teacher_meeting_settings(
    viewer: Viewer, teacher_id: int, values: dict[str, Any], now: datetime
) -> User:
    """Set what a teacher wants of their rooms; None: as the academy has it.

    The teacher themselves may do so, and people who configure the academy. The options of the
    teacher's meetings follow as long as the room does not exist.
    """
    teacher = await User.visible_to(viewer).get_or_none(id=teacher_id, role=UserRole.TEACHER)
    if teacher is None:
        raise NotFoundError("No such teacher.", ("teacherId",))
    if teacher.id != viewer.user_id and not viewer.may(Permit.CONFIGURE):
        raise ForbiddenError("Your role does not allow this.")
    check_within("max_participants", values.get("max_participants"), TEACHER_BOUNDS)
    if "theme" in values:
        values = values | {"theme": cleaned_theme(values["theme"])}
    async with atomic() as tx:
        # Written before the sessions are locked: a meeting that is made after that has them.
        row = await TeacherMeetingSettings.select_for_update().get_or_none(teacher_id=teacher.id)
        if row is None:
            await TeacherMeetingSettings.create(teacher_id=teacher.id, **values)
        elif values:
            await row.update_from_dict(values).save(update_fields=list(values))
        theirs = Session.filter(teacher_id=teacher.id, status__in=OPEN, room_first_ready_at=None)
        drafts = await lock_all(theirs, now)
        await read_teacher_settings([draft.session for draft in drafts])
        for draft in drafts:
            refresh_options(draft)
            draft.append_update(viewer.user_id)
        await write(tx, drafts, now)
    return teacher
