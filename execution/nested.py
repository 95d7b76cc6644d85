"""Reads a page of a nested list for many parent rows at once, in a few statements."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from strawberry.dataloader import DataLoader
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

import models
from domain.access import Viewer
from domain.attendance.fold import AttendanceStatus
from domain.attendance.state import AttendanceState
from domain.event import STAFF_KINDS
from models.reading.pages import Page, Slice, count_by, read_slices
from models.reading.rosters import read_states
from schema.types.context import Condition, Key, PageLoader, Row, Span

M = TypeVar("M", bound=Model)

Read = Callable[[list[Key], Slice, Condition], Awaitable[dict[Key, Page[Row]]]]


def _page_loader(read: Read[Key, Condition, Row]) -> PageLoader[Key, Condition, Row]:
    """Make a loader without a cache, because a row may be read again after a mutation."""

    async def load(wanted: list[tuple[Key, Slice, Condition]]) -> list[Page[Row]]:
        keys: dict[tuple[Slice, Condition], list[Key]] = defaultdict(list)
        for key, part, condition in wanted:
            keys[part, condition].append(key)
        found = {
            (part, condition): await read(list(dict.fromkeys(some)), part, condition)
            for (part, condition), some in keys.items()
        }
        return [found[part, condition][key] for key, part, condition in wanted]

    return DataLoader(load_fn=load, cache=False)


def _counted_loader(
    rows_of: Callable[[list[int], Condition], QuerySet[M]], column: str
) -> PageLoader[int, Condition, M]:
    """Make a loader of lists that can be counted, all of one condition by one statement.

    `rows_of` selects the rows of many lists; the column says to which list a row belongs.
    """

    async def read(ids: list[int], part: Slice, condition: Condition) -> dict[int, Page[M]]:
        found = await read_slices(rows_of(ids, condition), (column,), part)
        return {
            number: replace(
                part.page(found[number,]), count=partial(counts.load, (number, condition))
            )
            for number in ids
        }

    async def count(wanted: list[tuple[int, Condition]]) -> list[int]:
        ids: dict[Condition, set[int]] = defaultdict(set)
        for number, condition in wanted:
            ids[condition].add(number)
        found = {
            condition: await count_by(rows_of(sorted(some), condition), column)
            for condition, some in ids.items()
        }
        return [found[condition].get(number, 0) for number, condition in wanted]

    counts = DataLoader(load_fn=count, cache=False)
    return _page_loader(read)


def load_attendances(
    viewer: Callable[[], Viewer],
) -> PageLoader[int, AttendanceStatus | None, models.SessionParticipant]:
    """Load roster rows that the viewer may read, by session id; of one status or of all."""

    def rows_of(
        ids: list[int], status: AttendanceStatus | None
    ) -> QuerySet[models.SessionParticipant]:
        rows = models.SessionParticipant.visible_to(viewer()).filter(session_id__in=ids)
        return rows if status is None else rows.filter(attendance__status=status)

    return _counted_loader(rows_of, "session_id")


def load_histories(
    viewer: Callable[[], Viewer],
) -> PageLoader[int, Span, models.SessionParticipant]:
    """Load roster rows that the viewer may read, by user id; of sessions that start in a span."""

    def rows_of(ids: list[int], span: Span) -> QuerySet[models.SessionParticipant]:
        rows = models.SessionParticipant.visible_to(viewer()).filter(user_id__in=ids)
        start, end = span
        if start is not None:
            rows = rows.filter(session__scheduled_at__gte=start)
        return rows if end is None else rows.filter(session__scheduled_at__lt=end)

    return _counted_loader(rows_of, "user_id")


def load_key_changes() -> PageLoader[int, None, models.AccessKeyChange]:
    """Load whom access keys created or gave another role, by the key's id."""

    async def read(
        ids: list[int], part: Slice, condition: None
    ) -> dict[int, Page[models.AccessKeyChange]]:
        rows = models.AccessKeyChange.filter(key_id__in=ids)
        found = await read_slices(rows, ("key_id",), part)
        return {number: part.page(found[number,]) for number in ids}

    return _page_loader(read)


def load_history() -> PageLoader[int, bool, models.SessionEvent]:
    """Load a session's stream by session id, without events of presence unless `is_whole`."""

    async def read(
        ids: list[int], part: Slice, is_whole: bool
    ) -> dict[int, Page[models.SessionEvent]]:
        rows = models.SessionEvent.filter(session_id__in=ids)
        rows = rows if is_whole else rows.exclude(kind__in=STAFF_KINDS)
        found = await read_slices(rows, ("session_id",), part)
        return {number: part.page(found[number,]) for number in ids}

    return _page_loader(read)


def load_evidence() -> PageLoader[tuple[int, int], bool, models.MeetingAttendanceEvent]:
    """Load a person's lines and the room's by session id and user id; none unless `is_seen`."""

    async def read(
        places: list[tuple[int, int]], part: Slice, is_seen: bool
    ) -> dict[tuple[int, int], Page[models.MeetingAttendanceEvent]]:
        sessions, people = ({place[n] for place in places} for n in (0, 1))
        rows = models.MeetingAttendanceEvent.filter(
            Q(user_id__in=list(people)) | Q(user_id__isnull=True), session_id__in=list(sessions)
        )
        by = ("session_id", "user_id")
        found = await read_slices(rows, by, part) if is_seen else defaultdict(list)
        return {
            (session, person): part.page(found[session, person] + found[session, None])
            for session, person in places
        }

    return _page_loader(read)


def load_states() -> DataLoader[models.SessionParticipant, AttendanceState]:
    return DataLoader(load_fn=read_states, cache=False)
