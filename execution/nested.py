"""Reads a page of a nested list for many parent rows at once, in a few statements."""

from collections import defaultdict
from collections.abc import Awaitable, Callable

from strawberry.dataloader import DataLoader
from tortoise.expressions import Q

import models
from domain.access import Viewer
from domain.attendance.fold import AttendanceStatus
from domain.attendance.state import AttendanceState
from domain.event import STAFF_KINDS
from models.reading.pages import Page, Slice, read_slices
from models.reading.rosters import read_states
from schema.types.context import Condition, Key, PageLoader, Row

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


def load_attendances(
    viewer: Callable[[], Viewer],
) -> PageLoader[int, AttendanceStatus | None, models.SessionParticipant]:
    """Load roster rows that the viewer may read, by session id; of one status or of all."""

    async def read(
        ids: list[int], part: Slice, status: AttendanceStatus | None
    ) -> dict[int, Page[models.SessionParticipant]]:
        rows = models.SessionParticipant.visible_to(viewer()).filter(session_id__in=ids)
        if status is not None:
            rows = rows.filter(attendance__status=status)
        found = await read_slices(rows, ("session_id",), part)
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
