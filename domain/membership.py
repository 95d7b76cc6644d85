"""Memberships: when somebody belongs to a group, and what that means for one of its sessions."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

LONG_AGO = datetime.min.replace(tzinfo=UTC)
FAR_FUTURE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Occasion:
    """A session of the group, as memberships see it: its times as they are now.

    A session that got another time is judged by the new one only. `open_until` is its scheduled
    end, or a later moment until which somebody keeps it open.
    """

    scheduled_at: datetime
    open_until: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Term:
    """One membership: from `active_from` (or, without it, from `member_since`) to `active_until`.

    None is no bound. `withdrawn_at` is when a person took it away: then it gives no right any more,
    whatever its dates say.
    """

    member_since: datetime | None = None
    active_from: datetime | None = None
    active_until: datetime | None = None
    withdrawn_at: datetime | None = None

    @property
    def _starts(self) -> datetime:
        return self.active_from or self.member_since or LONG_AGO

    @property
    def _ends(self) -> datetime:
        return self.active_until or FAR_FUTURE

    def is_active(self, moment: datetime) -> bool:
        return self.withdrawn_at is None and self._starts <= moment < self._ends

    def expects(self, session: Occasion) -> bool:
        """Tell whether its person is expected: it covers the session's start, as that is now.

        Without `active_from` it begins when the person became a member. A session may be scheduled
        after its own start: then the person is expected who was a member when it was scheduled.
        """
        begun_by = session.scheduled_at
        if self.active_from is None:
            begun_by = max(begun_by, session.created_at)
        is_begun = self._starts <= begun_by
        return self.withdrawn_at is None and is_begun and session.scheduled_at < self._ends

    def is_newcomers(self, session: Occasion, now: datetime) -> bool:
        """Tell whether its person is a newcomer: it begins while the class runs, so they may come
        and are not expected."""
        if self.withdrawn_at is not None or self.expects(session):
            return False
        is_in_class = session.scheduled_at < self._starts < session.open_until
        is_midway = is_in_class or session.scheduled_at < self._starts <= now
        return is_midway and max(self._starts, now) < self._ends

    def lets_in_until(self, session: Occasion, now: datetime) -> datetime | None:
        """Return until when it lets its person into the session; None where it does not now.

        One that covers the start lasts until the session is over, whatever its date says. Every
        other lets in while it is active.
        """
        if self.expects(session):
            return FAR_FUTURE
        return self._ends if self.is_active(now) else None

    @classmethod
    def new(
        cls, active_from: datetime | None, active_until: datetime | None, now: datetime
    ) -> Self:
        """Return the membership of a person who becomes a member now.

        A last moment that is not later than now takes it away at once.
        """
        is_over = active_until is not None and active_until <= now
        return cls(now, active_from, active_until, now if is_over else None)

    def changed(
        self, active_from: datetime | None, active_until: datetime | None, now: datetime
    ) -> Self:
        """Return this membership with dates that a person gives it now.

        One that is not active starts anew. The same dates again change nothing, unless they give
        back what was taken away.
        """
        new = self.new(active_from, active_until, now)
        is_same = (self.active_from, self.active_until) == (active_from, active_until)
        if is_same and (self.withdrawn_at is None or new.withdrawn_at is not None):
            return self
        since = self.member_since if self.is_active(now) else now
        withdrawn_at = new.withdrawn_at and (self.withdrawn_at or now)
        return replace(new, member_since=since, withdrawn_at=withdrawn_at)
