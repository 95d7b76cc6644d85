"""The one place that says who may take part in a session: by joining it, and by watching it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.access import UserRole, Viewer
from domain.standing import Standing
from models.academy import letting_teachers_in
from models.database import sql
from models.group import Membership
from models.participant import SessionParticipant
from models.session import Session
from models.user import Guardianship

ALWAYS = datetime.max.replace(tzinfo=UTC)

Members = dict[tuple[int, int], list[Membership]]  # by group and person


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why some sessions are to some people what they are: read at once for all of them."""

    families: dict[int, set[int]]  # each of them with the children they look after
    rows: dict[tuple[int, int], SessionParticipant]  # by session and person
    members: Members
    visited: Collection[int]  # the academies that let their teachers join all sessions

    def standing(
        self, viewer: Viewer, session: Session, now: datetime, user_id: int | None = None
    ) -> Standing:
        """`user_id`: by this person's place on the roster alone, theirs or their child's."""
        family = self.families[viewer.user_id]
        asked = family if user_id is None else family & {user_id}
        rows = [row for id in asked if (row := self.rows.get((session.id, id)))]
        is_visitor = user_id is None and self._lets_in(viewer, session)
        return _standing(viewer, session, rows, self.members, now, is_visitor=is_visitor)

    def _lets_in(self, viewer: Viewer, session: Session) -> bool:
        is_home = viewer.academy_id == session.academy_id
        return viewer.role is UserRole.TEACHER and is_home and session.academy_id in self.visited


async def grounds(viewers: Sequence[Viewer], sessions: Sequence[Session]) -> Grounds:
    families = await _families(viewers)
    rows = await _rows([one.id for one in sessions], set[int]().union(*families.values()))
    members = await _members(sessions, rows)
    return Grounds(families, rows, members, await _visited(viewers))


async def standings(
    viewer: Viewer, sessions: Sequence[Session], now: datetime
) -> dict[int, Standing]:
    """What each of these sessions is to the viewer, by its id."""
    basis = await grounds([viewer], sessions)
    return {one.id: basis.standing(viewer, one, now) for one in sessions}


async def standings_of(
    places: Sequence[tuple[Session, Viewer]], now: datetime
) -> dict[tuple[int, int], Standing]:
    """What each session is to that person, by both ids; of all of them in a handful of reads."""
    found: dict[tuple[int, int], Standing] = {}
    for some in sql.batches(places):
        sessions = {session.id: session for session, _ in some}
        basis = await grounds([viewer for _, viewer in some], list(sessions.values()))
        found |= {
            (session.id, viewer.user_id): basis.standing(viewer, session, now)
            for session, viewer in some
        }
    return found


async def _families(viewers: Sequence[Viewer]) -> dict[int, set[int]]:
    """Each of them with the children they look after: of many what `theirs` is of one."""
    found = {viewer.user_id: {viewer.user_id} for viewer in viewers}
    parents = [viewer.user_id for viewer in viewers if viewer.role is UserRole.PARENT]
    for tie in await Guardianship.filter(guardian_id__in=parents) if parents else []:
        found[tie.guardian_id].add(tie.child_id)
    return found


async def _rows(
    session_ids: list[int], user_ids: Iterable[int]
) -> dict[tuple[int, int], SessionParticipant]:
    found: dict[tuple[int, int], SessionParticipant] = {}
    for some in sql.batches(sorted(user_ids)):
        rows = SessionParticipant.filter(session_id__in=session_ids, user_id__in=some)
        found |= {(row.session_id, row.user_id): row for row in await rows}
    return found


async def _visited(viewers: Iterable[Viewer]) -> set[int]:
    """Of the teachers' academies those whose sessions a teacher may join all."""
    homes = {one.academy_id for one in viewers if one.role is UserRole.TEACHER and one.academy_id}
    if not homes:
        return set()
    return {row.academy_id for row in await letting_teachers_in().filter(academy_id__in=homes)}


async def _members(sessions: Iterable[Session], rows: Collection[tuple[int, int]]) -> Members:
    rostered = {session_id for session_id, _ in rows}
    groups = {one.group_id for one in sessions if one.group_id and one.id in rostered}
    members: Members = defaultdict(list)
    if groups:
        for some in sql.batches(sorted({user_id for _, user_id in rows})):
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
