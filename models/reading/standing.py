"""Standing: what a session is to one person now. Nothing else says who may join or watch it.

A person manages the session, takes part in it, is barred from it, or has nothing to do with it.
The grounds of a standing are rows: places on rosters, memberships of groups, children of parents.
They are read at once for many people and sessions, and decide each standing without a query.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.access import UserRole, Viewer
from domain.membership import FAR_FUTURE
from domain.standing import Standing
from models.academy import open_to_teachers
from models.database import sql
from models.group import Membership
from models.participant import SessionParticipant
from models.session import Session
from models.user import Guardianship

Memberships = dict[tuple[int, int], list[Membership]]  # by group and person


@dataclass(frozen=True, slots=True)
class Grounds:
    """The rows that say what some sessions are to some people."""

    households: dict[int, set[int]]  # each viewer with the children they look after
    rows: dict[tuple[int, int], SessionParticipant]  # by session and person
    memberships: Memberships
    open_academies: Collection[int]  # those that let their teachers join all sessions

    def standing(
        self, viewer: Viewer, session: Session, now: datetime, user_id: int | None = None
    ) -> Standing:
        """Decide the viewer's standing; with `user_id`, by this person's place on the roster alone.

        A barred person stays out, whatever other rights they have; a barred child lets no parent
        in.
        """
        household = self._household(viewer)
        asked = household if user_id is None else household & {user_id}
        rows = [row for id in asked if (row := self.rows.get((session.id, id)))]
        barred = [row for row in rows if row.barred_at is not None]
        own = None if viewer.role is UserRole.STUDENT else viewer.user_id  # their children are
        ends = [
            self._end_of_place(session, row, now, is_student=row.user_id != own)
            for row in rows
            if row not in barred
        ]
        ways_in = [end for end in ends if end is not None]
        is_teacher_here = (
            viewer.role is UserRole.TEACHER and viewer.academy_id == session.academy_id
        )
        if user_id is None and is_teacher_here and session.academy_id in self.open_academies:
            ways_in.append(FAR_FUTURE)
        until = max(ways_in, default=FAR_FUTURE)
        manages = session.is_managed_by(viewer)
        is_barred_themselves = any(row.user_id == viewer.user_id for row in barred)
        return Standing(
            manages=manages,
            takes_part=bool(ways_in),
            is_barred=is_barred_themselves or bool(barred and not ways_in and not manages),
            until=None if manages or until == FAR_FUTURE else until,
        )

    def sees(self, viewer: Viewer, session: Session) -> bool:
        """Tell whether the viewer sees the session: of rows that were read, what the statement of
        `Session.visible_to` says."""
        if viewer.is_super_admin:
            return True
        if viewer.academy_id != session.academy_id:
            return False
        if viewer.runs_academy:
            return True
        places = (self.rows.get((session.id, id)) for id in self._household(viewer))
        if any(row is not None and row.shows(session) for row in places):
            return True
        is_teacher = viewer.role is UserRole.TEACHER
        is_open = session.academy_id in self.open_academies
        return is_teacher and (session.teacher_id == viewer.user_id or is_open)

    def sees_row(self, viewer: Viewer, session: Session, row: SessionParticipant) -> bool:
        """Tell whether the viewer sees a row of the session's roster: of rows that were read, what
        the statement of `SessionParticipant.visible_to` says."""
        if viewer.is_super_admin:
            return True
        if viewer.academy_id != session.academy_id:
            return False
        is_teacher_here = viewer.role is UserRole.TEACHER and session.teacher_id == viewer.user_id
        is_own = row.user_id in self._household(viewer) and row.is_in_force_in(session)
        return viewer.runs_academy or is_teacher_here or is_own

    def _household(self, viewer: Viewer) -> set[int]:
        # Somebody may be read as a parent and, with a newer row, as somebody else.
        is_parent = viewer.role is UserRole.PARENT
        return self.households[viewer.user_id] if is_parent else {viewer.user_id}

    def _end_of_place(
        self, session: Session, row: SessionParticipant, now: datetime, *, is_student: bool
    ) -> datetime | None:
        """Return until when this person takes part by their row; None when they do not now.

        Everybody on the roster may see how a session ended. A former student has no place of theirs
        in another role.
        """
        if row.is_added or session.status.is_over:
            return FAR_FUTURE
        if not is_student:
            return None
        if session.student_id == row.user_id:
            return FAR_FUTURE
        memberships = self.memberships.get((session.group_id or 0, row.user_id), ())
        ends = [one.term.lets_in_until(session.occasion, now) for one in memberships]
        return max((end for end in ends if end is not None), default=None)


async def read_grounds(viewers: Sequence[Viewer], sessions: Sequence[Session]) -> Grounds:
    """Read the grounds of these viewers in these sessions, in at most four statements per batch."""
    households = {viewer.user_id: {viewer.user_id} for viewer in viewers}
    parents = [viewer.user_id for viewer in viewers if viewer.role is UserRole.PARENT]
    ties = Guardianship.in_force().filter(guardian_id__in=parents)
    for tie in await ties if parents else []:
        households[tie.guardian_id].add(tie.child_id)

    rows: dict[tuple[int, int], SessionParticipant] = {}
    session_ids = [session.id for session in sessions]
    for some in sql.batches(sorted(set[int]().union(*households.values()))):
        found = SessionParticipant.filter(session_id__in=session_ids, user_id__in=some)
        rows |= {(row.session_id, row.user_id): row for row in await found}

    rostered = {session_id for session_id, _ in rows}
    groups = {one.group_id for one in sessions if one.group_id and one.id in rostered}
    memberships: Memberships = defaultdict(list)
    for some in sql.batches(sorted({user_id for _, user_id in rows})) if groups else ():
        theirs = Membership.filter(group_id__in=groups, user_id__in=some, withdrawn_at=None)
        for member in await theirs:
            memberships[member.group_id, member.user_id].append(member)

    teachers = [viewer for viewer in viewers if viewer.role is UserRole.TEACHER]
    homes = {teacher.academy_id for teacher in teachers if teacher.academy_id}
    open_settings = await open_to_teachers().filter(academy_id__in=homes) if homes else []
    open_academies = {row.academy_id for row in open_settings}
    return Grounds(households, rows, memberships, open_academies)


async def read_standings(
    viewer: Viewer, sessions: Sequence[Session], now: datetime
) -> dict[int, Standing]:
    """Read the viewer's standing in each of these sessions, by session id."""
    grounds = await read_grounds([viewer], sessions)
    return {session.id: grounds.standing(viewer, session, now) for session in sessions}


async def read_standings_of(
    pairs: Sequence[tuple[Session, Viewer]], now: datetime
) -> dict[tuple[int, int], Standing]:
    """Read the standing of each pair, by session id and user id, in a handful of statements."""
    found: dict[tuple[int, int], Standing] = {}
    for some in sql.batches(pairs):
        sessions = {session.id: session for session, _ in some}
        grounds = await read_grounds([viewer for _, viewer in some], list(sessions.values()))
        found |= {
            (session.id, viewer.user_id): grounds.standing(viewer, session, now)
            for session, viewer in some
        }
    return found
