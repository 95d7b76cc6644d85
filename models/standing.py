"""The one place that says who may take part in a session: by joining it, and by watching it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.access import UserRole, Viewer
from domain.standing import Standing
from models import sql
from models.academy import letting_teachers_in
from models.group import Membership, theirs
from models.participant import SessionParticipant
from models.session import Session
from models.user import Guardianship

ALWAYS = datetime.max.replace(tzinfo=UTC)

Members = dict[tuple[int, int], list[Membership]]  # by group and person


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why some sessions are to a viewer what they are: read at once for all of them."""

    viewer: Viewer
    rows: dict[int, list[SessionParticipant]]
    members: Members
    visited: Collection[int]  # the academies that let their teachers join all sessions

    def standing(self, session: Session, now: datetime, user_id: int | None = None) -> Standing:
        """`user_id`: by this person's place on the roster alone, theirs or their child's."""
        rows = self.rows.get(session.id, [])
        if user_id is not None:
            rows = [row for row in rows if row.user_id == user_id]
        is_visitor = user_id is None and _visits(self.viewer, session, self.visited)
        return _standing(self.viewer, session, rows, self.members, now, is_visitor=is_visitor)


async def grounds(viewer: Viewer, sessions: Sequence[Session]) -> Grounds:
    rows = SessionParticipant.filter(theirs(viewer), session_id__in=[one.id for one in sessions])
    found: dict[int, list[SessionParticipant]] = defaultdict(list)
    for row in await rows:
        found[row.session_id].append(row)
    members, visited = await _members(sessions, found), await _visited([viewer])
    return Grounds(viewer, found, members, visited)


async def standings(
    viewer: Viewer, sessions: Sequence[Session], now: datetime
) -> dict[int, Standing]:
    """What each of these sessions is to the viewer, by its id."""
    basis = await grounds(viewer, sessions)
    return {one.id: basis.standing(one, now) for one in sessions}


async def standings_of(
    places: Sequence[tuple[Session, Viewer]], now: datetime
) -> dict[tuple[int, int], Standing]:
    """What each session is to that person, by both ids; of all of them in a handful of reads."""
    found: dict[tuple[int, int], Standing] = {}
    for some in sql.batches(places):
        found |= await _standings_of(some, now)
    return found


async def _standings_of(
    places: Sequence[tuple[Session, Viewer]], now: datetime
) -> dict[tuple[int, int], Standing]:
    sessions = {session.id: session for session, _ in places}
    families = await _families([viewer for _, viewer in places])
    found = await _rows(sessions, set[int]().union(*families.values()))
    rows = {(row.session_id, row.user_id): row for some in found.values() for row in some}
    members = await _members(sessions.values(), found)
    visited = await _visited([viewer for _, viewer in places])
    return {
        (session.id, viewer.user_id): _standing(
            viewer,
            session,
            [rows[key] for id in families[viewer.user_id] if (key := (session.id, id)) in rows],
            members,
            now,
            is_visitor=_visits(viewer, session, visited),
        )
        for session, viewer in places
    }


async def _families(viewers: Sequence[Viewer]) -> dict[int, set[int]]:
    """Each of them with the children they look after: of many what `theirs` is of one."""
    found = {viewer.user_id: {viewer.user_id} for viewer in viewers}
    parents = [viewer.user_id for viewer in viewers if viewer.role is UserRole.PARENT]
    for tie in await Guardianship.filter(guardian_id__in=parents) if parents else []:
        found[tie.guardian_id].add(tie.child_id)
    return found


async def _rows(
    session_ids: Iterable[int], user_ids: Iterable[int]
) -> dict[int, list[SessionParticipant]]:
    found: dict[int, list[SessionParticipant]] = defaultdict(list)
    for some in sql.batches(sorted(user_ids)):
        rows = SessionParticipant.filter(session_id__in=list(session_ids), user_id__in=some)
        for row in await rows:
            found[row.session_id].append(row)
    return found


async def _visited(viewers: Iterable[Viewer]) -> set[int]:
    """Of the teachers' academies those whose sessions a teacher may join all."""
    homes = {one.academy_id for one in viewers if one.role is UserRole.TEACHER and one.academy_id}
    if not homes:
        return set()
    return {row.academy_id for row in await letting_teachers_in().filter(academy_id__in=homes)}


def _visits(viewer: Viewer, session: Session, visited: Collection[int]) -> bool:
    is_home = viewer.academy_id == session.academy_id
    return viewer.role is UserRole.TEACHER and is_home and session.academy_id in visited


async def _members(
    sessions: Iterable[Session], found: dict[int, list[SessionParticipant]]
) -> Members:
    groups = {one.group_id for one in sessions if one.group_id and found[one.id]}
    people = {row.user_id for rows in found.values() for row in rows}
    members: Members = defaultdict(list)
    if groups:
        for some in sql.batches(sorted(people)):
            for row in await Membership.filter(group_id__in=groups, user_id__in=some):
                members[row.group_id, row.user_id].append(row)
    return members


def _standing(
    viewer: Viewer,
    session: Session,
    rows: list[SessionParticipant],
    members: Members,
    now: datetime,
    *,
    is_visitor: bool,
) -> Standing:
    """Who is barred is so whatever else they are; a child who is barred lets no parent in."""
    barred = [row for row in rows if row.barred_at is not None]
    ends = [_lets_in_until(session, row, members, now) for row in rows if row not in barred]
    ways = [end for end in ends if end is not None] + ([ALWAYS] if is_visitor else [])
    last = max(ways, default=ALWAYS)
    manages = session.is_managed_by(viewer)
    is_themselves = any(row.user_id == viewer.user_id for row in barred)
    return Standing(
        manages=manages,
        takes_part=bool(ways),
        is_barred=is_themselves or bool(barred and not ways and not manages),
        until=None if manages or last == ALWAYS else last,
    )


def _lets_in_until(
    session: Session, row: SessionParticipant, members: Members, now: datetime
) -> datetime | None:
    """Until when this place on the roster is one to take part from; None: it is none now.

    Whoever was on the roster may see how a session ended.
    """
    if row.is_added or session.student_id == row.user_id or session.status.is_over:
        return ALWAYS
    mine = members.get((session.group_id or 0, row.user_id), ())
    ends = [one.active_until or ALWAYS for one in mine if _counts(one, session, now)]
    return max(ends, default=None)


def _counts(member: Membership, session: Session, now: datetime) -> bool:
    """It lasts; one that begins only later counts where it covers the session's start."""
    if member.active_until is not None and member.active_until <= now:
        return False
    return member.covers(now) or member.covers(session.scheduled_at)
