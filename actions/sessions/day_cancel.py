"""Cancels what is left of an academy's day."""

from datetime import datetime

from tortoise.expressions import Q

from actions.sessions.session_status import because_of, move_by_person
from actions.writing.bulk import BULK_MAX_ITEMS, retried_if_raced
from actions.writing.stream import lock_all, write
from domain.access import Permit, UserRole, Viewer
from domain.days import bounds_of, day_of
from domain.errors import DomainError, ForbiddenError, NotFoundError
from domain.status import OPEN, SessionStatus
from models import Academy, Group, Session, User
from models.database.atomic import atomic
from zones import zone_of


@retried_if_raced
async def cancel_day(
    viewer: Viewer,
    academy_id: int,
    local_date: str,
    reason: str | None,
    now: datetime,
    *,
    teacher_id: int | None = None,
    group_id: int | None = None,
) -> list[Session]:
    """Cancel the first 500 of the day's sessions, by their start, that this viewer may cancel.

    The day is that of the academy's time zone. Return those that were cancelled: ask again until
    there are none.
    """
    academy = await _fetch_academy(viewer, academy_id)
    start, end = bounds_of(day_of(local_date, "localDate"), zone_of(academy.timezone))
    because = because_of(viewer, reason)
    chosen = Q(academy_id=academy_id, status__in=OPEN, scheduled_at__gte=start)
    chosen &= Q(scheduled_at__lt=end) & Session.managed_by(viewer)
    # What `check_asked_move` allows, told to the database.
    chosen &= Q(ends_at__gt=now) if because.runs_academy else Q(scheduled_at__gt=now)
    if teacher_id is not None:
        await _check_teacher(viewer, academy_id, teacher_id)
        chosen &= Q(teacher_id=teacher_id)
    if group_id is not None:
        if not await Group.visible_to(viewer).filter(id=group_id, academy_id=academy_id).exists():
            raise NotFoundError("No such group.", ("groupId",))
        chosen &= Q(group_id=group_id)
    async with atomic() as tx:
        rows = await Session.filter(chosen).order_by("scheduled_at", "id").limit(BULK_MAX_ITEMS)
        drafts = await lock_all(Session.filter(chosen, id__in=[row.id for row in rows]), now)
        for draft in drafts:
            await move_by_person(draft, SessionStatus.CANCELLED, because)
        await write(tx, drafts, now)
    cancelled = [draft.session for draft in drafts]
    return sorted(cancelled, key=lambda row: (row.scheduled_at, row.id))


async def _fetch_academy(viewer: Viewer, academy_id: int) -> Academy:
    try:
        academy = await Academy.fetch_for(viewer, academy_id, Permit.MANAGE)
    except DomainError as error:
        raise error.under("academyId") from None
    return academy


async def _check_teacher(viewer: Viewer, academy_id: int, teacher_id: int) -> None:
    """Refuse a person who is not seen, and to a teacher everybody but themselves."""
    if not await User.visible_to(viewer).filter(id=teacher_id, academy_id=academy_id).exists():
        raise NotFoundError("No such teacher in this academy.", ("teacherId",))
    if viewer.role is UserRole.TEACHER and teacher_id != viewer.user_id:
        raise ForbiddenError("A teacher cancels sessions of their own.", ("teacherId",))
