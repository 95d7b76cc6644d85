"""Clashes: people who are needed in two sessions of one academy at the same time.

Two sessions overlap where each starts before the other ends, by their schedules. Those that are
over clash with none. A student who is barred or not active does not come, and so clashes with none.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from domain.access import Viewer
from domain.warning import WARNINGS_MAX, Clash, clash_text
from models.academy import Academy
from models.database import sql
from models.database.connection import dialect
from models.session import Session
from models.user import User
from zones import zone_of

EVERY = 2**31 - 1  # more than anybody has of them
Clashes = dict[int, list[Clash]]  # by session, by the other session's start

# The pairs come first: a student's other sessions of all times would be many more. The last
# condition, that nothing lasts longer than a day, lets the index on academy and start find them.
OVERLAPPING = """
WITH pairs AS MATERIALIZED (
    SELECT s.id AS session_id, s.teacher_id, o.id AS other_id,
        o.teacher_id AS other_teacher_id, o.scheduled_at
    FROM sessions s JOIN sessions o ON o.academy_id = s.academy_id AND o.id <> s.id
        AND o.status IN ('SCHEDULED', 'READY', 'ONGOING')
        AND o.scheduled_at < s.ends_at AND o.ends_at > s.scheduled_at
        AND o.scheduled_at > {a_day_before}
    WHERE s.id IN ({ids})
), clashes AS (
    SELECT o.session_id, {person} AS user_id, o.other_id, ROW_NUMBER() OVER
        (PARTITION BY o.session_id ORDER BY o.scheduled_at, o.other_id, {person}) AS place
    FROM pairs o {joins}
)
SELECT session_id, user_id, other_id FROM clashes WHERE place <= {most} ORDER BY session_id, place
"""
A_DAY_BEFORE = {
    "postgres": "s.scheduled_at - interval '1 day'",
    "sqlite": "date(s.scheduled_at, '-1 day')",
}
COMING = "{p}.is_expected AND {p}.barred_at IS NULL"
TEACHERS = ("o.teacher_id", "WHERE o.teacher_id = o.other_teacher_id")
STUDENTS = (
    "p.user_id",
    "JOIN session_participants p ON p.session_id = o.session_id AND " + COMING.format(p="p") + " "
    "JOIN session_participants q ON q.session_id = o.other_id AND q.user_id = p.user_id "
    "AND " + COMING.format(p="q") + " JOIN users u ON u.id = p.user_id AND u.is_active",
)
EXPECTED = (
    "SELECT p.session_id, count(*) AS expected FROM session_participants p "
    "JOIN users u ON u.id = p.user_id AND u.is_active "
    "WHERE " + COMING.format(p="p") + " AND p.session_id IN ({ids}) GROUP BY p.session_id"
)


async def read_teacher_clashes(sessions: Sequence[Session], most: int = WARNINGS_MAX) -> Clashes:
    """Read the clashes of these sessions' teachers, the first of each session."""
    return await _read(sessions, most, *TEACHERS)


async def read_student_clashes(sessions: Sequence[Session], most: int = WARNINGS_MAX) -> Clashes:
    """Read the clashes of the students expected in these sessions, the first of each session."""
    return await _read(sessions, most, *STUDENTS)


async def _read(sessions: Sequence[Session], most: int, person: str, joins: str) -> Clashes:
    found: Clashes = defaultdict(list)
    for some in sql.batches([session.id for session in sessions]):
        query = OVERLAPPING.format(
            person=person,
            joins=joins,
            ids=sql.places(len(some)),
            a_day_before=A_DAY_BEFORE[dialect()],
            most=most,
        )
        for row in await sql.query(query, *some):
            found[row["session_id"]].append(Clash(row["user_id"], row["other_id"]))
    return found


@dataclass(frozen=True, slots=True)
class Others:
    """The other sides of clashes, as far as the viewer may see them, and the zones of all."""

    seen: dict[int, Session]
    zones: dict[int, tzinfo]

    def text(self, person: User, other_id: int) -> str:
        """Tell of this person's clash with the other session."""
        other = self.seen.get(other_id)
        if other is None:
            return clash_text(person.display_name)
        start = other.scheduled_at.astimezone(self.zones[other.academy_id])
        return clash_text(person.display_name, other.title, start)


async def read_others(viewer: Viewer, ids: Collection[int]) -> Others:
    if not ids:
        return Others({}, {})
    seen = await Session.visible_to(viewer).filter(id__in=list(set(ids)))
    academies = await Academy.filter(id__in=list({row.academy_id for row in seen}))
    zones: dict[int, tzinfo] = {academy.id: zone_of(academy.timezone) for academy in academies}
    return Others({row.id: row for row in seen}, zones)


async def count_coming(session_ids: Sequence[int]) -> dict[int, int]:
    """Count the students by session who are expected and can come."""
    counted: dict[int, int] = {}
    for some in sql.batches(session_ids):
        rows = await sql.query(EXPECTED.format(ids=sql.places(len(some))), *some)
        counted |= {row["session_id"]: row["expected"] for row in rows}
    return counted
