"""Warnings of sessions as a viewer reads them. The rule is in domain/warning.py."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access import Viewer
from domain.status import AHEAD
from domain.warning import Clash, FoundWarning, Outlook, SessionWarningCode, find_warnings
from models.academy import Academy
from models.reading.clashes import (
    Clashes,
    count_coming,
    read_others,
    read_student_clashes,
    read_teacher_clashes,
)
from models.reading.meeting_time import refusal_ahead
from models.reading.pages import Order, Page, check_first, read_after
from models.session import Session
from models.user import TeacherMeetingSettings, User

SCANNED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ReadWarning:
    """One warning in the viewer's words; `other` is None where they may not see that session."""

    code: SessionWarningCode
    message: str
    user: User | None
    other: Session | None


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """The rows that some sessions' warnings follow from."""

    academies: dict[int, Academy]
    teachers: dict[int, User]
    preferences: dict[int, TeacherMeetingSettings]
    coming: dict[int, int]
    teacher_clashes: Clashes
    student_clashes: Clashes

    @classmethod
    async def read(cls, sessions: Sequence[Session]) -> Self:
        academies = Academy.filter(id__in=list({one.academy_id for one in sessions}))
        teachers = list({one.teacher_id for one in sessions})
        preferences = await TeacherMeetingSettings.filter(teacher_id__in=teachers)
        return cls(
            academies={row.id: row for row in await academies.select_related("video_settings")},
            teachers={row.id: row for row in await User.filter(id__in=teachers)},
            preferences={row.teacher_id: row for row in preferences},
            coming=await count_coming([one.id for one in sessions]),
            teacher_clashes=await read_teacher_clashes(sessions),
            student_clashes=await read_student_clashes(sessions),
        )

    def outlook(self, session: Session, now: datetime) -> Outlook:
        academy = self.academies[session.academy_id]
        settings = academy.video_settings
        options, refusal = session.options, None
        if session.meeting_id is None:
            options = session.options_by(settings, self.preferences.get(session.teacher_id))
            refusal = refusal_ahead(session, settings, settings.gate(academy), now)
        return Outlook(
            refusal=refusal,
            teacher_id=session.teacher_id,
            is_teacher_active=self.teachers[session.teacher_id].is_active,
            expected=self.coming.get(session.id, 0),
            places=options.max_participants,
            teacher_clashes=self.teacher_clashes.get(session.id, ()),
            student_clashes=self.student_clashes.get(session.id, ()),
        )


async def read_warnings(
    viewer: Viewer, sessions: Sequence[Session], now: datetime
) -> dict[int, list[ReadWarning]]:
    """Read the warnings by session id, in as many statements for a hundred sessions as for one.

    A session whose start has come has none, nor has one that the viewer does not manage.
    """
    found = await _find(viewer, sessions, now)
    each = [one for warnings in found.values() for one in warnings]
    people = await User.filter(id__in=list({one.user_id for one in each if one.user_id}))
    users: dict[int | None, User] = {row.id: row for row in people}
    others = await read_others(
        viewer, [one.told.other_id for one in each if isinstance(one.told, Clash)]
    )

    def read(one: FoundWarning) -> ReadWarning:
        user = users.get(one.user_id)
        if isinstance(one.told, str):
            return ReadWarning(one.code, one.told, user, None)
        text = others.text(users[one.told.user_id], one.told.other_id)
        return ReadWarning(one.code, text, user, others.seen.get(one.told.other_id))

    return {session_id: list(map(read, warnings)) for session_id, warnings in found.items()}


async def read_page_by_warnings(
    rows: QuerySet[Session],
    wanted: bool,
    viewer: Viewer,
    now: datetime,
    *,
    order: Order,
    first: int | None,
    after: str | None,
) -> Page[Session]:
    """Read a page of those of the rows that have warnings, or of those that have none."""
    first = check_first(first)
    if wanted:  # `_find` would find none for the others
        ahead = Q(status__in=AHEAD, scheduled_at__gt=now)
        rows = rows.filter(ahead & Session.managed_by(viewer))

    async def count() -> int:
        return sum([1 async for _ in _scan(rows, wanted, viewer, now, order, None)])

    found: list[Session] = []
    async with aclosing(_scan(rows, wanted, viewer, now, order, after)) as scan:
        async for row in scan:
            found.append(row)
            if len(found) > first:
                break
    return Page(found[:first], len(found) > first, after is not None, count)


async def _scan(
    rows: QuerySet[Session],
    wanted: bool,
    viewer: Viewer,
    now: datetime,
    order: Order,
    after: str | None,
) -> AsyncGenerator[Session]:
    """Yield the rows that have warnings, or those that have none, from the cursor on."""
    is_more = True
    while is_more:
        some = await read_after(rows, order, SCANNED_AT_ONCE, after)
        warned = await _find(viewer, some, now)
        for row in some:
            if (row.id in warned) is wanted:
                yield row
        is_more = len(some) == SCANNED_AT_ONCE
        after = order.cursor(some[-1]) if some else after


async def _find(
    viewer: Viewer, sessions: Sequence[Session], now: datetime
) -> dict[int, list[FoundWarning]]:
    """Find the warnings by session id; a session without any is left out."""
    ahead = [
        one
        for one in sessions
        if one.status.is_ahead and one.scheduled_at > now and one.is_managed_by(viewer)
    ]
    if not ahead:
        return {}
    rows = await _Circumstances.read(ahead)
    found = {one.id: find_warnings(rows.outlook(one, now)) for one in ahead}
    return {session_id: warnings for session_id, warnings in found.items() if warnings}
