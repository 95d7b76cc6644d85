"""Reads what our tables say of a session: its attendance log, and the stored results."""

import json
from dataclasses import dataclass
from typing import Any

from tests.livekit.classroom import Classroom
from tests.livekit.production import Production

LOG = """
SELECT e.kind, e.user_id, e.occurred_ms, e.received_ms
FROM meeting_attendance_events e JOIN sessions s ON s.id = e.session_id
WHERE s.room_name = $1 ORDER BY e.id
"""
RESULTS = """
SELECT p.user_id, a.closed_ms, a.bounds, a.status, a.confidence, a.needs_review, a.last_left_ms
FROM meeting_attendances a JOIN session_participants p ON p.id = a.participant_id
JOIN sessions s ON s.id = a.session_id WHERE s.room_name = $1
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the log. Times are milliseconds; `user_id` is None for the room's lines."""

    kind: str
    user_id: int | None
    occurred_ms: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """One person's result."""

    closed_ms: int
    bounds: dict[str, Any] | None
    status: str | None
    confidence: str
    needs_review: bool
    last_left_ms: int | None


async def log_of(production: Production, classroom: Classroom) -> list[Told]:
    return [Told(**row) for row in await production.query(LOG, classroom.room)]


async def results_of(production: Production, classroom: Classroom) -> dict[str, Stored]:
    """The results by name."""
    names = {person.number: person.name for person in classroom.people.values()}
    found = {}
    for row in await production.query(RESULTS, classroom.room):
        name = names[row.pop("user_id")]
        bounds = None if row["bounds"] is None else json.loads(row["bounds"])
        found[name] = Stored(**row | {"bounds": bounds})
    return found
