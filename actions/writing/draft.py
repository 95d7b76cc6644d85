"""What is about to be written to a session: its row, the facts of its stream, and due work."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.event import SessionEventKind
from domain.session import WorkKind
from models import Session


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the stream that is about to be written."""

    sequence: int
    kind: SessionEventKind
    payload: dict[str, Any]
    actor_id: int | None


@dataclass(slots=True)
class Draft:
    """A locked session and what is about to be written to it."""

    session: Session
    now: datetime
    events: list[Fact] = field(default_factory=list)
    work: list[tuple[WorkKind, datetime, int]] = field(default_factory=list)
    dropped: set[WorkKind] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    concerned: set[int] = field(default_factory=set)  # people who may lose a right by it

    def change(self, **values: Any) -> None:
        """Set what differs: what stays as it was is neither written nor rung for. What no event
        tells of, watchers see in their next snapshot, for which the row is read anew."""
        for name, value in values.items():
            if getattr(self.session, name) != value:
                setattr(self.session, name, value)
                self.changed.add(name)

    def append(
        self, kind: SessionEventKind, payload: dict[str, Any], actor_id: int | None = None
    ) -> None:
        self.session.version += 1
        self.events.append(Fact(self.session.version, kind, payload, actor_id))

    def tell_update(self, actor_id: int) -> None:
        """Append that something was changed, where something was."""
        if self.changed:
            self.append(SessionEventKind.UPDATED, {}, actor_id)

    def plan(self, kind: WorkKind, due_at: datetime, subject: int | None = None) -> None:
        """Have something done later; asked for again, it is due anew.

        `subject` is whom or what it is about, where that is not the session.
        """
        self.work.append((kind, due_at, self.session.id if subject is None else subject))

    def drop(self, kind: WorkKind) -> None:
        """What was planned for the session need not be done any more."""
        self.work = [one for one in self.work if one[0] is not kind]
        self.dropped.add(kind)

    def newly_due(self) -> list[datetime]:
        """The moments for which the clock may have to wake earlier."""
        moments = [due_at for _, due_at, _ in self.work]
        if "next_transition_at" in self.changed and self.session.next_transition_at is not None:
            moments.append(self.session.next_transition_at)
        return moments
