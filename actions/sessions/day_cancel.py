"""Cancels what is left of an academy's day."""

from contextlib import suppress
from datetime import datetime

from tortoise.expressions import Q

from actions.sessions.session_status import because_of, move_by_person
from actions.writing.bulk import BULK_MAX_ITEMS, retried_if_raced
from actions.writing.moves import Because
from actions.writing.stream import lock_all, write
from domain.access import Permit, UserRole, Viewer
from domain.days import bounds_of, day_of
from domain.errors import DomainError, ForbiddenError, NotFoundError, WrongStatusError
from domain.status import OPEN, SessionStatus, check_asked_move
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

    The day is that of the academy's time zone. Return those that were cancelled: none is left when
    there are fewer than 500.
    """
    academy = await _fetch_academy(viewer, academy_id)
    start, end = bounds_of(day_of(local_date, "localDate"), zone_of(academy.timezone))
    because = because_of(viewer, reason)
    chosen = Q(academy_id=academy_id, status__in=OPEN, scheduled_at__gte=start)
    chosen &= Q(scheduled_at__lt=end) & Session.managed_by(viewer)
    if teacher_id is not None:
        await _check_teacher(viewer, academy_id, teacher_id)
        chosen &= Q(teacher_id=teacher_id)
    if group_id is not None:
        if not await Group.visible_to(viewer).filter(id=group_id, academy_id=academy_id).exists():
            raise NotFoundError("No such group.", ("groupId",))
        chosen &= Q(group_id=group_id)
    cancelled: list[Session] = []
    async with atomic() as tx:
        rows = await Session.filter(chosen).order_by("scheduled_at", "id")
        ids = [row.id for row in rows if _may_be_cancelled(because, row, now)][:BULK_MAX_ITEMS]
        drafts = await lock_all(Session.filter(chosen, id__in=ids), now)
        for draft in drafts:
            with suppress(ForbiddenError, WrongStatusError):  # that session stays as it is
                await move_by_person(draft, SessionStatus.CANCELLED, because)
                cancelled.append(draft.session)
        await write(tx, drafts, now)
    return sorted(cancelled, key=lambda row: (row.scheduled_at, row.id))


def _may_be_cancelled(because: Because, session: Session, now: datetime) -> bool:
    """Tell whether `cancelSession` would cancel it now, also where the clock is late."""
    has_begun = now >= session.scheduled_at
    try:
        check_asked_move(
            SessionStatus.ONGOING if has_begun else session.status,
            SessionStatus.CANCELLED,
            now,
            scheduled_at=session.scheduled_at,
            ends_at=session.ends_at,
            runs_academy=because.runs_academy,
        )
    except (ForbiddenError, WrongStatusError):
        return False
    return True


async def _fetch_academy(viewer: Viewer, academy_id: int) -> Academy:
    try:
        academy = await Academy.fetch_for(viewer, academy_id, Permit.MANAGE)
    except DomainError as error:
        raise error.under("academyId") from None
    return academy


async def _check_teacher(viewer: Viewer, academy_id: int, teacher_id: int) -> None:
    """Refuse a person whom the viewer does not see; a teacher may name only themselves."""
    if not await User.visible_to(viewer).filter(id=teacher_id, academy_id=academy_id).exists():
        raise NotFoundError("No such teacher in this academy.", ("teacherId",))
    if viewer.role is UserRole.TEACHER and teacher_id != viewer.user_id:
        raise ForbiddenError("A teacher cancels sessions of their own.", ("teacherId",))
