"""Clashes: people who are needed in two sessions of one academy at the same time.

Two sessions overlap where each starts before the other ends, by their schedules. Those that are
over clash with none. A student who is barred or not active does not come, and so clashes with none.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo

from domain.access import Viewer
from domain.configuration import VIDEO_BOUNDS
from domain.warning import WARNINGS_MAX, Clash, clash_text
from models.academy import Academy
from models.database import sql
from models.session import Session
from models.user import User
from zones import zone_of

Clashes = dict[int, list[Clash]]  # by session, by the other session's start

LONGEST = timedelta(minutes=VIDEO_BOUNDS["max_duration_minutes"][1])

# The last condition lets the index on academy and start find the others.
OVERLAPPING = """
SELECT s.id AS session_id, {person} AS user_id, o.id AS other_id, ROW_NUMBER() OVER
    (PARTITION BY s.id ORDER BY o.scheduled_at, o.id, {person}) AS place
FROM sessions s JOIN sessions o ON o.academy_id = s.academy_id AND o.id <> s.id
    AND o.status IN ('SCHEDULED', 'READY', 'ONGOING')
    AND o.scheduled_at < s.ends_at AND o.ends_at > s.scheduled_at
    AND o.scheduled_at > $1 AND o.scheduled_at < $2
{joins}
WHERE s.id IN ({ids})
"""
TEACHERS = ("s.teacher_id", "AND o.teacher_id = s.teacher_id")
COMING = "{p}.is_expected AND {p}.barred_at IS NULL"
STUDENTS = (
    "p.user_id",
    "JOIN session_participants p ON p.session_id = s.id AND " + COMING.format(p="p") + " "
    "JOIN session_participants q ON q.session_id = o.id AND q.user_id = p.user_id "
    "AND " + COMING.format(p="q") + " JOIN users u ON u.id = p.user_id AND u.is_active",
)
EXPECTED = (
    "SELECT p.session_id, count(*) AS expected FROM session_participants p "
    "JOIN users u ON u.id = p.user_id AND u.is_active "
    "WHERE " + COMING.format(p="p") + " AND p.session_id IN ({ids}) GROUP BY p.session_id"
)


async def read_teacher_clashes(sessions: Sequence[Session]) -> Clashes:
    """Read the clashes of these sessions' teachers, the first of each session."""
    return await _read(sessions, *TEACHERS)


async def read_student_clashes(sessions: Sequence[Session]) -> Clashes:
    """Read the clashes of the students expected in these sessions, the first of each session."""
    return await _read(sessions, *STUDENTS)


async def _read(sessions: Sequence[Session], person: str, joins: str) -> Clashes:
    found: Clashes = defaultdict(list)
    for some in sql.batches(sessions):
        first = min(one.scheduled_at for one in some) - LONGEST
        last = max(one.ends_at for one in some)
        ids = sql.places(len(some), first=3)
        inner = OVERLAPPING.format(person=person, joins=joins, ids=ids)
        query = (
            f"SELECT * FROM ({inner}) c WHERE place <= {WARNINGS_MAX} ORDER BY session_id, place"
        )
        for row in await sql.query(query, first, last, *[one.id for one in some]):
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
