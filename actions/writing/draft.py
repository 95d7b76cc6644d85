"""A draft holds what is about to be written to a session: its row, its events, its due work."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from secrets import randbits
from typing import Any

from domain.attendance.state import AttendanceState
from domain.event import SessionEventKind
from domain.session import WorkKind
from models import Session
from models.attendance_json import state_to_json

MARK_BITS = 48  # JSON's numbers have 53


@dataclass(frozen=True, slots=True)
class Fact:
    """One event that is about to be written."""

    sequence: int
    kind: SessionEventKind
    payload: dict[str, Any]
    actor_id: int | None


@dataclass(slots=True)
class Draft:
    """A locked session and the changes to be written with it."""

    session: Session
    now: datetime
    events: list[Fact] = field(default_factory=list)
    work: list[tuple[WorkKind, datetime, int]] = field(default_factory=list)
    dropped: set[WorkKind] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    concerned: set[int] = field(default_factory=set)  # people who may lose a right by it
    mark: int = field(default_factory=partial(randbits, MARK_BITS))  # of all its events

    def change(self, **values: Any) -> None:
        """Set the values that differ; the others are neither written nor published.

        A change without an event reaches watchers with their next event or snapshot.
        """
        for name, value in values.items():
            if getattr(self.session, name) != value:
                setattr(self.session, name, value)
                self.changed.add(name)

    def append(
        self, kind: SessionEventKind, payload: dict[str, Any], actor_id: int | None = None
    ) -> None:
        self.session.version += 1
        self.session.version_mark = self.mark
        self.events.append(Fact(self.session.version, kind, payload, actor_id))

    def append_update(self, actor_id: int) -> None:
        """Append UPDATED if anything was changed."""
        if self.changed:
            self.append(SessionEventKind.UPDATED, {}, actor_id)

    def append_presence(self, state: AttendanceState) -> None:
        """Append the whole state of a row of the roster."""
        self.append(SessionEventKind.PRESENCE_CHANGED, state_to_json(state))

    def add_work(self, kind: WorkKind, due_at: datetime, subject: int | None = None) -> None:
        """Add due work; what is added again is due anew.

        `subject` is the id of what the work is about, by default the session's.
        """
        self.work.append((kind, due_at, self.session.id if subject is None else subject))

    def drop_work(self, kind: WorkKind) -> None:
        """Remove due work of the session."""
        self.work = [one for one in self.work if one[0] is not kind]
        self.dropped.add(kind)

    def newly_due(self) -> list[datetime]:
        """List the moments for which the clock may have to wake earlier."""
        moments = [due_at for _, due_at, _ in self.work]
        if "next_transition_at" in self.changed and self.session.next_transition_at is not None:
            moments.append(self.session.next_transition_at)
        return moments
