"""Reads rows for nested fields in batches, one set of loaders for each operation."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
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
from models.reading.stuck import Signs, read_signs
from models.reading.warnings import ReadWarning, read_warnings
from schema.types.context import Row, RowLoader

M = TypeVar("M", bound=Model)


def _load_rows(model: type[M], key: str = "id") -> RowLoader[M]:
    """Load rows by a unique column that foreign keys name: a missing row is a fault."""

    async def read(keys: list[int]) -> list[M | BaseException]:
        found = await _read_by_key(model, key, keys)
        name = model.__name__
        return [found.get(number) or LookupError(f"no {name} {number}") for number in keys]

    return DataLoader(load_fn=read)


def _load_optional_rows(model: type[M], key: str = "id") -> RowLoader[M | None]:
    """Load rows by a unique column; None for a missing row."""

    async def read(keys: list[int]) -> list[M | None]:
        found = await _read_by_key(model, key, keys)
        return [found.get(number) for number in keys]

    return DataLoader(load_fn=read)


async def _read_by_key(model: type[M], key: str, keys: list[int]) -> dict[int, M]:
    rows = await model.filter(**{f"{key}__in": keys})
    return {getattr(row, key): row for row in rows}


def _load_values(
    read_all: Callable[[list[int]], Awaitable[dict[int, Row]]], empty: Callable[[], Row]
) -> RowLoader[Row]:
    """Load what `read_all` finds by id; `empty` makes the answer for an id without any."""

    async def read(keys: list[int]) -> list[Row]:
        found = await read_all(keys)
        return [found[number] if number in found else empty() for number in keys]

    return DataLoader(load_fn=read)


class Loaders:
    """Holds the loaders of one operation; schema/types/context.py says what each one reads."""

    def __init__(self, viewer: Viewer | None, now: datetime) -> None:
        self._viewer = viewer
        self._now = now
        self.academies = _load_rows(models.Academy)
        self.users = _load_rows(models.User)
        self.groups = _load_rows(models.Group)
        self.sessions = _load_rows(models.Session)
        self.video_settings = _load_rows(models.VideoSettings, "academy_id")
        self.attendance_policies = _load_rows(models.AttendancePolicy, "academy_id")
        self.meeting_settings = _load_optional_rows(models.TeacherMeetingSettings, "teacher_id")
        self.named_users = _load_optional_rows(models.User)
        self.seen_users = _load_values(self._seen_users, bool)
        self.children = _load_values(partial(self._relatives, "guardian_id", "child_id"), list)
        self.guardians = _load_values(partial(self._relatives, "child_id", "guardian_id"), list)
        self.access_keys = _load_values(self._access_keys, list)
        self.meetings = _load_values(self._meetings, MeetingCounts)
        self.signs = _load_values(read_signs, Signs)
        self.rosters = _load_values(read_rosters, list)
        self.own_rows = _load_values(self._own_rows, set)
        self.barred = DataLoader(load_fn=self._barred, cache=False)
        # No cache: a mutation answers with a newer row than the one asked about before.
        self.joinings = DataLoader(load_fn=self._joinings, cache=False)
        self.warnings = DataLoader(load_fn=self._warnings, cache=False)
        self.attendances = nested.load_attendances(lambda: self.viewer)
        self.key_changes = nested.load_key_changes()
        self.history = nested.load_history()
        self.histories = nested.load_histories(lambda: self.viewer)
        self.evidence = nested.load_evidence()
        self.states = nested.load_states()

    @property
    def viewer(self) -> Viewer:
        if self._viewer is None:
            raise RuntimeError("nobody is signed in, so no rows are theirs")
        return self._viewer

    async def _seen_users(self, ids: list[int]) -> dict[int, bool]:
        return dict.fromkeys([row.id for row in await self._visible(ids)], True)

    async def _visible(self, ids: list[int]) -> list[models.User]:
        return await models.User.visible_to(self.viewer).filter(id__in=ids)

    async def _relatives(
        self, own: str, other: str, ids: list[int]
    ) -> dict[int, list[models.User]]:
        """Read the users in the column `other` whom the viewer may see, by the column `own`."""
        ties = await models.Guardianship.in_force().filter(**{f"{own}__in": ids}).order_by(other)
        rows = await self._visible([getattr(tie, other) for tie in ties])
        seen = {row.id: row for row in rows}
        relatives: dict[int, list[models.User]] = defaultdict(list)
        for tie in ties:
            if getattr(tie, other) in seen:
                relatives[getattr(tie, own)].append(seen[getattr(tie, other)])
        return relatives

    async def _meetings(self, academy_ids: list[int]) -> dict[int, MeetingCounts]:
        """Count meetings for a viewer who runs an academy; others get no counts."""
        if not (self.viewer.runs_academy or self.viewer.is_super_admin):
            return {}
        return await read_meeting_counts(academy_ids, self._now)

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
        """Read the barred people for a viewer who manages the session; others read nobody."""
        ids = list({one.id for one in sessions if one.is_managed_by(self.viewer)})
        rows = models.SessionParticipant.filter(session_id__in=ids, barred_at__isnull=False)
        barred: dict[int, list[models.User]] = defaultdict(list)
        for row in await rows.select_related("user").order_by("id") if ids else []:
            barred[row.session_id].append(row.user)
        return [barred[session.id] for session in sessions]

    async def _warnings(self, sessions: list[models.Session]) -> list[list[ReadWarning]]:
        each = {session.id: session for session in sessions}
        found = await read_warnings(self.viewer, list(each.values()), self._now)
        return [found.get(session.id, []) for session in sessions]

    async def _joinings(self, sessions: list[models.Session]) -> list[Joining]:
        # Many rows of a list may belong to one session, which is read once.
        each = {session.id: session for session in sessions}
        found = await read_joinings(self.viewer, list(each.values()), self._now)
        return [found[session.id] for session in sessions]
