"""Pages of lists that hang on many rows at once: each kind of list in a few statements."""

from collections import defaultdict
from collections.abc import Awaitable, Callable

from strawberry.dataloader import DataLoader
from tortoise.expressions import Q

import models
from domain.access import Viewer
from domain.attendance.fold import AttendanceStatus
from domain.attendance.state import AttendanceState
from domain.event import SessionEventKind
from models.reading.pages import Page, Slice, read_slices
from models.reading.rosters import read_states
from schema.types.context import Key, Lists, Row, Which

Read = Callable[[list[Key], Slice, Which], Awaitable[dict[Key, Page[Row]]]]

PRESENCE = [kind for kind in SessionEventKind if kind.is_presence]


def _lists(read: Read[Key, Which, Row]) -> Lists[Key, Which, Row]:
    """Nothing is kept: what a mutation changes is read again after it."""

    async def load(all_asked: list[tuple[Key, Slice, Which]]) -> list[Page[Row]]:
        keys: dict[tuple[Slice, Which], list[Key]] = defaultdict(list)
        for key, part, which in all_asked:
            keys[part, which].append(key)
        found = {what: await read(list(dict.fromkeys(some)), *what) for what, some in keys.items()}
        return [found[part, which][key] for key, part, which in all_asked]

    return DataLoader(load_fn=load, cache=False)


def attendances_for(
    viewer: Callable[[], Viewer],
) -> Lists[int, AttendanceStatus | None, models.SessionParticipant]:
    """By a session's id: the rows of its roster that the viewer may read, of one status or all."""

    async def read(
        ids: list[int], part: Slice, status: AttendanceStatus | None
    ) -> dict[int, Page[models.SessionParticipant]]:
        rows = models.SessionParticipant.visible_to(viewer()).filter(session_id__in=ids)
        if status is not None:
            rows = rows.filter(attendance__status=status)
        found = await read_slices(rows, ("session_id",), part)
        return {number: part.page(found[number,]) for number in ids}

    return _lists(read)


def history() -> Lists[int, bool, models.SessionEvent]:
    """By a session's id: its stream; the whole is for who manages it, others read in it of nobody's
    attendance."""

    async def read(
        ids: list[int], part: Slice, is_whole: bool
    ) -> dict[int, Page[models.SessionEvent]]:
        rows = models.SessionEvent.filter(session_id__in=ids)
        rows = rows if is_whole else rows.exclude(kind__in=PRESENCE)
        found = await read_slices(rows, ("session_id",), part)
        return {number: part.page(found[number,]) for number in ids}

    return _lists(read)


def evidence() -> Lists[tuple[int, int], bool, models.MeetingAttendanceEvent]:
    """By the ids of a session and a person: that one's lines and the room's, for who manages the
    session; none for others."""

    async def read(
        places: list[tuple[int, int]], part: Slice, is_seen: bool
    ) -> dict[tuple[int, int], Page[models.MeetingAttendanceEvent]]:
        sessions, people = ({place[n] for place in places} for n in (0, 1))
        rows = models.MeetingAttendanceEvent.filter(
            Q(user_id__in=list(people)) | Q(user_id__isnull=True), session_id__in=list(sessions)
        )
        by = ("session_id", "user_id")
        found = await read_slices(rows, by, part) if is_seen else defaultdict(list)
        return {(one, who): part.page(found[one, who] + found[one, None]) for one, who in places}

    return _lists(read)


def states() -> DataLoader[models.SessionParticipant, AttendanceState]:
    return DataLoader(load_fn=read_states, cache=False)
