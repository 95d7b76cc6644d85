"""Batch reads for nested fields: many ask, one query answers. One set for each operation."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from strawberry.dataloader import DataLoader
from tortoise.models import Model

import models
from domain.access import Viewer
from execution import nested
from models.group import in_household
from models.reading.joining import Joining, read_joinings
from models.reading.rosters import read_rosters
from models.reading.statistics import MeetingCounts, read_meeting_counts
from models.reading.stuck import read_works
from schema.types.context import Batch, Row

M = TypeVar("M", bound=Model)


def _rows(model: type[M], key: str = "id") -> Batch[M]:
    """Rows by a unique column, which foreign keys name: one that is not there is a fault."""

    async def read(keys: list[int]) -> list[M | BaseException]:
        found = await _found(model, key, keys)
        name = model.__name__
        return [found.get(number) or LookupError(f"no {name} {number}") for number in keys]

    return DataLoader(load_fn=read)


def _rows_if_any(model: type[M], key: str = "id") -> Batch[M | None]:
    """Rows by a unique column; None for what is not there."""

    async def read(keys: list[int]) -> list[M | None]:
        found = await _found(model, key, keys)
        return [found.get(number) for number in keys]

    return DataLoader(load_fn=read)


async def _found(model: type[M], key: str, keys: list[int]) -> dict[int, M]:
    rows = await model.filter(**{f"{key}__in": keys})
    return {getattr(row, key): row for row in rows}


def _answers(
    read_all: Callable[[list[int]], Awaitable[dict[int, Row]]], empty: Callable[[], Row]
) -> Batch[Row]:
    """Read of many at once; `empty` makes the answer for those of whom there is none."""

    async def read(keys: list[int]) -> list[Row]:
        found = await read_all(keys)
        return [found[number] if number in found else empty() for number in keys]

    return DataLoader(load_fn=read)


class Loaders:
    def __init__(self, viewer: Viewer | None, now: datetime) -> None:
        self._viewer = viewer
        self._now = now
        self.academies = _rows(models.Academy)
        self.users = _rows(models.User)
        self.groups = _rows(models.Group)
        self.sessions = _rows(models.Session)
        self.video_settings = _rows(models.VideoSettings, "academy_id")
        self.attendance_policies = _rows(models.AttendancePolicy, "academy_id")
        self.meeting_settings = _rows_if_any(models.TeacherMeetingSettings, "teacher_id")
        self.named_users = _rows_if_any(models.User)
        self.seen_users = _answers(self._seen_users, bool)
        self.children = _answers(self._children, list)
        self.guardians = _answers(self._guardians, list)
        self.access_keys = _answers(self._access_keys, list)
        self.meetings = _answers(self._meetings, MeetingCounts)
        self.works = _answers(read_works, dict)
        self.rosters = _answers(read_rosters, list)
        self.own_rows = _answers(self._own_rows, set)
        self.barred = DataLoader(load_fn=self._barred, cache=False)
        # Nothing is kept: a mutation answers with a row that is newer than what was asked of.
        self.joinings = DataLoader(load_fn=self._joinings, cache=False)
        self.attendances = nested.attendances_for(lambda: self.viewer)
        self.history = nested.history()
        self.evidence = nested.evidence()
        self.states = nested.states()

    @property
    def viewer(self) -> Viewer:
        if self._viewer is None:
            raise RuntimeError("nobody is signed in, so no rows are theirs")
        return self._viewer

    async def _seen_users(self, ids: list[int]) -> dict[int, bool]:
        return dict.fromkeys([row.id for row in await self._visible(ids)], True)

    async def _visible(self, ids: list[int]) -> list[models.User]:
        return await models.User.visible_to(self.viewer).filter(id__in=ids)

    async def _children(self, ids: list[int]) -> dict[int, list[models.User]]:
        ties = await models.Guardianship.filter(guardian_id__in=ids).order_by("child_id")
        return await self._kin([(tie.guardian_id, tie.child_id) for tie in ties])

    async def _guardians(self, ids: list[int]) -> dict[int, list[models.User]]:
        ties = await models.Guardianship.filter(child_id__in=ids).order_by("guardian_id")
        return await self._kin([(tie.child_id, tie.guardian_id) for tie in ties])

    async def _meetings(self, academy_ids: list[int]) -> dict[int, MeetingCounts]:
        """For who runs an academy; none for others."""
        if not (self.viewer.runs_academy or self.viewer.is_super_admin):
            return {}
        return await read_meeting_counts(academy_ids, self._now)

    async def _kin(self, pairs: list[tuple[int, int]]) -> dict[int, list[models.User]]:
        """Those on the right of each pair whom the viewer may see, by the left."""
        seen = {row.id: row for row in await self._visible([right for _, right in pairs])}
        kin: dict[int, list[models.User]] = defaultdict(list)
        for left, right in pairs:
            if right in seen:
                kin[left].append(seen[right])
        return kin

    async def _access_keys(self, academy_ids: list[int]) -> dict[int, list[models.AccessKey]]:
        rows = models.AccessKey.visible_to(self.viewer).filter(academy_id__in=academy_ids)
        keys: dict[int, list[models.AccessKey]] = defaultdict(list)
        for row in await rows.order_by("-id"):
            keys[row.academy_id].append(row)
        return keys

    async def _own_rows(self, session_ids: list[int]) -> dict[int, set[int]]:
        rows = models.SessionParticipant.filter(
            in_household(self.viewer), session_id__in=session_ids
        )
        own: dict[int, set[int]] = defaultdict(set)
        for row in await rows:
            own[row.session_id].add(row.user_id)
        return own

    async def _barred(self, sessions: list[models.Session]) -> list[list[models.User]]:
        """For who manages a session; nobody for others."""
        ids = list({one.id for one in sessions if one.is_managed_by(self.viewer)})
        rows = models.SessionParticipant.filter(session_id__in=ids, barred_at__isnull=False)
        barred: dict[int, list[models.User]] = defaultdict(list)
        for row in await rows.select_related("user").order_by("id") if ids else []:
            barred[row.session_id].append(row.user)
        return [barred[session.id] for session in sessions]

    async def _joinings(self, sessions: list[models.Session]) -> list[Joining]:
        # Many rows of a list may be of one session: it is asked about once.
        each = {session.id: session for session in sessions}
        found = await read_joinings(self.viewer, list(each.values()), self._now)
        return [found[session.id] for session in sessions]
